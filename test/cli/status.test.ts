/** What `nexus status` says of the law, in every region there is: docs/protocol/link.md, "The law". */
import { describe, expect, test } from 'vitest';
import { REGIONS, type SubBand, subBandOf } from '../../board/regions.ts';
import type { NodeStatus } from '../../src/api/types.ts';
import { statusLines } from '../../src/cli/commands/status.ts';

const QUIET: NodeStatus = {
  version: 'test',
  identity: { nodeId: '00', contact: 'nxs1', publicKey: '00' },
  uptimeMs: 0,
  neighbours: [],
  mailboxes: [],
  pub: { topics: [], kept: 0 },
  messages: { waiting: 0, inbox: 0, outbox: 0 },
  store: { objects: 0, bytes: 0, state: 'ok' },
  counters: {},
};

/** The line that begins with `title`, without it. */
const line = (status: NodeStatus, title: string) =>
  statusLines(status)
    .find((l) => l.startsWith(`${title} `))
    ?.slice(title.length)
    .trim();

const subBandIn = (name: string): SubBand => {
  const region = REGIONS.find((r) => r.name === name);
  const found = region && subBandOf(region, region.defaults.frequencyHz, region.defaults.bandwidthHz);
  if (!found) throw new Error(`no default channel in ${name}`);
  return found;
};

describe('the law', () => {
  test.each([
    ['EU868', '869.4–869.65 MHz: 10 % of any hour on air, at most 27 dBm ERP'],
    ['EU433', '433.05–434.79 MHz: 10 % of any hour on air, at most 10 dBm ERP'],
    ['US915', '902–928 MHz: 400 ms a transmission, channels from 500 kHz on, at most 30 dBm EIRP'],
    ['AU915', '915–928 MHz: 400 ms a transmission, at most 30 dBm EIRP, 14 dBm in each 3 kHz'],
    [
      'AS923',
      '915–928 MHz: 1 % of any hour on air, 400 ms a transmission, 5 ms below -80 dBm before each, at most 16 dBm EIRP',
    ],
    ['IN865', '865–867 MHz: at most 30 dBm EIRP'],
    ['KR920', '922–923.4 MHz: 6 ms below -65 dBm before each, at most 14 dBm EIRP'],
    [
      'CN470',
      '470–510 MHz: 1000 ms a transmission, at most 19 dBm EIRP, 12.2 dBm in each 100 kHz of channels above 200 kHz',
    ],
  ])('of %s is said with its sub-band', (name, shown) => {
    expect(line({ ...QUIET, law: { ...subBandIn(name), usedMs: 0 } }, 'law')).toBe(shown);
  });

  test('of every region is here', () => {
    expect(REGIONS).toHaveLength(8);
  });

  test('of a tenth of a percent is not rounded away', () => {
    const law = { ...subBandIn('EU868'), dutyCycle: 0.001, usedMs: 1_234, allowedMs: 3_600 };
    expect(line({ ...QUIET, law }, 'law')).toMatch(/: 0\.1 % of any hour/);
    expect(line({ ...QUIET, law }, 'airtime')).toBe('1.23 s of the 3.6 s an hour that the law allows');
  });

  test('does not concern a box without radio', () => {
    expect(line(QUIET, 'law')).toBeUndefined();
    expect(line(QUIET, 'radio')).toBe('none');
  });
});
