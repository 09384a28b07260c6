/** docs/protocol/mesh.md, "Path cost". */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { toHex, Writer } from '../../src/core/bytes.ts';
import {
  bandwidthOf,
  bottleneckOf,
  congested,
  HOP_LIMIT,
  metricOf,
  msOf,
  OWN_COST,
  RETRACTED,
  through,
  writeCost,
} from '../../src/mesh/metric.ts';

const LINK = { ms: 500, bandwidth: 5000 };

test('six bytes: metric u16, price u16, bottleneck u8, hops u8', () => {
  const cost = { metric: 0x1234, price: 0x0102, bottleneck: 98, hops: 3 };
  expect(toHex(writeCost(new Writer(6), cost).bytes())).toBe('341202016203');
});

test.each([
  [0, 0],
  [1, 2048],
  [3, 4096],
  [500, 18368],
  [60_000, 32507],
])('%i ms is the metric %i', (ms, metric) => {
  expect(metricOf(ms)).toBe(metric);
});

test.each([
  [1, 0],
  [880, 78],
  [5000, 98],
  [Number.POSITIVE_INFINITY, 255],
])('%d bit/s is the byte %i', (bandwidth, byte) => {
  expect(bottleneckOf(bandwidth)).toBe(byte);
});

test('what a byte says of a bandwidth is right within 5 %', () => {
  fc.assert(
    fc.property(fc.integer({ min: 10, max: 1_000_000 }), (bandwidth) => {
      expect(Math.abs(bandwidthOf(bottleneckOf(bandwidth)) / bandwidth - 1)).toBeLessThan(0.05);
    }),
  );
  expect(bandwidthOf(255)).toBe(Number.POSITIVE_INFINITY);
});

describe('a link more', () => {
  test('adds its airtime and a hop, and may be the bottleneck', () => {
    const one = through(OWN_COST, LINK);
    expect(one).toEqual({ metric: metricOf(500), price: 0, bottleneck: 98, hops: 1 });
    const two = through(one, { ms: 700, bandwidth: 1_000_000 });
    expect(Math.abs(msOf(two.metric) - 1200)).toBeLessThan(1);
    expect(two).toMatchObject({ bottleneck: 98, hops: 2 });
  });

  test('is never hidden by rounding', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 0xfffd }),
        fc.double({ min: 0, max: 1e6, noNaN: true }),
        (metric, ms) => {
          expect(through({ ...OWN_COST, metric }, { ms, bandwidth: 1 }).metric).toBeGreaterThan(metric);
        },
      ),
    );
  });

  test('ends where the scale or the hop limit does', () => {
    expect(through({ ...OWN_COST, metric: 0xfffe }, LINK).metric).toBe(RETRACTED);
    expect(through({ ...OWN_COST, metric: RETRACTED }, LINK).metric).toBe(RETRACTED);
    expect(through({ ...OWN_COST, hops: HOP_LIMIT - 1 }, LINK).metric).not.toBe(RETRACTED);
    expect(through({ ...OWN_COST, hops: HOP_LIMIT }, LINK).metric).toBe(RETRACTED);
  });
});

test('a full queue doubles the airtime, half a one adds a quarter', () => {
  const cost = { ...OWN_COST, metric: metricOf(1000) };
  expect(msOf(congested(cost, 1).metric)).toBeCloseTo(2000, -1);
  expect(msOf(congested(cost, 0.5).metric)).toBeCloseTo(1250, -1);
  expect(congested(cost, 0)).toBe(cost);
  expect(congested({ ...cost, metric: RETRACTED }, 1).metric).toBe(RETRACTED);
});
