/** Solicit, kind 4: who is wanted (docs/protocol/mesh.md). */
import { decode, Writer } from '../core/bytes.ts';
import { firstByte, KIND } from '../link/frame.ts';

const ENTRY_LENGTH = 9;
/** As many as a frame of 255 bytes holds. */
export const MOST_ENTRIES = 28;

export interface SolicitEntry {
  /** The first 4 bytes of the wanted NodeId. */
  readonly prefix: Uint8Array;
  /** Serial of the least order wanted; 0: any. */
  readonly leastStep: number;
  readonly nonce: number;
  /** Hops it may travel; 1: those in earshot only. */
  readonly ring: number;
}

export interface Solicit {
  /** The sender's neighbourhood index, by which its neighbours know whom to answer; 0: none. */
  readonly from: number;
  readonly entries: readonly SolicitEntry[];
}

/** The whole frame for 1–28 entries: 3 bytes and 9 for each. */
export function encodeSolicit({ from, entries }: Solicit): Uint8Array {
  if (entries.length < 1 || entries.length > MOST_ENTRIES) throw new RangeError('a solicit has 1–28 entries');
  const w = new Writer(solicitLength(entries.length)).u8(firstByte(KIND.solicit)).u16(from);
  for (const e of entries) w.raw(e.prefix.subarray(0, 4)).u16(e.leastStep).u16(e.nonce).u8(e.ring);
  return w.bytes();
}

/** Bytes of a frame with so many entries. */
export function solicitLength(entries: number): number {
  return 3 + ENTRY_LENGTH * entries;
}

/** A whole frame; undefined where it is malformed. */
export function decodeSolicit(frame: Uint8Array): Solicit | undefined {
  return decode(frame, (r) => {
    r.u8();
    const from = r.u16();
    if (r.left === 0 || r.left % ENTRY_LENGTH !== 0 || r.left > MOST_ENTRIES * ENTRY_LENGTH) return undefined;
    const entries = Array.from({ length: r.left / ENTRY_LENGTH }, () => ({
      prefix: r.raw(4).slice(),
      leastStep: r.u16(),
      nonce: r.u16(),
      ring: r.u8(),
    }));
    return entries.some((e) => e.ring === 0) ? undefined : { from, entries };
  });
}
