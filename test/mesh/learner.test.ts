/** docs/protocol/mesh.md, "Route digests". */
import { expect, test } from 'vitest';
import { logByteOf } from '../../src/core/log-byte.ts';
import { believedT0, lifetime, refreshInterval } from '../../src/mesh/learner.ts';

const HOUR = 3_600_000;

test('a route is said every T0 by its own end and those next to it, ever more rarely farther away, and lasts three times as long', () => {
  expect([0, 1, 2, 3, 4, 40].map((hops) => refreshInterval(HOUR, hops) / HOUR)).toEqual([1, 1, 2, 4, 8, 8]);
  expect([0, 1, 2, 3, 4, 40].map((hops) => lifetime(HOUR, hops) / HOUR)).toEqual([3, 3, 6, 12, 24, 24]);
});

test('a neighbour that says a T0 of weeks is believed twelve hours: what it leads to is forgotten within days', () => {
  expect(believedT0(logByteOf(31)) / HOUR).toBeCloseTo(31 / 60, 1);
  expect(believedT0(246)).toBe(12 * HOUR);
});
