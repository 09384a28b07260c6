/** Reed–Solomon in its Cauchy form: what k of k + m pieces give back. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { toHex } from '../../../src/core/bytes.ts';
import { SeededRandom } from '../../../src/core/random.ts';
import { decodePieces, encodePieceOf } from '../../../src/store/content/erasure.ts';
import { schemeOf, shardChunk, shardLength } from '../../../src/store/content/shards.ts';

const MIB = 2 ** 20;

test('golden bytes: two data pieces and their parity', () => {
  const data = [Uint8Array.of(0, 1, 2, 255), Uint8Array.of(7, 7, 7, 7)];
  // parity = a / 2 + b / 3 in GF(2^8) mod x^8 + x^4 + x^3 + x^2 + 1: 1 / 2 = 8e, 1 / 3 = f4
  expect(toHex(encodePieceOf(data, 2))).toBe(
    toHex(Uint8Array.from([0, 1, 2, 255], (a) => slowMultiply(a, 0x8e) ^ slowMultiply(7, 0xf4))),
  );
  expect(toHex(encodePieceOf(data, 2))).toBe('f678f707');
});

/** Shift and add, from the polynomial alone. */
function slowMultiply(a: number, b: number): number {
  let sum = 0;
  for (let bit = 0; bit < 8; bit++) {
    if ((b >> bit) & 1) sum ^= a << bit;
  }
  for (let bit = 14; bit >= 8; bit--) if ((sum >> bit) & 1) sum ^= 0x11d << (bit - 8);
  return sum;
}

describe('any k of k + m pieces', () => {
  test.each([
    [2, 1],
    [4, 2],
    [10, 6],
  ])('%i + %i', (k, m) => {
    fc.assert(
      fc.property(
        fc.shuffledSubarray(
          Array.from({ length: k + m }, (_, i) => i),
          { minLength: k, maxLength: k },
        ),
        fc.nat(50),
        fc.string(),
        (chosen, length, seed) => {
          const random = new SeededRandom(seed);
          const data = Array.from({ length: k }, () => random.bytes(length));
          const pieces = chosen.map((index) => ({ index, bytes: encodePieceOf(data, index) }));
          expect(decodePieces(k, pieces)).toEqual(data);
        },
      ),
    );
  });

  test('fewer, more, or one twice are refused', () => {
    const piece = (index: number) => ({ index, bytes: new Uint8Array(3) });
    for (const given of [[piece(0)], [piece(0), piece(0)], [piece(0), piece(1), piece(2)]])
      expect(() => decodePieces(2, given)).toThrow(RangeError);
  });
});

describe('shards', () => {
  test('2 + 1 up to 1 MiB, 4 + 2 above', () => {
    expect(schemeOf(MIB)).toEqual({ data: 2, parity: 1 });
    expect(schemeOf(MIB + 1)).toEqual({ data: 4, parity: 2 });
  });

  test('hold whole chunks, so that those of data are chunks of the object; little ones no more than needed', () => {
    expect(shardLength(1)).toBe(1);
    expect(shardLength(8191)).toBe(4096);
    expect(shardLength(8193)).toBe(8192);
    expect(shardLength(100 * MIB)).toBe(25 * MIB);
    const bytes = new SeededRandom('shards').bytes(5 * 4096);
    const read = (from: number, to: number) => {
      const out = new Uint8Array(to - from);
      out.set(bytes.subarray(from, to));
      return out;
    };
    expect(shardChunk(bytes.length, read, 0, 1)).toEqual(bytes.subarray(4096, 8192));
    expect(shardChunk(bytes.length, read, 1, 1)).toEqual(bytes.subarray(4 * 4096));
    expect(shardChunk(bytes.length, read, 1, 2)).toEqual(new Uint8Array(4096)); // beyond its end
  });
});
