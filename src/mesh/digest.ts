/** Route digests, record 34: what a node's neighbours reach through it (docs/protocol/mesh.md, "Route digests"). */
import { decode, Writer } from '../core/bytes.ts';
import { LONGEST_LOG_BYTE } from '../core/log-byte.ts';
import { COST_LENGTH, type PathCost, readCost, writeCost } from './metric.ts';

export const PREFIX_LENGTH = 4;
const FRESHNESS_LENGTH = 8;
/** T0, the number of nodes heard, and that of wants. */
const HEAD_LENGTH = 3;
const WANT_LENGTH = 2 + PREFIX_LENGTH;
/** In one digest. */
export const MOST_WANTS = 8;
export const ENTRY_LENGTH = PREFIX_LENGTH + FRESHNESS_LENGTH + COST_LENGTH;

export interface DigestEntry {
  /** The first 4 bytes of the destination's NodeId. */
  readonly prefix: Uint8Array;
  /** The value of the destination's chain that this path is as new as, 8 bytes. */
  readonly freshness: Uint8Array;
  /** Of the path from the node that says it. */
  readonly cost: PathCost;
}

/** Asks one of those who hear the digest for the announce of a node that it has spoken of. */
export interface DigestWant {
  /** The neighbourhood index of whoever is asked. */
  readonly of: number;
  /** The first 4 bytes of the NodeId. */
  readonly prefix: Uint8Array;
}

export interface Digest {
  /** Log byte: the advertiser's T0. */
  readonly t0: number;
  /** How many nodes the advertiser hears, 0–255. */
  readonly hears: number;
  /** At most 8. */
  readonly wants: readonly DigestWant[];
  readonly entries: readonly DigestEntry[];
}

/** Bytes of a body with so many entries and no wants. */
export function digestLength(entries: number): number {
  return HEAD_LENGTH + ENTRY_LENGTH * entries;
}

/** How many entries a body of at most so many bytes holds beside so many wants. */
export function entriesWithin(bytes: number, wants = 0): number {
  return Math.max(Math.floor((bytes - HEAD_LENGTH - WANT_LENGTH * wants) / ENTRY_LENGTH), 0);
}

/** How many wants fit into a body of at most so many bytes beside so many entries, at most 8. */
export function wantsWithin(bytes: number, entries: number): number {
  const left = Math.floor((bytes - HEAD_LENGTH - ENTRY_LENGTH * entries) / WANT_LENGTH);
  return Math.min(Math.max(left, 0), MOST_WANTS);
}

/** The body: T0, how many are heard, 6 bytes a want, and 18 bytes an entry. */
export function encodeDigest({ t0, hears, wants, entries }: Digest): Uint8Array {
  const length = HEAD_LENGTH + WANT_LENGTH * wants.length + ENTRY_LENGTH * entries.length;
  const w = new Writer(length).u8(t0).u8(hears).u8(wants.length);
  for (const { of, prefix } of wants) w.u16(of).raw(prefix);
  for (const { prefix, freshness, cost } of entries) writeCost(w.raw(prefix).raw(freshness), cost);
  return w.bytes();
}

/** The digest in a body; undefined where it is malformed. */
export function decodeDigest(body: Uint8Array): Digest | undefined {
  return decode(body, (r) => {
    const [t0, hears, wanted] = [r.u8(), r.u8(), r.u8()];
    if (wanted > MOST_WANTS) return undefined;
    const wants = Array.from({ length: wanted }, () => ({
      of: r.u16(),
      prefix: r.raw(PREFIX_LENGTH).slice(),
    }));
    if (t0 > LONGEST_LOG_BYTE || r.left === 0 || r.left % ENTRY_LENGTH !== 0) return undefined;
    const entries = Array.from({ length: r.left / ENTRY_LENGTH }, () => ({
      prefix: r.raw(PREFIX_LENGTH).slice(),
      freshness: r.raw(FRESHNESS_LENGTH).slice(),
      cost: readCost(r),
    }));
    return { t0, hears, wants, entries };
  });
}
