/** An object's header as it travels in `head` and `place`, with its bytes where they are few. */
import { logByteOf, minutesOf } from '../../core/log-byte.ts';
import { HASH_LENGTH, merkleRoot } from '../merkle.ts';
import { headerOver, INLINE_LIMIT, type ObjectHeader } from '../object.ts';
import { type CompactHeader, compactOf, decodeParcel, encodeParcel, FRESH_TRAVEL } from '../parcel.ts';
import { decodeDetached, encodeDetached } from './records.ts';

const MINUTE = 60_000;

export interface Head {
  readonly header: ObjectHeader;
  /** ms of its ttl that are over. */
  readonly ageMs: number;
  /** All of them, and proven; undefined: they are to be asked for in chunks. */
  readonly bytes: Uint8Array | undefined;
}

/** A header alone. */
export function encodeHeadAlone(header: ObjectHeader, ageMs: number): Uint8Array {
  const detached = { size: header.size, root: header.root };
  return encodeDetached({ ...compact(header, ageMs), detached });
}

/** A header with all bytes of its object, at most 4,096. */
export function encodeHeadWith(bytes: Uint8Array, header: ObjectHeader, ageMs: number): Uint8Array {
  if (bytes.length > INLINE_LIMIT) throw new RangeError(`${bytes.length} bytes do not travel inline`);
  return encodeParcel({ header: compact(header, ageMs), bytes });
}

/** What is said of an object, or undefined where it is malformed or over. It is what it says by its id alone. */
export function decodeHead(body: Uint8Array): Head | undefined {
  const alone = decodeDetached(body);
  const parcel = alone ? undefined : decodeParcel(body);
  const said: CompactHeader | undefined = alone ?? parcel?.header;
  if (!said) return undefined;
  const bytes = parcel?.bytes;
  const size = alone?.detached.size ?? bytes?.length ?? 0;
  const root = alone?.detached.root ?? (bytes ? merkleRoot(bytes) : new Uint8Array(HASH_LENGTH));
  const ageMs = (said.travel.age === 0 ? 0 : (minutesOf(said.travel.age) ?? 0)) * MINUTE;
  if (ageMs >= (minutesOf(said.ttl) ?? 0) * MINUTE) return undefined;
  return { header: headerOver(said, said.lock, size, root, said.ownership), ageMs, bytes };
}

/** An age between two bytes is rounded up: nothing lives longer for having been copied. */
function compact(header: ObjectHeader, ageMs: number): CompactHeader {
  const age = ageMs < MINUTE ? 0 : logByteOf(ageMs / MINUTE);
  return compactOf(header, [], { ...FRESH_TRAVEL, age });
}
