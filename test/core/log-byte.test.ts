/** docs/protocol/store.md: x means round(2^(x/16)) minutes, x = 0 … 246. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { LONGEST_LOG_BYTE, logByteOf, minutesOf } from '../../src/core/log-byte.ts';

describe('the log byte', () => {
  test.each([
    [0, 1],
    [16, 2],
    [32, 4],
    [64, 16],
    [94, 59],
    [168, 1448],
    [246, 42_495],
  ])('%i is %i minutes', (x, minutes) => {
    expect(minutesOf(x)).toBe(minutes);
  });

  test('beyond 246, about thirty days, is refused', () => {
    for (let x = LONGEST_LOG_BYTE + 1; x < 256; x++) expect(minutesOf(x)).toBeUndefined();
  });

  test('never goes back', () => {
    for (let x = 1; x <= LONGEST_LOG_BYTE; x++)
      expect(minutesOf(x)).toBeGreaterThanOrEqual(minutesOf(x - 1) ?? Number.NaN);
  });

  test('of minutes is the least that is not below them', () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 42_495, noNaN: true }), (minutes) => {
        const x = logByteOf(minutes);
        expect(minutesOf(x)).toBeGreaterThanOrEqual(minutes);
        if (x > 0) expect(minutesOf(x - 1)).toBeLessThan(minutes);
      }),
    );
  });

  test('of more than it can say is the greatest', () => {
    expect(logByteOf(42_496)).toBe(LONGEST_LOG_BYTE);
    expect(logByteOf(Number.POSITIVE_INFINITY)).toBe(LONGEST_LOG_BYTE);
  });
});
