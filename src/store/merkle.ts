/**
 * The tree over an object's bytes (docs/protocol/store.md), as RFC 6962, section 2.1, with BLAKE3: chunks of 4 KiB,
 * each the root of a tree over segments of 256 bytes, so that a holder can be asked for one segment of a chunk.
 */
import { concat } from '../core/bytes.ts';
import { blake3 } from '../crypto/hashes.ts';

export const CHUNK_LENGTH = 4096;
export const SEGMENT_LENGTH = 256;

/** First bytes that keep the three kinds of hashed things apart. */
const CHUNK_TAG = Uint8Array.of(0);
const NODE_TAG = Uint8Array.of(1);
const SEGMENT_TAG = Uint8Array.of(2);

/** The root of a whole object, 32 bytes. An empty object has one empty chunk with one empty segment. */
export function merkleRoot(bytes: Uint8Array): Uint8Array {
  return treeRoot(pieces(bytes, CHUNK_LENGTH).map(chunkLeaf));
}

/** The leaf of one chunk of 0 to 4,096 bytes: BLAKE3(0x00 ‖ root over BLAKE3(0x02 ‖ segment)). */
export function chunkLeaf(chunk: Uint8Array): Uint8Array {
  const segments = pieces(chunk, SEGMENT_LENGTH).map((segment) => blake3(concat(SEGMENT_TAG, segment)));
  return blake3(concat(CHUNK_TAG, treeRoot(segments)));
}

/** Nodes are BLAKE3(0x01 ‖ left ‖ right); the left side takes the largest power of two of leaves below their number. */
function treeRoot(leaves: readonly Uint8Array[]): Uint8Array {
  const [only] = leaves;
  if (!only) throw new RangeError('a tree has at least one leaf');
  if (leaves.length === 1) return only;
  let split = 1;
  while (2 * split < leaves.length) split *= 2;
  return blake3(concat(NODE_TAG, treeRoot(leaves.slice(0, split)), treeRoot(leaves.slice(split))));
}

/** Pieces of this length, the last as it comes; one empty piece of nothing. */
function pieces(bytes: Uint8Array, length: number): Uint8Array[] {
  return Array.from({ length: Math.max(1, Math.ceil(bytes.length / length)) }, (_, i) =>
    bytes.subarray(i * length, (i + 1) * length),
  );
}
