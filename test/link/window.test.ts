/** docs/protocol/link.md, "Sealed frame": the whole counter from 16 bits, each once within a window of 64. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ReplayWindow } from '../../src/link/window.ts';

const openedUpTo = (n: bigint) => {
  const window = new ReplayWindow();
  window.add(n);
  return window;
};

describe('the closest counter with these 16 bits', () => {
  test.each([
    ['the first', undefined, 0, 0n],
    ['the first ones lost', undefined, 40, 40n],
    ['the next', 5n, 6, 6n],
    ['one behind', 5n, 3, 3n],
    ['over the border', 0xfffen, 2, 0x10002n],
    ['back over the border', 0x10001n, 0xfffe, 0xfffen],
    ['far ahead', 0x10000n, 0x7fff, 0x17fffn],
    ['both as close: the higher', 0x10000n, 0x8000, 0x18000n],
    ['closer behind', 0x10000n, 0x8001, 0x8001n],
    ['never below zero', 5n, 0xffff, 0xffffn],
    ['late in a long session', 0x5_0000_0003n, 0xffff, 0x4_ffff_ffffn],
  ])('%s', (_what, highest, low, n) => {
    const window = highest === undefined ? new ReplayWindow() : openedUpTo(highest);
    expect(window.reconstruct(low)).toBe(n);
  });

  test('holds for every counter within 2^15 of the highest', () => {
    fc.assert(
      fc.property(fc.bigInt(0n, 2n ** 40n), fc.integer({ min: -32767, max: 32768 }), (highest, step) => {
        const n = highest + BigInt(step);
        fc.pre(n >= 0n);
        expect(openedUpTo(highest).reconstruct(Number(n & 0xffffn))).toBe(n);
      }),
    );
  });
});

describe('each counter once', () => {
  test('the 64 highest may come in any order, none twice, none older', () => {
    const window = openedUpTo(100n);
    expect(window.accepts(100n)).toBe(false);
    expect(window.accepts(37n)).toBe(true);
    expect(window.accepts(36n)).toBe(false);
    window.add(37n);
    expect(window.accepts(37n)).toBe(false);
    window.add(101n);
    expect(window.accepts(38n)).toBe(true);
    expect(window.accepts(37n)).toBe(false);
  });

  test('a leap beyond the window forgets nothing it should know', () => {
    const window = openedUpTo(3n);
    window.add(1000n);
    expect([1000n, 937n, 936n, 3n].map((n) => window.accepts(n))).toEqual([false, true, false, false]);
  });

  test('is what a list of all counters would say', () => {
    fc.assert(
      fc.property(fc.array(fc.bigInt(0n, 200n), { maxLength: 100 }), (counters) => {
        const window = new ReplayWindow();
        const seen = new Set<bigint>();
        for (const n of counters) {
          const highest = [...seen].reduce((a, b) => (a > b ? a : b), -1n);
          const expected = !seen.has(n) && n > highest - 64n;
          expect(window.accepts(n)).toBe(expected);
          if (!expected) continue;
          window.add(n);
          seen.add(n);
        }
      }),
    );
  });
});
