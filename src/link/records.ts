/** Records: what sealed frames contain (docs/protocol/link.md, "Records"). */
import { concat, Reader, ShortRead } from '../core/bytes.ts';
import type { Rec } from './link.ts';

export const RECORD = {
  ack: 1,
  fragment: 2,
  bitmap: 3,
  hello: 15,
  push: 16,
  offer: 17,
  accept: 18,
  have: 19,
  refuse: 20,
  custody: 21,
  receipt: 22,
  receipted: 23,
  unreadable: 24,
  return: 25,
  ask: 26,
  want: 32,
  key: 33,
  digest: 34,
  tags: 35,
  subscribe: 40,
  subscribed: 41,
  hint: 42,
  pull: 43,
  got: 44,
  query: 48,
  head: 49,
  askLeaves: 50,
  leaves: 51,
  askChunk: 52,
  chunk: 53,
  absent: 54,
  lookup: 55,
  challenge: 56,
  proof: 57,
  place: 58,
  kept: 59,
  declined: 60,
} as const;

/** Bit 7 of the type: the last record of the frame, whose body is all that is left. */
const LAST = 0x80;
const LONGEST_BODY = 0x7fff;

/** Bytes of a record that others follow in the same frame. */
export function recordLength(bodyLength: number): number {
  return 1 + (bodyLength < 128 ? 1 : 2) + bodyLength;
}

/** Order for one frame: the longest last, whose length is the one that does not travel. */
export function byLength(a: Rec, b: Rec): number {
  return a.body.length - b.body.length;
}

/** Bytes of these records as the content of one frame: the last one's length does not travel. */
export function contentLength(records: readonly Rec[]): number {
  return records.reduce(
    (n, r, i) => n + (i === records.length - 1 ? 1 + r.body.length : recordLength(r.body.length)),
    0,
  );
}

/** The content of a frame, at least one record. */
export function encodeRecords(records: readonly Rec[]): Uint8Array {
  if (records.length === 0) throw new RangeError('a frame holds at least one record');
  return concat(
    ...records.flatMap(({ type, body }, i) => [
      recordHead(type, body.length, i === records.length - 1),
      body,
    ]),
  );
}

function recordHead(type: number, length: number, last: boolean): Uint8Array {
  if (type < 0 || type >= LAST) throw new RangeError(`no record type: ${type}`);
  if (length > LONGEST_BODY) throw new RangeError(`a record of ${length} bytes`);
  if (last) return Uint8Array.of(LAST | type);
  return length < 128
    ? Uint8Array.of(type, length)
    : Uint8Array.of(type, 0x80 | (length >> 8), length & 0xff);
}

/** The records of a frame's content; undefined where they do not add up, or a length has a shorter form. */
export function decodeRecords(content: Uint8Array): Rec[] | undefined {
  const records: Rec[] = [];
  const r = new Reader(content);
  try {
    while (r.left > 0) {
      const type = r.u8();
      if (type & LAST) {
        records.push({ type: type & ~LAST, body: r.rest() });
        break;
      }
      const short = r.u8();
      const length = short < 128 ? short : ((short & 0x7f) << 8) | r.u8();
      if (short >= 128 && length < 128) return undefined;
      records.push({ type, body: r.raw(length) });
    }
  } catch (e) {
    if (e instanceof ShortRead) return undefined;
    throw e;
  }
  return records.length > 0 ? records : undefined;
}

/** `ack`: the counter of the frame it acknowledges. */
export function ackRecord(counter: number): Rec {
  return { type: RECORD.ack, body: Uint8Array.of(counter & 0xff, counter >> 8) };
}

/** The counter of an `ack`'s body; undefined where it is none. */
export function readAck(body: Uint8Array): number | undefined {
  return body.length === 2 ? new Reader(body).u16() : undefined;
}
