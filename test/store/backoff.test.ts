/** docs/protocol/store.md, "Handing over": after `full` or `busy` 1 min doubling to 1 h; after a decision, T0. */
import { expect, test } from 'vitest';
import { Backoff, firstPause } from '../../src/store/backoff.ts';

const M = 60_000;

test.each([
  ['full', [1, 2, 4, 8, 16, 32, 60, 60, 60, 60, 60]],
  ['silent', [1, 2, 4, 8, 16, 32, 64, 128, 256, 480, 480]],
] as const)('a neighbour that is %s: one minute, doubling to an hour or eight', (failure, pauses) => {
  const b = new Backoff();
  expect(pauses.map(() => b.fail('k', failure, 0) / M)).toEqual(pauses);
  expect(b.failures('k')).toBe(pauses.length);
});

test('a pause holds for its time and its name', () => {
  const b = new Backoff();
  b.fail('k', 'silent', 1000);
  expect(b.waitMs('k', 1000 + M - 1)).toBe(1);
  expect(b.waitMs('k', 1000 + M)).toBe(0);
  expect(b.waitMs('other', 1000)).toBe(0);
});

test('a sign of life ends a pause after silence, but not one after a refusal, and not at once', () => {
  const b = new Backoff();
  b.fail('silent', 'silent', 0);
  b.heard('silent', 14_999);
  expect(b.waitMs('silent', 15_000)).toBeGreaterThan(0);
  b.heard('silent', 15_000);
  expect(b.waitMs('silent', 15_000)).toBe(0);
  b.fail('full', 'full', 0);
  b.heard('full', 20_000);
  expect(b.waitMs('full', 20_000)).toBeGreaterThan(0);
});

test('somebody heard but deaf is not pestered: the count stays, and signs of life count later and later', () => {
  const b = new Backoff();
  b.fail('k', 'silent', 0);
  b.heard('k', 20_000);
  expect(b.fail('k', 'silent', 20_000)).toBe(2 * M);
  b.heard('k', 20_000 + 29_999);
  expect(b.waitMs('k', 50_000)).toBeGreaterThan(0);
  b.heard('k', 20_000 + 30_000);
  expect(b.waitMs('k', 50_000)).toBe(0);
  b.clear('k');
  expect(b.fail('k', 'silent', 60_000)).toBe(M);
});

test('after silence, the faster the air the shorter the first pause: 20 exchanges, 5 s to 1 min', () => {
  expect(firstPause(undefined)).toBe(5_000);
  expect(firstPause(100)).toBe(5_000);
  expect(firstPause(500)).toBe(10_000);
  expect(firstPause(9_000)).toBe(M);
  const b = new Backoff();
  expect([0, 1, 2].map((at) => b.fail('k', 'silent', at, 10_000))).toEqual([10_000, 20_000, 40_000]);
  b.heard('k', 2 + 9_999);
  expect(b.waitMs('k', 10_001)).toBeGreaterThan(0);
  b.heard('k', 2 + 10_000);
  expect(b.waitMs('k', 10_002)).toBe(0);
});

test('of those that failed, the 4,096 last are remembered: a crowd of names does not fill memory', () => {
  const b = new Backoff();
  for (let i = 0; i < 4_096; i++) b.fail(`k${i}`, 'silent', i);
  b.fail('k0', 'silent', 5_000); // again: it is the last one now
  b.fail('one more', 'silent', 5_000);
  expect([b.failures('k0'), b.failures('k1'), b.failures('k2')]).toEqual([2, 0, 1]);
});
