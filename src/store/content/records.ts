/** The bodies of the records about content, 48–60 (docs/protocol/link.md, "Records"; store.md, "Content"). */
import { concat, decode, Writer } from '../../core/bytes.ts';
import {
  CHUNK_LENGTH,
  HASH_LENGTH,
  PAGE_LEAVES,
  pieces,
  SEGMENT_LENGTH,
  type SegmentProof,
} from '../merkle.ts';
import { SHORT_ID_LENGTH } from '../object.ts';
import { type CompactHeader, encodeCompactHeader, readCompactHeader } from '../parcel.ts';

/** No tree of pages is higher: 2^8 pages of 128 chunks are more than the largest object has. */
const MOST_SIBLINGS = 8;
/** Within a chunk 4, within a page 7, above it 8. */
const MOST_SIBLINGS_OF_SEGMENT = 4 + 7 + MOST_SIBLINGS;
export const NONCE_LENGTH = 8;
export const TAG_LENGTH = 8;

/** One piece of an object: page `index` of its leaves (`ask-leaves`), or chunk `index` (`ask-chunk`). */
export interface Piece {
  /** 8 bytes, as all ids here. */
  readonly objectId: Uint8Array;
  readonly index: number;
}

/** object id 8 | index u32. */
export function encodePiece({ objectId, index }: Piece): Uint8Array {
  return new Writer(SHORT_ID_LENGTH + 4).raw(objectId).u32(index).bytes();
}

export function decodePiece(body: Uint8Array): Piece | undefined {
  return decode(body, (r) => ({ objectId: r.raw(SHORT_ID_LENGTH).slice(), index: r.u32() }));
}

export interface ChunkOf extends Piece {
  readonly chunk: Uint8Array;
}

/** object id 8 | index u32 | bytes, at most 4,096. */
export function encodeChunk(c: ChunkOf): Uint8Array {
  return concat(encodePiece(c), c.chunk);
}

export function decodeChunk(body: Uint8Array): ChunkOf | undefined {
  return decode(body, (r) => {
    const objectId = r.raw(SHORT_ID_LENGTH).slice();
    const index = r.u32();
    return r.left <= CHUNK_LENGTH ? { objectId, index, chunk: r.rest().slice() } : undefined;
  });
}

export interface LeavesOf extends Piece {
  /** From this page's root up. */
  readonly path: readonly Uint8Array[];
  readonly leaves: readonly Uint8Array[];
}

/** object id 8 | page u32 | siblings: count u8, 32 each | leaves, 32 each, 1 to 128. */
export function encodeLeaves(l: LeavesOf): Uint8Array {
  return concat(encodePiece(l), Uint8Array.of(l.path.length), ...l.path, ...l.leaves);
}

export function decodeLeaves(body: Uint8Array): LeavesOf | undefined {
  return decode(body, (r) => {
    const objectId = r.raw(SHORT_ID_LENGTH).slice();
    const index = r.u32();
    const count = r.u8();
    if (count > MOST_SIBLINGS) return undefined;
    const path = Array.from({ length: count }, () => r.raw(HASH_LENGTH).slice());
    if (r.left === 0 || r.left % HASH_LENGTH !== 0 || r.left > PAGE_LEAVES * HASH_LENGTH) return undefined;
    return { objectId, index, path, leaves: pieces(r.rest().slice(), HASH_LENGTH) };
  });
}

export interface Lookup {
  /** Ed25519. */
  readonly owner: Uint8Array;
  /** Only a newer version is asked for; 0: any. */
  readonly above: bigint;
}

/** owner key 32 | above u64. */
export function encodeLookup({ owner, above }: Lookup): Uint8Array {
  return new Writer(40).raw(owner).u64(above).bytes();
}

export function decodeLookup(body: Uint8Array): Lookup | undefined {
  return decode(body, (r) => ({ owner: r.raw(32).slice(), above: r.u64() }));
}

/** What a holder is asked to show: one segment of the object, or what only the whole of it gives. */
export type Challenge = { readonly objectId: Uint8Array } & (
  | { readonly segment: number }
  | { readonly nonce: Uint8Array }
);

/** object id 8 | segment u32, or object id 8 | nonce 8. */
export function encodeChallenge(c: Challenge): Uint8Array {
  return 'nonce' in c
    ? concat(c.objectId, c.nonce)
    : new Writer(SHORT_ID_LENGTH + 4).raw(c.objectId).u32(c.segment).bytes();
}

export function decodeChallenge(body: Uint8Array): Challenge | undefined {
  return decode(body, (r): Challenge | undefined => {
    const objectId = r.raw(SHORT_ID_LENGTH).slice();
    if (r.left === NONCE_LENGTH) return { objectId, nonce: r.raw(NONCE_LENGTH).slice() };
    return r.left === 4 ? { objectId, segment: r.u32() } : undefined;
  });
}

/** object id 8 | siblings: count u8, 32 each | segment. */
export function encodeSegmentProof(objectId: Uint8Array, { segment, siblings }: SegmentProof): Uint8Array {
  return concat(objectId, Uint8Array.of(siblings.length), ...siblings, segment);
}

export function decodeSegmentProof(body: Uint8Array): SegmentProof | undefined {
  return decode(body, (r) => {
    r.raw(SHORT_ID_LENGTH);
    const count = r.u8();
    if (count > MOST_SIBLINGS_OF_SEGMENT) return undefined;
    const siblings = Array.from({ length: count }, () => r.raw(HASH_LENGTH).slice());
    return r.left <= SEGMENT_LENGTH ? { siblings, segment: r.rest().slice() } : undefined;
  });
}

/** object id 8 | tag 8. */
export function encodeTagProof(objectId: Uint8Array, tag: Uint8Array): Uint8Array {
  return concat(objectId, tag);
}

export function decodeTagProof(body: Uint8Array): Uint8Array | undefined {
  return body.length === SHORT_ID_LENGTH + TAG_LENGTH ? body.slice(SHORT_ID_LENGTH) : undefined;
}

/** `place`, and `head` of an object whose bytes do not come along: a compact header, and that it is without bytes. */
export function encodeDetached(header: CompactHeader): Uint8Array {
  return encodeCompactHeader(header);
}

export type Detached = CompactHeader & Required<Pick<CompactHeader, 'detached'>>;

export function decodeDetached(body: Uint8Array): Detached | undefined {
  return decode(body, (r) => {
    const header = readCompactHeader(r);
    return header?.detached ? { ...header, detached: header.detached } : undefined;
  });
}

export const DECLINED = ['full', 'policy', 'malformed'] as const;
export type DeclinedReason = (typeof DECLINED)[number];

/** object id 8 | reason u8. */
export function encodeDeclined(objectId: Uint8Array, reason: DeclinedReason): Uint8Array {
  return concat(objectId, Uint8Array.of(DECLINED.indexOf(reason)));
}

export function decodeDeclined(body: Uint8Array): DeclinedReason | undefined {
  return body.length === SHORT_ID_LENGTH + 1 ? DECLINED[body[SHORT_ID_LENGTH] as number] : undefined;
}
