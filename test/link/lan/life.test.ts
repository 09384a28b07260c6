/** docs/protocol/link.md, "The LAN": when a connection ends. */
import { expect, test } from 'vitest';
import { type Life, lifeOf } from '../../../src/link/lan/life.ts';

const NOW = 1_000_000;
const LIFE: Life = {
  ...{ since: 0, named: true, proven: true, frames: 1_000, heardAt: NOW, saidAt: NOW },
  ...{ midwaySince: undefined, bufferedSince: undefined },
};

test.each<[string, Partial<Life>, string, Partial<Life>]>([
  [
    'says who it is in 5 s',
    { since: NOW - 4_999, named: false },
    'no-preamble',
    { since: NOW - 5_000, named: false },
  ],
  [
    'is proven in 30 s',
    { since: NOW - 29_999, proven: false, frames: 64 },
    'unproven',
    { since: NOW - 30_000, proven: false, frames: 64 },
  ],
  [
    'is proven in 64 frames',
    { since: NOW, proven: false, frames: 64 },
    'unproven',
    { since: NOW, proven: false, frames: 65 },
  ],
  ['ends a frame in 10 s', { midwaySince: NOW - 9_999 }, 'stalled', { midwaySince: NOW - 10_000 }],
  ['says something in 45 s', { heardAt: NOW - 44_999 }, 'silent', { heardAt: NOW - 45_000 }],
  [
    'takes what it is told in 30 s',
    { bufferedSince: NOW - 29_999 },
    'not-reading',
    { bufferedSince: NOW - 30_000 },
  ],
  ['is told in 15 s that this end lives', { saidAt: NOW - 14_999 }, 'keep-alive', { saidAt: NOW - 15_000 }],
])('a connection lives that %s', (_what, before, then, after) => {
  expect(lifeOf({ ...LIFE, ...before }, NOW)).toBe('good');
  expect(lifeOf({ ...LIFE, ...after }, NOW)).toBe(then);
});
