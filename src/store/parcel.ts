/** The compact header and the parcel, as they travel (docs/protocol/store.md, "Compact header"). */
import { concat, decode, type Reader, Writer } from '../core/bytes.ts';
import { minutesOf } from '../core/log-byte.ts';
import { LOCK_LENGTH } from '../crypto/lock.ts';
import { SIGNATURE_LENGTH } from '../crypto/signatures.ts';
import { NODE_ID_LENGTH, type NodeId, nodeIdFrom } from '../identity/node-id.ts';
import { HASH_LENGTH } from './merkle.ts';
import {
  CONTENT_TYPE,
  type DataObject,
  headerFor,
  INLINE_LIMIT,
  isContentType,
  isObjectPriority,
  NO_LOCK,
  OBJECT_PRIORITY,
  type ObjectHeader,
  type ObjectProperties,
  type Ownership,
} from './object.ts';
import type { Stamp } from './stamp.ts';

const FLAG = {
  kind: 1,
  bandwidth: 2,
  noLock: 4,
  recipients: 8,
  travel: 16,
  mutable: 32,
  detached: 64,
} as const;
const KNOWN_FLAGS = 127;
const MOST_RECIPIENTS = 100;

/** What travels beside an object, not in its id. */
export interface Travel extends Stamp {
  /** Hand-overs to relays that are left to whoever takes it. */
  readonly hopsLeft: number;
  /** Log byte (`core/log-byte.ts`). */
  readonly age: number;
}

export const FRESH_TRAVEL: Travel = { attempt: 0, hopsLeft: 64, age: 0, sequence: 0 };

export interface CompactHeader extends ObjectProperties {
  /** 16 bytes; zero: none. */
  readonly lock: Uint8Array;
  /** Empty: the neighbour it is handed to. */
  readonly recipients: readonly NodeId[];
  readonly travel: Travel;
  /** Of mutable objects, and of no others. */
  readonly ownership?: Ownership;
  /** Where the bytes do not come along, and so cannot tell. */
  readonly detached?: { readonly size: number; readonly root: Uint8Array };
}

/** What of an object's header goes on the air, for these recipients. */
export function compactOf(
  { contentType, lock, minBandwidth, ownership, priority, ttl }: ObjectHeader,
  recipients: readonly NodeId[],
  travel: Travel,
): CompactHeader {
  const said = { contentType, lock, minBandwidth, priority, ttl, recipients, travel };
  return ownership ? { ...said, ownership } : said;
}

export function encodeCompactHeader(h: CompactHeader): Uint8Array {
  const { detached, ownership } = h;
  if ((h.contentType === CONTENT_TYPE.mutable) !== (ownership !== undefined))
    throw new RangeError('mutable objects, and only they, have an owner');
  const kind = kindOf(h.contentType, h.priority);
  const locked = h.lock.some((b) => b !== 0);
  const { attempt, hopsLeft, age, sequence } = h.travel;
  const travels = attempt !== 0 || hopsLeft !== FRESH_TRAVEL.hopsLeft || age !== 0 || sequence !== 0;
  let flags = 0;
  if (kind !== defaultKind(ownership !== undefined)) flags |= FLAG.kind;
  if (h.minBandwidth !== 0) flags |= FLAG.bandwidth;
  if (!locked) flags |= FLAG.noLock;
  if (h.recipients.length > 0) flags |= FLAG.recipients;
  if (travels) flags |= FLAG.travel;
  if (ownership) flags |= FLAG.mutable;
  if (detached) flags |= FLAG.detached;
  const w = new Writer(18).u8(flags).u8(h.ttl);
  if (flags & FLAG.kind) w.u8(kind);
  if (flags & FLAG.bandwidth) w.u32(h.minBandwidth);
  if (locked) w.raw(h.lock);
  if (flags & FLAG.recipients) {
    w.u8(h.recipients.length);
    for (const r of h.recipients) w.raw(r);
  }
  if (travels) w.u8(attempt).u8(hopsLeft).u8(age).u16(sequence);
  if (ownership) w.raw(ownership.owner).u64(ownership.sequence).raw(ownership.signature);
  if (detached) w.u32(detached.size).raw(detached.root);
  return w.bytes();
}

/** Of a header whose flags do not say otherwise. */
function defaultKind(mutable: boolean): number {
  return kindOf(mutable ? CONTENT_TYPE.mutable : CONTENT_TYPE.immutable, OBJECT_PRIORITY.normal);
}

function kindOf(contentType: number, priority: number): number {
  return contentType | (priority << 2);
}

/** Reads a compact header and leaves the reader behind it; undefined where it is malformed or reserved. */
export function readCompactHeader(r: Reader): CompactHeader | undefined {
  const flags = r.u8();
  const ttl = r.u8();
  if ((flags & ~KNOWN_FLAGS) !== 0 || minutesOf(ttl) === undefined) return undefined;
  const mutable = (flags & FLAG.mutable) !== 0;
  const kind = flags & FLAG.kind ? r.u8() : defaultKind(mutable);
  const contentType = kind & 3;
  const priority = kind >> 2;
  if (!isContentType(contentType) || !isObjectPriority(priority)) return undefined;
  if ((contentType === CONTENT_TYPE.mutable) !== mutable) return undefined;
  const minBandwidth = flags & FLAG.bandwidth ? r.u32() : 0;
  const lock = flags & FLAG.noLock ? NO_LOCK : r.raw(LOCK_LENGTH).slice();
  let recipients: NodeId[] = [];
  if (flags & FLAG.recipients) {
    const count = r.u8();
    if (count < 1 || count > MOST_RECIPIENTS) return undefined;
    recipients = Array.from({ length: count }, () => nodeIdFrom(r.raw(NODE_ID_LENGTH).slice()));
  }
  const travel =
    flags & FLAG.travel
      ? { attempt: r.u8(), hopsLeft: r.u8(), age: r.u8(), sequence: r.u16() }
      : FRESH_TRAVEL;
  if (minutesOf(travel.age) === undefined) return undefined;
  const header = { contentType, priority, minBandwidth, ttl, lock, recipients, travel };
  return {
    ...header,
    ...(mutable ? { ownership: readOwnership(r) } : {}),
    ...(flags & FLAG.detached ? { detached: { size: r.u32(), root: r.raw(HASH_LENGTH).slice() } } : {}),
  };
}

function readOwnership(r: Reader): Ownership {
  return { owner: r.raw(32).slice(), sequence: r.u64(), signature: r.raw(SIGNATURE_LENGTH).slice() };
}

export interface Parcel {
  readonly header: CompactHeader;
  /** The object's bytes, at most `INLINE_LIMIT`. */
  readonly bytes: Uint8Array;
}

export function encodeParcel(parcel: Parcel): Uint8Array {
  return concat(encodeCompactHeader(parcel.header), parcel.bytes);
}

/** Undefined where the header says that the bytes do not come along. */
export function decodeParcel(bytes: Uint8Array): Parcel | undefined {
  return decode(bytes, (r) => {
    const header = readCompactHeader(r);
    if (!header || header.detached || r.left > INLINE_LIMIT) return undefined;
    return { header, bytes: r.rest().slice() };
  });
}

/** The object of these bytes: its id vouches for them, and for all of the header but travel and recipients. */
export function objectOf(header: CompactHeader, bytes: Uint8Array): DataObject {
  return { header: headerFor(header, header.lock, bytes, header.ownership), bytes };
}
