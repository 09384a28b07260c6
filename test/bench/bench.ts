/** `make bench`: what a message costs on air, and what the daemon costs the machine. */
import { footprint } from './daemon.ts';
import { lanRates } from './lan.ts';
import { mailboxRows } from './mailbox.ts';
import { pullTimes } from './mailbox-pull.ts';
import { meshes, routing } from './mesh.ts';
import { type Cost, onAir } from './on-air.ts';
import { storeCost } from './store.ts';

const say = (line = '') => process.stdout.write(`${line}\n`);
const seconds = (ms: number) => (ms / 1000).toFixed(2);

function print(cells: readonly (string | number)[]): void {
  const widths = [18, 4, 7, 7, 8, 7, 7, 8, 7, 7, 8];
  say(
    cells
      .map((c, i) => (i === 0 ? String(c).padEnd(widths[i] ?? 8) : String(c).padStart(widths[i] ?? 8)))
      .join(' '),
  );
}

say('One text between two neighbours, 125 kHz, 4/5, EU868 10 %: all frames of both boxes, receipt included.');
say(
  '"first": announces heard, handshake included; "next": session stands; "minimum": the raw text in 255-byte frames.',
);
say();
print(['', '', 'first', '', '', 'next', '', '', 'minimum', '', '']);
print(['text', 'SF', 'bytes', 'air s', 'total s', 'bytes', 'air s', 'total s', 'bytes', 'air s', 'air/min']);
for (const { what, spreadingFactor, first, next, minimum } of await onAir()) {
  const cells = (c: Cost) => [c.bytes, seconds(c.airtimeMs), seconds(c.deliveredMs)];
  const ratio = (next.airtimeMs / minimum.airtimeMs).toFixed(2);
  print([
    what,
    spreadingFactor,
    ...cells(first),
    ...cells(next),
    minimum.bytes,
    seconds(minimum.airtimeMs),
    ratio,
  ]);
}

say();
say('Through a mailbox, the recipient away: to it, from it with both receipts, and the latter after a boot');
say(
  '(handshakes, sealed frames and receipts of all three boxes; first-contact form, 78 bytes twice over what a',
);
say('conversation will cost):');
for (const { down, downAfterBoot, spreadingFactor, up, what } of await mailboxRows())
  say(
    `${what.padEnd(18)} SF${spreadingFactor}  up ${up.bytes}  down ${down.bytes}  total ${up.bytes + down.bytes} bytes, ${seconds(up.airtimeMs + down.airtimeMs)} s; down after a boot ${downAfterBoot.bytes} bytes, ${seconds(downAfterBoot.airtimeMs)} s`,
  );

const pull = await pullTimes();
say();
say(
  `A box comes back to ${pull.waiting} waiting messages on the loopback LAN: linked ${pull.linkedMs.toFixed(0)} ms after its start, the first ${(pull.firstMs - pull.linkedMs).toFixed(0)} ms later, all ${(pull.lastMs - pull.linkedMs).toFixed(0)} ms after the link`,
);

const { startsMs, rssMb, rssAnonMb } = await footprint();
const sorted = [...startsMs].sort((a, b) => a - b);
say();
say(
  `nexusd start to ready: median ${sorted[2]?.toFixed(0)} ms (${startsMs.map((ms) => ms.toFixed(0)).join(', ')})`,
);
say(
  `nexusd idle after 3 s: RSS ${rssMb.toFixed(0)} MB, of which private (RssAnon) ${rssAnonMb.toFixed(0)} MB`,
);

const { oneByOne, together } = await lanRates();
say();
say('Two boxes on the loopback LAN in one process, 92-byte texts, durable at both ends and receipted:');
say(
  `${oneByOne.toFixed(0)} messages/s one after the other, ${together.toFixed(0)} messages/s when a thousand wait`,
);

const percent = (x: number) => `${(100 * x).toFixed(2)} %`;
const row = (cells: readonly string[]) =>
  say(cells.map((c, i) => (i === 0 ? c.padEnd(32) : c.padStart(11))).join(''));

say();
say(
  'Meshes of random shape, six neighbours each, four texts of 100 B per box and day for 12 h, 12 h after power-up;',
);
say('"minimum": the text alone over the shortest path; "routing": share of channel time at the busiest box.');
row([
  'mesh',
  'delivered',
  'known',
  'median s',
  'p95 s',
  'stretch',
  'air s',
  'minimum s',
  'routing',
  'violations',
]);
for await (const { name, figures: f, violations } of meshes())
  row([
    name,
    `${f.delivered}/${f.deliverable}`,
    percent(f.receipted),
    f.medianS.toFixed(1),
    f.p95S.toFixed(1),
    f.stretch.toFixed(2),
    f.airS.toFixed(2),
    f.minimumS.toFixed(2),
    percent(f.routingMost),
    String(violations),
  ]);

say();
say(
  'Routing without mail, hours 6 to 12 after power-up: share of channel time, on average and at the busiest box.',
);
for await (const { name, figures: f } of routing())
  row([name, percent(f.routingMean), percent(f.routingMost)]);

const { rows, writtenPerObject } = await storeCost([0, 10_000, 50_000, 100_000], 10_000);
say();
say('A relay that takes 300-byte objects for 500 recipients from 8 neighbours on the loopback LAN:');
row(['held', 'taken/s', 'RssAnon MB', 'restarted', 'start ms']);
for (const r of rows)
  row([
    String(r.held),
    r.perSecond.toFixed(0),
    r.rssAnonMb.toFixed(0),
    r.restartedRssAnonMb.toFixed(0),
    r.startMs.toFixed(0),
  ]);
say(`written to the disk (strace, data file) for each object: ${writtenPerObject.toFixed(0)} bytes`);
