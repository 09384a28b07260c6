/** docs/protocol/store.md, "Root", against another way to build the same tree. */
import { blake3 } from '@noble/hashes/blake3.js';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { toHex, utf8 } from '../../src/core/bytes.ts';
import { SeededRandom } from '../../src/core/random.ts';
import { CHUNK_LENGTH, chunkLeaf, merkleRoot, SEGMENT_LENGTH } from '../../src/store/merkle.ts';

/**
 * Leaf by leaf with a stack of perfect subtrees, as a log grows (RFC 9162, section 2.1.2): no recursion and no power
 * of two to split at.
 */
class Growing {
  readonly #stack: { height: number; hash: Uint8Array }[] = [];

  add(leaf: Uint8Array): void {
    let top = { height: 0, hash: leaf };
    for (let last = this.#stack.at(-1); last?.height === top.height; last = this.#stack.at(-1)) {
      this.#stack.pop();
      top = { height: top.height + 1, hash: node(last.hash, top.hash) };
    }
    this.#stack.push(top);
  }

  root(): Uint8Array {
    return this.#stack.map((s) => s.hash).reduceRight((right, left) => node(left, right));
  }
}

const node = (left: Uint8Array, right: Uint8Array) => blake3(Uint8Array.of(1, ...left, ...right));

function naiveRoot(bytes: Uint8Array): Uint8Array {
  const chunks = new Growing();
  for (let c = 0; c === 0 || c < bytes.length; c += CHUNK_LENGTH) {
    const segments = new Growing();
    const end = Math.min(c + CHUNK_LENGTH, bytes.length);
    for (let s = c; s === c || s < end; s += SEGMENT_LENGTH)
      segments.add(blake3(Uint8Array.of(2, ...bytes.slice(s, Math.min(s + SEGMENT_LENGTH, end)))));
    chunks.add(blake3(Uint8Array.of(0, ...segments.root())));
  }
  return chunks.root();
}

describe('the root', () => {
  test('golden bytes: an empty object has one empty segment; one segment', () => {
    expect(toHex(merkleRoot(new Uint8Array(0)))).toBe(
      '80ef0203471cb22ef7c9dbff00231931cc1eb8ae9b06ade6610c34b7eae6de09',
    );
    expect(toHex(merkleRoot(utf8('abc')))).toBe(
      '5ebca37212f917bac70d580a6d0cb5ebda66944caa9a0905b21c455aac58c3f2',
    );
  });

  test('of every number of segments in a chunk, and around every border', () => {
    const bytes = new SeededRandom('merkle').bytes(8 * CHUNK_LENGTH);
    const lengths = [
      0,
      1,
      CHUNK_LENGTH - 1,
      CHUNK_LENGTH,
      CHUNK_LENGTH + 1,
      3 * CHUNK_LENGTH,
      7 * CHUNK_LENGTH + 5,
    ];
    for (let n = 1; n <= 16; n++)
      lengths.push(n * SEGMENT_LENGTH - 1, n * SEGMENT_LENGTH, n * SEGMENT_LENGTH + 1);
    for (const length of lengths) {
      const cut = bytes.subarray(0, length);
      expect(toHex(merkleRoot(cut)), `${length} bytes`).toBe(toHex(naiveRoot(cut)));
    }
  });

  test('of any bytes up to seven chunks', () => {
    fc.assert(
      fc.property(fc.nat(7 * CHUNK_LENGTH), fc.string(), (length, seed) => {
        const bytes = new SeededRandom(seed).bytes(length);
        expect(toHex(merkleRoot(bytes))).toBe(toHex(naiveRoot(bytes)));
      }),
      { numRuns: 25 },
    );
  });

  test('of one chunk is its leaf, and of two the node over both', () => {
    const bytes = new SeededRandom('two').bytes(CHUNK_LENGTH + 100);
    const first = chunkLeaf(bytes.subarray(0, CHUNK_LENGTH));
    expect(merkleRoot(bytes.subarray(0, CHUNK_LENGTH))).toEqual(first);
    expect(merkleRoot(bytes)).toEqual(node(first, chunkLeaf(bytes.subarray(CHUNK_LENGTH))));
  });

  test('changes with any bit', () => {
    const bytes = new SeededRandom('bits').bytes(1000);
    const root = toHex(merkleRoot(bytes));
    for (let bit = 0; bit < 8000; bit += 97) {
      const other = bytes.slice();
      other[bit >> 3] = (other[bit >> 3] as number) ^ (1 << (bit & 7));
      expect(toHex(merkleRoot(other))).not.toBe(root);
    }
  });
});
