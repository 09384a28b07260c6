/** The records of transfers: fragments and the bitmap that answers them (docs/protocol/link.md, "Transfers"). */
import { concat } from '../core/bytes.ts';
import { SEALED_OVERHEAD } from './frame.ts';
import type { Rec } from './link.ts';
import { RECORD } from './records.ts';

export const MOST_FRAGMENTS = 255;
/** A transfer that was not offered is one burst at most. */
export const MOST_PUSHED_FRAGMENTS = 8;
export const TRANSFER_IDS = 64;

const LAST = 0x80;
const PUSHED = 0x40;
const ID = 0x3f;

/** Record type 1 | transfer 1 | index 1. */
const FRAGMENT_OVERHEAD = SEALED_OVERHEAD + 3;

export interface Fragment {
  readonly id: number;
  readonly pushed: boolean;
  readonly last: boolean;
  readonly index: number;
  readonly bytes: Uint8Array;
}

/** Fragment `next` is missing; all before it are here, and of those after it the ones in `after`. */
export interface Bitmap {
  readonly id: number;
  readonly next: number;
  /** Bit i (of byte i/8, low first) is fragment next + 1 + i. */
  readonly after: Uint8Array;
}

/** Bytes of content that one frame carries. */
export function fragmentRoom(mtu: number): number {
  return mtu - FRAGMENT_OVERHEAD;
}

export function fragmentRecord(f: Fragment): Rec {
  const transfer = (f.last ? LAST : 0) | (f.pushed ? PUSHED : 0) | f.id;
  return { type: RECORD.fragment, body: concat(Uint8Array.of(transfer, f.index), f.bytes) };
}

/** Undefined where the body is none: a fragment holds at least one byte. */
export function readFragment(body: Uint8Array): Fragment | undefined {
  const [transfer, index] = body;
  if (transfer === undefined || index === undefined || body.length < 3) return undefined;
  return {
    id: transfer & ID,
    pushed: (transfer & PUSHED) !== 0,
    last: (transfer & LAST) !== 0,
    index,
    bytes: body.subarray(2),
  };
}

export function bitmapRecord(b: Bitmap): Rec {
  return { type: RECORD.bitmap, body: concat(Uint8Array.of(b.id, b.next), b.after) };
}

/** Undefined where the body is none, or longer than any transfer. */
export function readBitmap(body: Uint8Array): Bitmap | undefined {
  const [id, next] = body;
  if (id === undefined || next === undefined || id >= TRANSFER_IDS || body.length > 2 + 32) return undefined;
  return { id, next, after: body.subarray(2) };
}

/** The bitmap of what `isHere` says of `count` fragments. */
export function bitmapOf(id: number, count: number, isHere: (index: number) => boolean): Bitmap {
  let next = 0;
  while (next < count && isHere(next)) next++;
  const after = new Uint8Array(32);
  let length = 0;
  for (let i = 0; next + 1 + i < count; i++) {
    if (!isHere(next + 1 + i)) continue;
    after[i >> 3] = (after[i >> 3] ?? 0) | (1 << (i & 7));
    length = (i >> 3) + 1;
  }
  return { id, next, after: after.slice(0, length) };
}

/** Whether a bitmap says that fragment `index` is there. */
export function says({ next, after }: Bitmap, index: number): boolean {
  if (index <= next) return index < next;
  const i = index - next - 1;
  return (((after[i >> 3] ?? 0) >> (i & 7)) & 1) === 1;
}
