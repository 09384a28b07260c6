import { describe, expect, test } from 'vitest';
import { Packer } from '../../../src/link/lora/packer.ts';
import type { Outgoing } from '../../../src/link/medium.ts';

/** Frames of these lengths, then nothing. */
function saying(...lengths: number[]): Outgoing & { asked: number } {
  return {
    priority: 1,
    fairnessKey: 'a',
    estimatedBytes: 10,
    asked: 0,
    next() {
      const length = lengths[this.asked++];
      return length === undefined ? undefined : new Uint8Array(length);
    },
  };
}

/** Frames that a packer lets out. */
function frames(packer: Packer): number[] {
  const lengths: number[] = [];
  for (let frame = packer.next(); frame; frame = packer.next()) lengths.push(frame.length);
  return lengths;
}

describe('docs/protocol/link.md, "Transfers": clamp(⌊5 s ÷ airtime of a full frame⌋, 1, 8) frames', () => {
  test.each([
    { msPerByte: 1, most: 8, why: '255 ms a full frame: 8 at the most' },
    { msPerByte: 4, most: 4, why: '1,020 ms: 4 in five seconds' },
    { msPerByte: 9.5, most: 2, why: '2,422 ms: 2' },
    { msPerByte: 40, most: 1, why: '10,200 ms: one always' },
  ])('$why', ({ msPerByte, most }) => {
    const outgoing = saying(...Array(20).fill(255));
    const packer = new Packer(outgoing, 255, (bytes) => bytes * msPerByte);
    expect(frames(packer)).toHaveLength(most);
    expect(outgoing.asked).toBe(most);
    expect(packer.open).toBe(false);
    expect(packer.total).toEqual({ frames: most, bytes: most * 255, airtimeMs: most * 255 * msPerByte });
  });

  test('short frames fit more often, eight at the most', () => {
    expect(frames(new Packer(saying(...Array(20).fill(50)), 255, (bytes) => bytes * 9.5))).toHaveLength(6);
    expect(frames(new Packer(saying(...Array(20).fill(1)), 255, (bytes) => bytes * 9.5))).toHaveLength(8);
  });
});

test('nothing to say is a grant of nothing', () => {
  const packer = new Packer(saying(), 255, (bytes) => bytes);
  expect(packer.next()).toBeUndefined();
  expect(packer.total).toEqual({ frames: 0, bytes: 0, airtimeMs: 0 });
});

test.each([0, 101])('a frame of %i bytes on an mtu of 100 is the sender’s mistake', (length) => {
  expect(() => new Packer(saying(length), 100, (bytes) => bytes).next()).toThrow(RangeError);
});
