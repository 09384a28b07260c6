/** The bodies of the records by which custody is handed over (docs/protocol/link.md, "Records", 17–26). */
import { concat, decode, Writer } from '../core/bytes.ts';
import { INLINE_LIMIT, SHORT_ID_LENGTH } from './object.ts';
import { type CompactHeader, encodeCompactHeader, readCompactHeader } from './parcel.ts';
import type { Stamp } from './stamp.ts';

export const REFUSAL = ['full', 'busy', 'seen', 'no-route', 'policy', 'malformed'] as const;
export type RefusalReason = (typeof REFUSAL)[number];

/** `offer`, and `return` too: the object's bytes are to come as the transfer that it names. */
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
    return header && !header.detached && transferId < 64 && size <= INLINE_LIMIT
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
  /** Log byte: the object is not wanted sooner. */
  readonly until?: number;
}

export function encodeRefuse(r: Refuse): Uint8Array {
  const { objectId, reason, until } = r;
  return concat(objectId, Uint8Array.of(REFUSAL.indexOf(reason), ...(until === undefined ? [] : [until])));
}

export function decodeRefuse(body: Uint8Array): Refuse | undefined {
  return decode(body, (r) => {
    const objectId = r.raw(SHORT_ID_LENGTH).slice();
    const reason = REFUSAL[r.u8()];
    const until = r.left === 1 ? { until: r.u8() } : {};
    return reason ? { objectId, reason, ...until } : undefined;
  });
}

/** `have` and `custody`: which object, and the stamp of the transfer they answer. */
export interface Taken extends Stamp {
  readonly objectId: Uint8Array;
}

/** object id 8 | attempt u8 | sequence u16. */
export function encodeTaken({ objectId, attempt, sequence }: Taken): Uint8Array {
  return new Writer(SHORT_ID_LENGTH + 3).raw(objectId).u8(attempt).u16(sequence).bytes();
}

export function decodeTaken(body: Uint8Array): Taken | undefined {
  return decode(body, (r) => ({
    objectId: r.raw(SHORT_ID_LENGTH).slice(),
    attempt: r.u8(),
    sequence: r.u16(),
  }));
}

/** `receipted`: the object's id. */
export function decodeShortId(body: Uint8Array): Uint8Array | undefined {
  return body.length === SHORT_ID_LENGTH ? body.slice() : undefined;
}

/** What a taker says of an object that it was asked for, where it has no receipt. */
export const VERDICT = ['held', 'lost'] as const;
export type Verdict = (typeof VERDICT)[number];

export interface Ask {
  readonly objectId: Uint8Array;
  /** Undefined: this is the question. */
  readonly verdict: Verdict | undefined;
}

/** object id 8 [| verdict u8]. */
export function encodeAsk({ objectId, verdict }: Ask): Uint8Array {
  return verdict === undefined ? objectId : concat(objectId, Uint8Array.of(VERDICT.indexOf(verdict)));
}

export function decodeAsk(body: Uint8Array): Ask | undefined {
  return decode(body, (r) => {
    const objectId = r.raw(SHORT_ID_LENGTH).slice();
    if (r.left === 0) return { objectId, verdict: undefined };
    const verdict = VERDICT[r.u8()];
    return verdict && { objectId, verdict };
  });
}
