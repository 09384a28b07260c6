/** The bodies of the records by which custody is handed over (docs/protocol/link.md, "Records", 17–23). */
import { concat, decode, Writer } from '../core/bytes.ts';
import { INLINE_LIMIT, SHORT_ID_LENGTH } from './object.ts';
import { type CompactHeader, encodeCompactHeader, readCompactHeader } from './parcel.ts';

export const REFUSAL = ['full', 'busy', 'seen', 'no-route', 'policy', 'malformed'] as const;
export type RefusalReason = (typeof REFUSAL)[number];

export interface Offer {
  readonly transferId: number;
  /** 8 bytes, as all ids here. */
  readonly objectId: Uint8Array;
  readonly size: number;
  readonly header: CompactHeader;
}

export function encodeOffer(o: Offer): Uint8Array {
  const head = new Writer(11).u8(o.transferId).raw(o.objectId).u16(o.size).bytes();
  return concat(head, encodeCompactHeader(o.header));
}

export function decodeOffer(body: Uint8Array): Offer | undefined {
  return decode(body, (r) => {
    const transferId = r.u8();
    const objectId = r.raw(SHORT_ID_LENGTH).slice();
    const size = r.u16();
    const header = readCompactHeader(r);
    return header && transferId < 64 && size <= INLINE_LIMIT
      ? { transferId, objectId, size, header }
      : undefined;
  });
}

export type ByteRange = readonly [from: number, to: number];

export interface Accept {
  readonly objectId: Uint8Array;
  /** What the taker holds already, ascending and apart. */
  readonly held: readonly ByteRange[];
}

export function encodeAccept(a: Accept): Uint8Array {
  const w = new Writer(SHORT_ID_LENGTH + 4 * a.held.length).raw(a.objectId);
  for (const [from, to] of a.held) w.u16(from).u16(to);
  return w.bytes();
}

export function decodeAccept(body: Uint8Array): Accept | undefined {
  return decode(body, (r) => {
    const objectId = r.raw(SHORT_ID_LENGTH).slice();
    const held: ByteRange[] = [];
    let last = -1;
    while (r.left > 0) {
      const from = r.u16();
      const to = r.u16();
      if (from <= last || to <= from || to > INLINE_LIMIT) return undefined;
      held.push([from, to]);
      last = to;
    }
    return { objectId, held };
  });
}

export interface Refuse {
  readonly objectId: Uint8Array;
  readonly reason: RefusalReason;
}

export function encodeRefuse(r: Refuse): Uint8Array {
  return concat(r.objectId, Uint8Array.of(REFUSAL.indexOf(r.reason)));
}

/** A time (`until`) may follow; it is not used yet. */
export function decodeRefuse(body: Uint8Array): Refuse | undefined {
  return decode(body, (r) => {
    const objectId = r.raw(SHORT_ID_LENGTH).slice();
    const reason = REFUSAL[r.u8()];
    if (r.left === 1) r.u8();
    return reason ? { objectId, reason } : undefined;
  });
}

/** `have`, `custody` and `receipted`: the object's id; (attempt, sequence) may follow the first two, unused yet. */
export function decodeShortId(body: Uint8Array): Uint8Array | undefined {
  if (body.length !== SHORT_ID_LENGTH && body.length !== SHORT_ID_LENGTH + 3) return undefined;
  return body.slice(0, SHORT_ID_LENGTH);
}
