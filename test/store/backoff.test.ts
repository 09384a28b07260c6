/** docs/protocol/store.md, "Handing over": after `full` or `busy` 1 min doubling to 1 h; after a decision, T0. */
import { expect, test } from 'vitest';
import { Backoff } from '../../src/store/backoff.ts';

const M = 60_000;

test('silence and a busy or full neighbour: one minute, doubling to an hour', () => {
  for (const failure of [{ kind: 'silent' }, { kind: 'refuse', reason: 'full' }] as const) {
    const b = new Backoff();
    const pauses = Array.from({ length: 8 }, () => b.fail('k', failure, 0) / M);
    expect(pauses).toEqual([1, 2, 4, 8, 16, 32, 60, 60]);
  }
});

test.each(['seen', 'no-route', 'policy', 'malformed'] as const)('%s: not before T0', (reason) => {
  expect(new Backoff().fail('k', { kind: 'refuse', reason }, 0)).toBe(30 * M);
});

test('a pause holds for its time and its name', () => {
  const b = new Backoff();
  b.fail('k', { kind: 'silent' }, 1000);
  expect(b.waits('k', 1000 + M - 1)).toBe(true);
  expect(b.waits('k', 1000 + M)).toBe(false);
  expect(b.waits('other', 1000)).toBe(false);
});

test('a sign of life ends a pause after silence, but not one after a refusal, and not at once', () => {
  const b = new Backoff();
  b.fail('silent', { kind: 'silent' }, 0);
  b.heard('silent', 14_999);
  expect(b.waits('silent', 15_000)).toBe(true);
  b.heard('silent', 15_000);
  expect(b.waits('silent', 15_000)).toBe(false);
  b.fail('full', { kind: 'refuse', reason: 'full' }, 0);
  b.heard('full', 20_000);
  expect(b.waits('full', 20_000)).toBe(true);
});

test('being heard does not reset the count: somebody heard but deaf is not pestered', () => {
  const b = new Backoff();
  b.fail('k', { kind: 'silent' }, 0);
  b.heard('k', 20_000);
  expect(b.fail('k', { kind: 'silent' }, 20_000)).toBe(2 * M);
  b.clear('k');
  expect(b.fail('k', { kind: 'silent' }, 40_000)).toBe(M);
});
