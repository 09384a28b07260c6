import type {
  LanStatus,
  LawStatus,
  MailboxStatus,
  NeighbourStatus,
  NodeStatus,
  RadioStatus,
} from '../../api/types.ts';
import { type Command, EXIT, JSON_FLAG } from '../command.ts';
import { amount, columns, counted, duration } from '../format.ts';
import { printable } from '../printable.ts';

/** `nexus status`. */
export const status: Command = {
  name: 'status',
  parameters: [],
  flags: JSON_FLAG,
  summary: 'show how the box is: radio, law, airtime, neighbours, messages, store, counters',
  async run({ client, flag, out }) {
    const now = await client.status();
    if (flag('json')) out(printable(JSON.stringify(now)));
    else for (const line of statusLines(now)) out(line);
    return EXIT.ok;
  },
};

/** The whole status for people. */
export function statusLines(s: NodeStatus): string[] {
  const lines = columns([
    ['box', `${s.name === undefined ? '' : `${printable(s.name)}, `}node ${s.identity.nodeId}`],
    ['up', `${duration(s.uptimeMs)}, version ${s.version}`],
    ['radio', s.radio ? radio(s.radio) : 'none'],
    ...(s.law
      ? [
          ['law', lawful(s.law)],
          ['airtime', airtime(s.law)],
        ]
      : []),
    ...(s.lan ? [['lan', lan(s.lan)]] : []),
    [
      'messages',
      `${s.messages.waiting} waiting, ${s.messages.outbox} written here, ${s.messages.inbox} received`,
    ],
    ['mailboxes', s.mailboxes.length === 0 ? 'none yet' : s.mailboxes.map(mailbox).join(', ')],
    ['store', `${counted(s.store.objects, 'object')}, ${amount(s.store.bytes)}, ${s.store.state}`],
  ]);
  for (const sentence of [s.radio?.sentence, s.store.sentence])
    if (sentence !== undefined) lines.push(printable(sentence));
  lines.push('', s.neighbours.length === 0 ? 'no neighbours heard' : 'neighbours');
  lines.push(...columns(s.neighbours.map(neighbour)));
  const counters = Object.entries(s.counters);
  if (counters.length > 0)
    lines.push('', 'counters', ...columns(counters.map(([k, n]) => [`  ${k}`, String(n)])));
  return lines;
}

function mailbox({ name, nodeId, registered }: MailboxStatus): string {
  const who = name === undefined ? nodeId.slice(0, 8) : printable(name);
  return registered ? who : `${who} (not heard since the start)`;
}

function radio(r: RadioStatus): string {
  const channel = `${r.frequencyHz / 1e6} MHz, ${r.bandwidthHz / 1e3} kHz, SF${r.spreadingFactor}, 4/${r.codingRate}`;
  const floor = r.noiseFloorDbm === undefined ? '' : `, noise floor ${Math.round(r.noiseFloorDbm)} dBm`;
  return `${r.health}: ${r.board}, ${r.region} ${channel}, ${r.powerDbm} dBm${floor}`;
}

/** `869.4–869.65 MHz: 10 % of any hour on air, at most 27 dBm ERP` */
function lawful({
  density,
  dutyCycle,
  dwellMs,
  fromHz,
  listenBeforeTalk,
  maxPowerDbm,
  minBandwidthHz,
  powerIs,
  toHz,
}: LawStatus): string {
  const rules = [
    dutyCycle === undefined ? '' : `${Number((100 * dutyCycle).toPrecision(3))} % of any hour on air`,
    dwellMs === undefined ? '' : `${dwellMs} ms a transmission`,
    listenBeforeTalk === undefined
      ? ''
      : `${listenBeforeTalk.ms} ms below ${listenBeforeTalk.thresholdDbm} dBm before each`,
    minBandwidthHz === undefined ? '' : `channels from ${minBandwidthHz / 1000} kHz on`,
    `at most ${maxPowerDbm} dBm ${powerIs}`,
    density === undefined ? '' : dense(density),
  ].filter((rule) => rule !== '');
  return `${fromHz / 1e6}–${toHz / 1e6} MHz: ${rules.join(', ')}`;
}

/** `12.2 dBm in each 100 kHz of channels above 200 kHz` */
function dense({ aboveHz, dbm, perHz }: NonNullable<LawStatus['density']>): string {
  const each = `${Number(dbm.toFixed(1))} dBm in each ${perHz / 1000} kHz`;
  return aboveHz === 0 ? each : `${each} of channels above ${aboveHz / 1000} kHz`;
}

function airtime(law: LawStatus): string {
  if (law.allowedMs === undefined) return `${duration(law.usedMs)} in the past hour`;
  return `${duration(law.usedMs)} of the ${Number((law.allowedMs / 1000).toPrecision(3))} s an hour that the law allows`;
}

function lan({ port, connections }: LanStatus): string {
  return `${counted(connections, 'connection')}, ${port === undefined ? 'takes none' : `port ${port}`}`;
}

function neighbour(n: NeighbourStatus): string[] {
  return [
    `  ${n.nodeId.slice(0, 8)}`,
    n.name === undefined ? '' : printable(n.name),
    n.medium,
    n.heardMsAgo === undefined ? 'not heard' : `heard ${duration(n.heardMsAgo)} ago`,
    n.rssiDbm === undefined ? '' : `${Math.round(n.rssiDbm)} dBm`,
    n.snrDb === undefined ? '' : `SNR ${n.snrDb.toFixed(1)} dB`,
    n.linked ? 'linked' : '',
  ];
}
