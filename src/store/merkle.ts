/**
 * The tree over an object's bytes (docs/protocol/store.md), as RFC 6962, section 2.1, with BLAKE3: chunks of 4 KiB,
 * each the root of a tree over segments of 256 bytes, so that a holder can be asked for one segment of a chunk.
 */
import { concat, equal } from '../core/bytes.ts';
import { blake3 } from '../crypto/hashes.ts';

export const CHUNK_LENGTH = 4096;
export const SEGMENT_LENGTH = 256;
/** Leaves of chunks that travel together. A power of two, so that each page is a subtree. */
export const PAGE_LEAVES = 128;
export const HASH_LENGTH = 32;

/** First bytes that keep the three kinds of hashed things apart. */
const CHUNK_TAG = Uint8Array.of(0);
const NODE_TAG = Uint8Array.of(1);
const SEGMENT_TAG = Uint8Array.of(2);

const SEGMENTS_OF_CHUNK = CHUNK_LENGTH / SEGMENT_LENGTH;

/** The root of a whole object, 32 bytes. An empty object has one empty chunk with one empty segment. */
export function merkleRoot(bytes: Uint8Array): Uint8Array {
  return treeRoot(pieces(bytes, CHUNK_LENGTH).map(chunkLeaf));
}

/** The leaf of one chunk of 0 to 4,096 bytes: BLAKE3(0x00 ‖ root over BLAKE3(0x02 ‖ segment)). */
export function chunkLeaf(chunk: Uint8Array): Uint8Array {
  return blake3(concat(CHUNK_TAG, treeRoot(segmentLeaves(chunk))));
}

/** Nodes are BLAKE3(0x01 ‖ left ‖ right); the left side takes the largest power of two of leaves below their number. */
export function treeRoot(leaves: readonly Uint8Array[]): Uint8Array {
  const [only] = leaves;
  if (!only) throw new RangeError('a tree has at least one leaf');
  if (leaves.length === 1) return only;
  const split = splitOf(leaves.length);
  return node(treeRoot(leaves.slice(0, split)), treeRoot(leaves.slice(split)));
}

/** How many chunks, segments and pages of leaves an object of `size` bytes has. */
export function chunkCount(size: number): number {
  return Math.max(1, Math.ceil(size / CHUNK_LENGTH));
}
export function segmentCount(size: number): number {
  return Math.max(1, Math.ceil(size / SEGMENT_LENGTH));
}
export function pageCount(size: number): number {
  return Math.ceil(chunkCount(size) / PAGE_LEAVES);
}

/** Bytes of chunk `index` of an object of `size` bytes. */
export function chunkLength(size: number, index: number): number {
  return Math.min(CHUNK_LENGTH, size - index * CHUNK_LENGTH);
}

/** How many leaves page `page` has. */
export function pageLength(size: number, page: number): number {
  return Math.min(PAGE_LEAVES, chunkCount(size) - page * PAGE_LEAVES);
}

/** The siblings from leaf `index` up to the root (RFC 6962, section 2.1.1), the lowest first. */
export function auditPath(leaves: readonly Uint8Array[], index: number): Uint8Array[] {
  if (leaves.length === 1) return [];
  const split = splitOf(leaves.length);
  const [left, right] = [leaves.slice(0, split), leaves.slice(split)];
  return index < split
    ? [...auditPath(left, index), treeRoot(right)]
    : [...auditPath(right, index - split), treeRoot(left)];
}

/** The root of a tree of `count` leaves that has `leaf` at `index` under these siblings; undefined: too many or few. */
export function rootOfPath(
  leaf: Uint8Array,
  index: number,
  count: number,
  path: readonly Uint8Array[],
): Uint8Array | undefined {
  const top = path.at(-1);
  if (count === 1 || !top) return count === 1 && !top ? leaf : undefined;
  const split = splitOf(count);
  const inner =
    index < split
      ? rootOfPath(leaf, index, split, path.slice(0, -1))
      : rootOfPath(leaf, index - split, count - split, path.slice(0, -1));
  if (!inner) return undefined;
  return index < split ? node(inner, top) : node(top, inner);
}

/** How many siblings leaf `index` of `count` has. */
export function pathLength(index: number, count: number): number {
  if (count === 1) return 0;
  const split = splitOf(count);
  return 1 + (index < split ? pathLength(index, split) : pathLength(index - split, count - split));
}

/** Whether these are the leaves of page `page` of an object with this size and root. */
export function isPage(
  size: number,
  root: Uint8Array,
  page: number,
  leaves: readonly Uint8Array[],
  path: readonly Uint8Array[],
): boolean {
  if (page >= pageCount(size) || leaves.length !== pageLength(size, page)) return false;
  const reached = rootOfPath(treeRoot(leaves), page, pageCount(size), path);
  return reached !== undefined && equal(reached, root);
}

/** One segment of an object, with all that leads from it to the root. */
export interface SegmentProof {
  readonly segment: Uint8Array;
  /** Within its chunk, then from the chunk's leaf up; the lowest first. */
  readonly siblings: readonly Uint8Array[];
}

/** Proves segment `index` (of the object) from its chunk and the siblings of that chunk's leaf. */
export function proveSegment(
  chunk: Uint8Array,
  index: number,
  siblingsOfChunk: readonly Uint8Array[],
): SegmentProof {
  const within = index % SEGMENTS_OF_CHUNK;
  const segment = chunk.subarray(within * SEGMENT_LENGTH, (within + 1) * SEGMENT_LENGTH);
  return { segment, siblings: [...auditPath(segmentLeaves(chunk), within), ...siblingsOfChunk] };
}

/** Whether this is segment `index` of an object with this size and root. */
export function isSegment(
  size: number,
  root: Uint8Array,
  index: number,
  { segment, siblings }: SegmentProof,
): boolean {
  if (index >= segmentCount(size)) return false;
  if (segment.length !== Math.min(SEGMENT_LENGTH, size - index * SEGMENT_LENGTH)) return false;
  const chunk = Math.floor(index / SEGMENTS_OF_CHUNK);
  const within = index % SEGMENTS_OF_CHUNK;
  const segments = segmentCount(chunkLength(size, chunk));
  const inner = pathLength(within, segments);
  const leaf = blake3(concat(SEGMENT_TAG, segment));
  const chunkRoot = rootOfPath(leaf, within, segments, siblings.slice(0, inner));
  if (!chunkRoot) return false;
  const reached = rootOfPath(
    blake3(concat(CHUNK_TAG, chunkRoot)),
    chunk,
    chunkCount(size),
    siblings.slice(inner),
  );
  return reached !== undefined && equal(reached, root);
}

function segmentLeaves(chunk: Uint8Array): Uint8Array[] {
  return pieces(chunk, SEGMENT_LENGTH).map((segment) => blake3(concat(SEGMENT_TAG, segment)));
}

function node(left: Uint8Array, right: Uint8Array): Uint8Array {
  return blake3(concat(NODE_TAG, left, right));
}

/** The largest power of two below `count`. */
function splitOf(count: number): number {
  let split = 1;
  while (2 * split < count) split *= 2;
  return split;
}

/** Pieces of this length, the last as it comes; one empty piece of nothing. */
export function pieces(bytes: Uint8Array, length: number): Uint8Array[] {
  return Array.from({ length: Math.max(1, Math.ceil(bytes.length / length)) }, (_, i) =>
    bytes.subarray(i * length, (i + 1) * length),
  );
}
