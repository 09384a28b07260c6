/** docs/protocol/link.md, "Transfers", the sender's side. */
import { describe, expect, test } from 'vitest';
import { SeededRandom } from '../../src/core/random.ts';
import { bitmapOf } from '../../src/link/fragments.ts';
import { OutgoingFragments } from '../../src/link/outgoing.ts';

const MTU = 255;
const bytes = (n: number) => new SeededRandom('outgoing').bytes(n);
const outgoing = (size: number, held: readonly (readonly [number, number])[] = [], pushed = false) =>
  new OutgoingFragments({ id: 5, pushed, bytes: bytes(size), held }, MTU);

test('cuts into fragments of one length, the last shorter', () => {
  const fragments = outgoing(500);
  expect(fragments.burst(8)).toEqual([0, 1, 2]);
  expect(fragments.record(0).body.subarray(0, 2)).toEqual(Uint8Array.of(0x05, 0));
  expect(fragments.record(1).body.subarray(2)).toEqual(bytes(500).subarray(231, 462));
  expect(fragments.record(2).body.subarray(0, 2)).toEqual(Uint8Array.of(0x85, 2));
  expect(fragments.record(2).body.length).toBe(2 + 38);
});

test('a pushed one says so', () => {
  expect(outgoing(500, [], true).record(0).body[0]).toBe(0x45);
});

test('leaves out what lies wholly within the held ranges', () => {
  expect(
    outgoing(1000, [
      [0, 231],
      [300, 924],
    ]).burst(8),
  ).toEqual([1, 4]);
  expect(outgoing(1000, [[0, 1000]]).burst(8)).toEqual([4]);
  // ranges that make no sense hold nothing
  expect(
    outgoing(500, [
      [400, 100],
      [9000, 9999],
    ]).burst(8),
  ).toEqual([0, 1, 2]);
});

describe('bitmaps', () => {
  test('strike out what is there', () => {
    const fragments = outgoing(2000);
    expect(fragments.apply(bitmapOf(5, 9, (i) => i !== 2 && i !== 8))).toBe(true);
    expect(fragments.burst(8)).toEqual([2, 8]);
    expect(fragments.burst(1)).toEqual([2]);
    expect(fragments.complete).toBe(false);
    expect(fragments.apply(bitmapOf(5, 9, () => true))).toBe(true);
    expect(fragments.complete).toBe(true);
  });

  test('that are older take nothing back, and are no news', () => {
    const fragments = outgoing(2000);
    fragments.apply(bitmapOf(5, 9, (i) => i < 6));
    expect(fragments.apply(bitmapOf(5, 9, (i) => i < 3))).toBe(false);
    expect(fragments.burst(8)).toEqual([6, 7, 8]);
  });

  test('take back what was only claimed to be held', () => {
    const fragments = outgoing(1000, [[0, 693]]);
    expect(fragments.burst(8)).toEqual([3, 4]);
    fragments.apply(bitmapOf(5, 5, (i) => i !== 1));
    expect(fragments.burst(8)).toEqual([1]);
  });

  test('count for nothing after a restart', () => {
    const fragments = outgoing(500);
    fragments.apply(bitmapOf(5, 3, (i) => i < 2));
    fragments.restart();
    expect(fragments.burst(8)).toEqual([0, 1, 2]);
  });
});

test.each([
  ['nothing', () => outgoing(0)],
  ['256 fragments', () => outgoing(255 * 231 + 1)],
  ['a pushed one of nine', () => outgoing(8 * 231 + 1, [], true)],
  ['id 64', () => new OutgoingFragments({ id: 64, pushed: false, bytes: bytes(1), held: [] }, MTU)],
])('cannot be: %s', (_what, make) => {
  expect(make).toThrow(RangeError);
});

test('255 fragments and eight pushed ones can be', () => {
  expect(outgoing(255 * 231).burst(300)).toHaveLength(255);
  expect(outgoing(8 * 231, [], true).burst(300)).toHaveLength(8);
});
