/** docs/protocol/link.md: backoff and bursts. */
import { expect, test } from 'vitest';
import { SeededRandom } from '../../src/core/random.ts';
import { burstLength, retryDelay } from '../../src/link/timing.ts';

test.each([
  [1, 2],
  [2, 4],
  [3, 8],
  [6, 64],
  [7, 128],
  [20, 128],
])('after try %i the wait is uniform within %i × (frame + answer)', (tries, factor) => {
  const random = new SeededRandom(tries);
  const waits = Array.from({ length: 2000 }, () => retryDelay(tries, 100, random));
  expect(Math.max(...waits)).toBeLessThan(factor * 100);
  expect(Math.max(...waits)).toBeGreaterThan(factor * 99);
  expect(Math.min(...waits)).toBeLessThan(factor * 1);
  const mean = waits.reduce((a, b) => a + b) / waits.length;
  expect(Math.abs(mean / (factor * 50) - 1)).toBeLessThan(0.05);
});

// airtimes of 255 bytes at 125 kHz, 4/5, eight symbols of preamble
test.each([
  ['SF7', 399.6, 8],
  ['SF10', 2295.8, 2],
  ['SF11', 4346, 1],
  ['SF12', 8692, 1],
  ['no airtime at all', undefined, 8],
])('a burst at %s', (_sf, airtime, frames) => {
  expect(burstLength(airtime)).toBe(frames);
});
