/** docs/protocol/store.md, "Root", "Proof of storage": what leads from a part of an object to its root. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { toHex } from '../../../src/core/bytes.ts';
import { SeededRandom } from '../../../src/core/random.ts';
import { answers, makeTokens, segmentChallenge, tagOf } from '../../../src/store/content/proofs.ts';
import { encodeSegmentProof, encodeTagProof } from '../../../src/store/content/records.ts';
import {
  auditPath,
  CHUNK_LENGTH,
  chunkLeaf,
  isPage,
  isSegment,
  merkleRoot,
  PAGE_LEAVES,
  pageCount,
  pathLength,
  pieces,
  proveSegment,
  rootOfPath,
  segmentCount,
  treeRoot,
} from '../../../src/store/merkle.ts';
import { headerFor, NO_LOCK } from '../../../src/store/object.ts';

const random = new SeededRandom('proofs');
const flipped = (bytes: Uint8Array, bit: number): Uint8Array => {
  const out = bytes.slice();
  out[(bit >> 3) % out.length] = (out[(bit >> 3) % out.length] as number) ^ (1 << (bit & 7));
  return out;
};

describe('a path', () => {
  test('of any leaf of any tree leads to its root; with a bit flipped, at another place, or cut it does not', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 300 }), fc.nat(), fc.nat(), (count, at, bit) => {
        const leaves = Array.from({ length: count }, (_, i) => new SeededRandom(`${i}`).bytes(32));
        const index = at % count;
        const leaf = leaves[index] as Uint8Array;
        const path = auditPath(leaves, index);
        const root = treeRoot(leaves);
        expect(path).toHaveLength(pathLength(index, count));
        expect(rootOfPath(leaf, index, count, path)).toEqual(root);
        expect(rootOfPath(flipped(leaf, bit), index, count, path)).not.toEqual(root);
        if (count === 1) return;
        const changed = path.map((p, i) => (i === bit % path.length ? flipped(p, bit) : p));
        expect(rootOfPath(leaf, index, count, changed)).not.toEqual(root);
        expect(rootOfPath(leaf, (index + 1) % count, count, path)).not.toEqual(root);
        expect(rootOfPath(leaf, index, count, path.slice(1))).toBeUndefined();
        expect(rootOfPath(leaf, index, count, [...path, leaf])).toBeUndefined();
      }),
      { numRuns: 60 },
    );
  });
});

test('pages are subtrees: each, whatever the size, leads to the root by the roots of the others', () => {
  for (const chunks of [1, 2, 127, 128, 129, 256, 257, 300, 385, 640]) {
    const leaves = Array.from({ length: chunks }, (_, i) => new SeededRandom(`${i}`).bytes(32));
    const size = chunks * CHUNK_LENGTH - 5;
    const root = treeRoot(leaves);
    const pages = Array.from({ length: pageCount(size) }, (_, p) =>
      leaves.slice(p * PAGE_LEAVES, (p + 1) * PAGE_LEAVES),
    );
    for (const [p, page] of pages.entries()) {
      const path = auditPath(pages.map(treeRoot), p);
      expect(isPage(size, root, p, page, path), `${chunks} chunks, page ${p}`).toBe(true);
      const wrong = page.map((leaf, i) => (i === page.length - 1 ? flipped(leaf, p) : leaf));
      expect(isPage(size, root, p, wrong, path)).toBe(false);
      expect(isPage(size, root, p + 1, page, path)).toBe(false);
      if (page.length > 1) expect(isPage(size, root, p, page.slice(1), path)).toBe(false);
      const isLast = p === pages.length - 1;
      if (isLast)
        expect(isPage(size + CHUNK_LENGTH, root, p, page, path), 'another number of chunks').toBe(false);
    }
  }
});

describe('a segment', () => {
  test('of any object is proven by its siblings, and nothing else is', () => {
    fc.assert(
      fc.property(fc.nat(5 * CHUNK_LENGTH), fc.nat(), fc.nat(), (size, at, bit) => {
        const bytes = new SeededRandom(`${size}`).bytes(size);
        const root = merkleRoot(bytes);
        const chunks = pieces(bytes, CHUNK_LENGTH);
        const index = at % segmentCount(size);
        const chunk = Math.floor(index / 16);
        const proof = proveSegment(
          chunks[chunk] as Uint8Array,
          index,
          auditPath(chunks.map(chunkLeaf), chunk),
        );
        expect(isSegment(size, root, index, proof)).toBe(true);
        if (size === 0) return;
        expect(isSegment(size, root, index, { ...proof, segment: flipped(proof.segment, bit) })).toBe(false);
        expect(isSegment(size, flipped(root, bit), index, proof)).toBe(false);
        expect(isSegment(size, root, index + 1, proof)).toBe(false);
        expect(isSegment(size, root, segmentCount(size), proof)).toBe(false);
        if (proof.siblings.length === 0) return;
        const siblings = proof.siblings.map((s, i) =>
          i === bit % proof.siblings.length ? flipped(s, bit) : s,
        );
        expect(isSegment(size, root, index, { ...proof, siblings })).toBe(false);
      }),
      { numRuns: 60 },
    );
  });
});

describe('challenges', () => {
  const bytes = random.bytes(3 * CHUNK_LENGTH + 9);
  const header = headerFor({ contentType: 0, priority: 1, minBandwidth: 0, ttl: 9 }, NO_LOCK, bytes);
  const objectId = new Uint8Array(8);

  test('a token is answered by the whole object only: 8 bytes down, 8 up', () => {
    const [token] = makeTokens(bytes, 1, random);
    if (!token) throw new Error('no token');
    const challenge = { objectId, nonce: token.nonce };
    const right = encodeTagProof(objectId, tagOf(token.nonce, bytes));
    expect(right).toHaveLength(16);
    expect(answers(challenge, right, header, token)).toBe(true);
    const wrong = encodeTagProof(objectId, tagOf(token.nonce, flipped(bytes, 12_345)));
    expect(answers(challenge, wrong, header, token)).toBe(false);
    expect(answers(challenge, right.slice(1), header, token)).toBe(false);
  });

  test('golden bytes: a tag is BLAKE2b-64 of the object under the nonce', () => {
    expect(toHex(tagOf(new Uint8Array(8).fill(1), new Uint8Array(3)))).toBe('5339497b672176c8');
  });

  test('every segment may be asked for', () => {
    const chunks = pieces(bytes, CHUNK_LENGTH);
    const asked = new Set<number>();
    for (let i = 0; i < 400; i++) {
      const challenge = segmentChallenge(objectId, bytes.length, random);
      if (!('segment' in challenge)) throw new Error('no segment');
      asked.add(challenge.segment);
      const chunk = Math.floor(challenge.segment / 16);
      const siblings = auditPath(chunks.map(chunkLeaf), chunk);
      const proof = proveSegment(chunks[chunk] as Uint8Array, challenge.segment, siblings);
      expect(answers(challenge, encodeSegmentProof(objectId, proof), header, undefined)).toBe(true);
    }
    expect(asked.size).toBe(segmentCount(bytes.length));
  });
});
