/** Solicit, kind 4: who is wanted (docs/protocol/mesh.md). */
import { decode, Writer } from '../core/bytes.ts';
import { firstByte, KIND } from '../link/frame.ts';

const ENTRY_LENGTH = 9;
/** As many as a frame of 255 bytes holds. */
export const MOST_ENTRIES = 28;

export interface SolicitEntry {
  /** The first 4 bytes of the wanted NodeId. */
  readonly prefix: Uint8Array;
  /** 0: any. */
  readonly leastStep: number;
  readonly nonce: number;
  /** Hops it may travel; 1: those in earshot only. */
  readonly ring: number;
}

/** The whole frame for 1–28 entries. */
export function encodeSolicit(entries: readonly SolicitEntry[]): Uint8Array {
  if (entries.length < 1 || entries.length > MOST_ENTRIES) throw new RangeError('a solicit has 1–28 entries');
  const w = new Writer(1 + ENTRY_LENGTH * entries.length).u8(firstByte(KIND.solicit));
  for (const e of entries) w.raw(e.prefix.subarray(0, 4)).u16(e.leastStep).u16(e.nonce).u8(e.ring);
  return w.bytes();
}

/** The entries of a whole frame; undefined where it is malformed. */
export function decodeSolicit(frame: Uint8Array): readonly SolicitEntry[] | undefined {
  return decode(frame, (r) => {
    r.u8();
    if (r.left === 0 || r.left % ENTRY_LENGTH !== 0 || r.left > MOST_ENTRIES * ENTRY_LENGTH) return undefined;
    return Array.from({ length: r.left / ENTRY_LENGTH }, () => ({
      prefix: r.raw(4).slice(),
      leastStep: r.u16(),
      nonce: r.u16(),
      ring: r.u8(),
    }));
  });
}
