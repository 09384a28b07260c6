/** The rows of `nexus routes`. */
import { expect, test } from 'vitest';
import { routeRow } from '../../src/cli/commands/routes.ts';

const D = `d${'0'.repeat(31)}`;
const B = `b${'0'.repeat(31)}`;

test.each([
  [
    'in earshot',
    { next: { via: D, hops: 1, airtimeMs: 730 }, alternatives: 0 },
    ['direct', '1', '0.73 s', ''],
  ],
  [
    'behind a neighbour',
    { next: { via: B, hops: 3, airtimeMs: 5200 }, alternatives: 1 },
    ['b0000000', '3', '5.20 s', '1 route'],
  ],
  [
    'away, at its mailbox',
    { next: { via: B, viaName: 'hill', hops: 2, away: true, airtimeMs: 9 }, alternatives: 2 },
    ['hill', '2', 'away', '2 routes'],
  ],
  [
    'behind a neighbour that is away',
    { awaited: { via: B, viaName: 'hill' }, alternatives: 1 },
    ['waits for hill'],
  ],
  [
    'behind one that is away and has no name',
    { awaited: { via: B }, alternatives: 1 },
    ['waits for b0000000'],
  ],
  ['out of reach', { alternatives: 0 }, ['no route']],
] as const)('a node %s', (_what, entry, row) => {
  expect(routeRow({ nodeId: D, name: 'tower', ...entry })).toEqual(['d0000000', 'tower', ...row]);
});
