/** Route digests, record 34: what a node's neighbours reach through it (docs/protocol/mesh.md, "Route digests"). */
import { decode, Writer } from '../core/bytes.ts';
import { LONGEST_LOG_BYTE } from '../core/log-byte.ts';
import { COST_LENGTH, type PathCost, readCost, writeCost } from './metric.ts';

export const PREFIX_LENGTH = 4;
const FRESHNESS_LENGTH = 8;
/** T0 and the number of nodes heard. */
const HEAD_LENGTH = 2;
export const ENTRY_LENGTH = PREFIX_LENGTH + FRESHNESS_LENGTH + COST_LENGTH;

export interface DigestEntry {
  /** The first 4 bytes of the destination's NodeId. */
  readonly prefix: Uint8Array;
  /** The value of the destination's chain that this path is as new as, 8 bytes. */
  readonly freshness: Uint8Array;
  /** Of the path from the node that says it. */
  readonly cost: PathCost;
}

export interface Digest {
  /** Log byte: the advertiser's T0. */
  readonly t0: number;
  /** How many nodes the advertiser hears, 0–255. */
  readonly hears: number;
  readonly entries: readonly DigestEntry[];
}

/** How many entries a body of at most so many bytes holds. */
export function entriesWithin(bytes: number): number {
  return Math.max(Math.floor((bytes - HEAD_LENGTH) / ENTRY_LENGTH), 0);
}

/** The body: T0, how many are heard, and 18 bytes an entry. */
export function encodeDigest({ t0, hears, entries }: Digest): Uint8Array {
  const w = new Writer(HEAD_LENGTH + ENTRY_LENGTH * entries.length).u8(t0).u8(hears);
  for (const { prefix, freshness, cost } of entries) writeCost(w.raw(prefix).raw(freshness), cost);
  return w.bytes();
}

/** The digest in a body; undefined where it is malformed. */
export function decodeDigest(body: Uint8Array): Digest | undefined {
  return decode(body, (r) => {
    const [t0, hears] = [r.u8(), r.u8()];
    if (t0 > LONGEST_LOG_BYTE || r.left === 0 || r.left % ENTRY_LENGTH !== 0) return undefined;
    const entries = Array.from({ length: r.left / ENTRY_LENGTH }, () => ({
      prefix: r.raw(PREFIX_LENGTH).slice(),
      freshness: r.raw(FRESHNESS_LENGTH).slice(),
      cost: readCost(r),
    }));
    return { t0, hears, entries };
  });
}
