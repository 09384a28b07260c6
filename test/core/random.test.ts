import { describe, expect, test } from 'vitest';
import { below, gaussian, SeededRandom, SystemRandom, uniform } from '../../src/core/random.ts';

describe('seeded', () => {
  test('gives the same stream for the same seed, another for another', () => {
    const draw = (seed: string) => new SeededRandom(seed).bytes(40);
    expect(draw('a')).toEqual(draw('a'));
    expect(draw('a')).not.toEqual(draw('b'));
  });
  test('forks by label, whatever was drawn before', () => {
    const one = new SeededRandom(1);
    const two = new SeededRandom(1);
    two.bytes(100);
    expect(one.fork('x').bytes(8)).toEqual(two.fork('x').bytes(8));
    expect(one.fork('x').bytes(8)).not.toEqual(one.fork('y').bytes(8));
  });
  test('is spread evenly enough for simulations', () => {
    const random = new SeededRandom(3);
    const n = 20_000;
    const draws = Array.from({ length: n }, () => below(random, 16));
    const counts = draws.reduce((c, d) => c.with(d, (c[d] as number) + 1), new Array<number>(16).fill(0));
    for (const c of counts) expect(Math.abs(c - n / 16)).toBeLessThan(5 * Math.sqrt(n / 16));
    const normal = Array.from({ length: n }, () => gaussian(random, 2, 3));
    const mean = normal.reduce((a, b) => a + b) / n;
    const deviation = Math.sqrt(normal.reduce((a, b) => a + (b - mean) ** 2, 0) / n);
    expect(mean).toBeCloseTo(2, 0);
    expect(deviation).toBeCloseTo(3, 0);
  });
});

test("the system's gives as many bytes as asked for, beyond one call's limit too", () => {
  const bytes = new SystemRandom().bytes(200_000);
  expect(bytes).toHaveLength(200_000);
  expect(new Set(bytes.subarray(150_000)).size).toBe(256);
  expect(uniform(new SystemRandom())).toBeLessThan(1);
});
