/** A DataObject's header and its name (docs/protocol/store.md, "DataObject header"). */
import { concat, Reader, toHex, Writer } from '../core/bytes.ts';
import { minutesOf } from '../core/log-byte.ts';
import { blake3 } from '../crypto/hashes.ts';
import { LOCK_LENGTH } from '../crypto/lock.ts';
import { SIGNATURE_LENGTH } from '../crypto/signatures.ts';
import type { ValueCodec } from '../db/db.ts';
import { merkleRoot } from './merkle.ts';

export const OBJECT_VERSION = 1;
/** Bytes of an immutable or ephemeral header; of a mutable one. */
export const HEADER_LENGTH = 60;
export const MUTABLE_HEADER_LENGTH = 164;
/** Larger objects travel in chunks. */
export const INLINE_LIMIT = 4096;
/** The largest there are: what erasure coding is laid out for, and what leaves a box with a small card some room. */
export const MOST_OBJECT_BYTES = 100 * 2 ** 20;
/** How records abbreviate an object id. */
export const SHORT_ID_LENGTH = 8;

export const CONTENT_TYPE = { immutable: 0, mutable: 1, ephemeral: 2 } as const;
export type ContentType = (typeof CONTENT_TYPE)[keyof typeof CONTENT_TYPE];

export const OBJECT_PRIORITY = { critical: 0, normal: 1, lazy: 2 } as const;
export type ObjectPriority = (typeof OBJECT_PRIORITY)[keyof typeof OBJECT_PRIORITY];

/** The lock of objects that have none. */
export const NO_LOCK = new Uint8Array(LOCK_LENGTH);

declare const objectId: unique symbol;
/** BLAKE3-256 of the header, 32 bytes. */
export type ObjectId = Uint8Array & { readonly [objectId]: true };

/** What its author decides about an object, before there are bytes. */
export interface ObjectProperties {
  readonly contentType: ContentType;
  readonly priority: ObjectPriority;
  /** Bits per second that a link must have to carry it. */
  readonly minBandwidth: number;
  /** Log byte (`core/log-byte.ts`). */
  readonly ttl: number;
}

/** Who may replace a mutable object, and which version this is (`content/mutable.ts`). */
export interface Ownership {
  /** Ed25519. */
  readonly owner: Uint8Array;
  readonly sequence: bigint;
  readonly signature: Uint8Array;
}

export interface ObjectHeader extends ObjectProperties {
  readonly version: number;
  /** Bytes of the content. */
  readonly size: number;
  readonly lock: Uint8Array;
  readonly root: Uint8Array;
  /** Of mutable objects only. */
  readonly ownership?: Ownership;
}

export interface DataObject {
  readonly header: ObjectHeader;
  readonly bytes: Uint8Array;
}

/** The header over these bytes; of a mutable object with whose it is. */
export function headerFor(
  properties: ObjectProperties,
  lock: Uint8Array,
  bytes: Uint8Array,
  ownership?: Ownership,
): ObjectHeader {
  return headerOver(properties, lock, bytes.length, merkleRoot(bytes), ownership);
}

/** The header over bytes of which size and root are known. */
export function headerOver(
  properties: ObjectProperties,
  lock: Uint8Array,
  size: number,
  root: Uint8Array,
  ownership?: Ownership,
): ObjectHeader {
  const { contentType, priority, minBandwidth, ttl } = properties;
  const own = { version: OBJECT_VERSION, contentType, priority, minBandwidth, ttl };
  return { ...own, size, lock, root, ...(ownership ? { ownership } : {}) };
}

/**
 * version u8 | content type u8 | priority u8 | min_bandwidth u32 | ttl u8 | size u32 | lock 16 | root 32; mutable adds
 * owner 32 | sequence u64 | signature 64.
 */
export function encodeHeader(header: ObjectHeader): Uint8Array {
  const mutable = header.contentType === CONTENT_TYPE.mutable;
  if (mutable !== (header.ownership !== undefined))
    throw new RangeError('mutable objects, and only they, have an owner');
  const out = new Writer(MUTABLE_HEADER_LENGTH)
    .u8(header.version)
    .u8(header.contentType)
    .u8(header.priority)
    .u32(header.minBandwidth)
    .u8(header.ttl)
    .u32(header.size)
    .raw(header.lock)
    .raw(header.root);
  if (header.ownership)
    out.raw(header.ownership.owner).u64(header.ownership.sequence).raw(header.ownership.signature);
  return out.bytes();
}

export type HeaderRefusal = 'malformed' | 'unknown-version' | 'unknown-type' | 'unknown-priority' | 'bad-ttl';

/** A header from exactly its bytes, or why it is none. */
export function decodeHeader(bytes: Uint8Array): ObjectHeader | HeaderRefusal {
  if (bytes.length !== HEADER_LENGTH && bytes.length !== MUTABLE_HEADER_LENGTH) return 'malformed';
  const r = new Reader(bytes);
  const version = r.u8();
  const contentType = r.u8();
  const priority = r.u8();
  const minBandwidth = r.u32();
  const ttl = r.u8();
  if (version !== OBJECT_VERSION) return 'unknown-version';
  if (!isContentType(contentType)) return 'unknown-type';
  if (!isObjectPriority(priority)) return 'unknown-priority';
  if (minutesOf(ttl) === undefined) return 'bad-ttl';
  const mutable = contentType === CONTENT_TYPE.mutable;
  if (mutable !== (bytes.length === MUTABLE_HEADER_LENGTH)) return 'malformed';
  const properties = { version, contentType, priority, minBandwidth, ttl };
  const header = { ...properties, size: r.u32(), lock: r.raw(LOCK_LENGTH).slice(), root: r.raw(32).slice() };
  if (!mutable) return header;
  const ownership = {
    owner: r.raw(32).slice(),
    sequence: r.u64(),
    signature: r.raw(SIGNATURE_LENGTH).slice(),
  };
  return { ...header, ownership };
}

/** header 60 | bytes: as the database keeps what is not mutable. */
export const objectValue: ValueCodec<DataObject> = {
  encode: (object) => concat(encodeHeader(object.header), object.bytes),
  decode(bytes) {
    const header = decodeHeader(bytes.subarray(0, HEADER_LENGTH));
    if (typeof header === 'string') throw new Error(`a damaged object in the database: ${header}`);
    return { header, bytes: bytes.subarray(HEADER_LENGTH) };
  },
};

export function isContentType(value: number): value is ContentType {
  return value <= CONTENT_TYPE.ephemeral;
}

export function isObjectPriority(value: number): value is ObjectPriority {
  return value <= OBJECT_PRIORITY.lazy;
}

/** Object id = BLAKE3-256(header). */
export function objectIdOf(header: ObjectHeader): ObjectId {
  return blake3(encodeHeader(header)) as ObjectId;
}

/** 32 bytes off the wire or the disk as an ObjectId, not copied; another length is a programmer's error. */
export function objectIdFrom(bytes: Uint8Array): ObjectId {
  if (bytes.length !== 32) throw new RangeError(`an object id of ${bytes.length} bytes`);
  return bytes as ObjectId;
}

/** 64 hex digits: the key of maps. */
export function objectIdKey(id: ObjectId): string {
  return toHex(id);
}

/** The first 8 bytes, as records carry them. */
export function shortIdOf(id: ObjectId): Uint8Array {
  return id.slice(0, SHORT_ID_LENGTH);
}
