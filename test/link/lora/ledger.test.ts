import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { HOUR_MS, Ledger, microsOf } from '../../../src/link/lora/ledger.ts';

test('airtime is counted in whole microseconds, rounded up', () => {
  expect(microsOf(46.336)).toBe(46_336);
  expect(microsOf(46.3361)).toBe(46_337);
  expect(microsOf(0.1 + 0.2)).toBe(300);
});

describe('the hour', () => {
  test('a transmission counts until an hour after its end, and then not at all', () => {
    const ledger = new Ledger();
    ledger.add({ at: 1000, micros: 500 });
    ledger.add({ at: 2000, micros: 300 });
    expect(ledger.spent(1000 + HOUR_MS - 1)).toBe(800);
    expect(ledger.spent(1000 + HOUR_MS)).toBe(300);
    expect(ledger.spent(2000 + HOUR_MS)).toBe(0);
  });

  test('there is room again when enough has grown old', () => {
    const ledger = new Ledger();
    for (let i = 0; i < 10; i++) ledger.add({ at: 100 * i, micros: 1000 });
    expect(ledger.whenAtMost(10_000, 950)).toBe(950);
    expect(ledger.whenAtMost(9_999, 950)).toBe(HOUR_MS);
    expect(ledger.whenAtMost(7_500, 950)).toBe(200 + HOUR_MS);
    expect(ledger.whenAtMost(0, 950)).toBe(900 + HOUR_MS);
  });

  test('at the time it names there is room, whatever the clock’s fractions are', () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 1e9, noNaN: true }), (at) => {
        const ledger = new Ledger();
        ledger.add({ at, micros: 10 });
        expect(ledger.spent(ledger.whenAtMost(9, at))).toBe(0);
      }),
    );
  });

  test('transmissions are entered in order', () => {
    const ledger = new Ledger();
    ledger.add({ at: 1000, micros: 1 });
    expect(() => ledger.add({ at: 999, micros: 1 })).toThrow();
  });
});

describe('the summary', () => {
  const entries = fc.array(
    fc.record({
      gap: fc.integer({ min: 0, max: 300_000 }),
      micros: fc.integer({ min: 1, max: 400 }),
    }),
    { maxLength: 100 },
  );

  test('property: at no later time is less spent, in few pieces', () => {
    fc.assert(
      fc.property(entries, fc.integer({ min: 0, max: HOUR_MS }), (list, later) => {
        const exact = new Ledger();
        let now = 0;
        for (const { gap, micros } of list) {
          now += gap;
          exact.add({ at: now, micros });
        }
        const pieces = exact.summary(now, 1000);
        const coarse = new Ledger();
        for (const piece of pieces) coarse.add(piece);
        expect(coarse.spent(now)).toBe(exact.spent(now));
        expect(pieces.length).toBeLessThanOrEqual(2 * Math.ceil(exact.spent(now) / 1000) + 1);
        expect(coarse.spent(now + later)).toBeGreaterThanOrEqual(exact.spent(now + later));
      }),
    );
  });
});

test.each([
  ['looked at', true],
  ['only added to', false],
])('memory follows the hour, not the years, where it is %s', (_what, isLookedAt) => {
  const ledger = new Ledger();
  let now = 0;
  let most = 0;
  for (let i = 0; i < 50_000; i++) {
    now += 2000;
    ledger.add({ at: now, micros: 1 });
    if (isLookedAt) ledger.spent(now);
    most = Math.max(most, ledger.size);
  }
  // an hour's, as many that have expired, and a thousand before it is worth while to throw them away
  expect(most).toBeLessThan(2 * 1800 + 1002);
  expect(ledger.spent(now)).toBe(1800);
});
