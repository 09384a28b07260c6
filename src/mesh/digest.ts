/** Route digests, record 34: what a node's neighbours reach through it (docs/protocol/mesh.md, "Route digests"). */
import { decode, type Reader, Writer } from '../core/bytes.ts';
import { LONGEST_LOG_BYTE } from '../core/log-byte.ts';
import type { Crowd } from './channel-shares.ts';
import { AWAY, HOP_LIMIT, OWN_COST, type PathCost } from './metric.ts';

export const PREFIX_LENGTH = 4;
const FRESHNESS_LENGTH = 8;
/** T0, how full the channel is (2), the number of wants, and the price and the bottleneck that most entries share. */
const HEAD_LENGTH = 7;
const WANT_LENGTH = 2 + PREFIX_LENGTH;
/** In one digest. */
export const MOST_WANTS = 8;
/** Prefix, freshness, metric, hops. */
const ENTRY_LENGTH = PREFIX_LENGTH + FRESHNESS_LENGTH + 3;
/** A price and a bottleneck of its own. */
const TERMS_LENGTH = 3;
/** In the byte for hops: a price and a bottleneck follow. */
const TERMS = 0x40;

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
  /** How full the channel is at the advertiser. */
  readonly crowd: Crowd;
  /** At most 8. */
  readonly wants: readonly DigestWant[];
  readonly entries: readonly DigestEntry[];
}

/** What travels once for all entries that share it. */
type Terms = Pick<PathCost, 'price' | 'bottleneck'>;

/** Bytes of a body with one entry and no wants, whose terms are the digest's. */
export const SINGLE_LENGTH = HEAD_LENGTH + ENTRY_LENGTH;

/** How many of these entries, from the first on, a body of at most so many bytes holds beside so many wants. */
export function entriesWithin(bytes: number, entries: readonly DigestEntry[], wants = 0): number {
  let count = Math.min(mostEntriesWithin(bytes, wants), entries.length);
  while (count > 0 && lengthOf(entries.slice(0, count), wants) > bytes) count--;
  return count;
}

/** How many entries at most a body of at most so many bytes holds. */
export function mostEntriesWithin(bytes: number, wants = 0): number {
  return Math.max(Math.floor((bytes - HEAD_LENGTH - WANT_LENGTH * wants) / ENTRY_LENGTH), 0);
}

/** How many wants fit into a body of at most so many bytes beside these entries, at most 8. */
export function wantsWithin(bytes: number, entries: readonly DigestEntry[]): number {
  const left = Math.floor((bytes - lengthOf(entries, 0)) / WANT_LENGTH);
  return Math.min(Math.max(left, 0), MOST_WANTS);
}

/** The body: T0, how full the channel is, what entries share, 6 bytes a want, and 15 or 18 bytes an entry. */
export function encodeDigest({ t0, crowd, wants, entries }: Digest): Uint8Array {
  const shared = sharedTerms(entries);
  const w = new Writer(lengthOf(entries, wants.length)).u8(t0).u8(crowd.here).u8(crowd.around);
  w.u8(wants.length).u16(shared.price).u8(shared.bottleneck);
  for (const { of, prefix } of wants) w.u16(of).raw(prefix);
  for (const { prefix, freshness, cost } of entries) {
    const { away, bottleneck, hops, metric, price } = cost;
    const ofItsOwn = hasOwnTerms(cost, shared);
    w.raw(prefix).raw(freshness).u16(metric);
    w.u8(hops | (ofItsOwn ? TERMS : 0) | (away ? AWAY : 0));
    if (ofItsOwn) w.u16(price).u8(bottleneck);
  }
  return w.bytes();
}

/** The digest in a body; undefined where it is malformed. */
export function decodeDigest(body: Uint8Array): Digest | undefined {
  return decode(body, (r) => {
    const [t0, here, around, wanted] = [r.u8(), r.u8(), r.u8(), r.u8()];
    const shared = { price: r.u16(), bottleneck: r.u8() };
    if (wanted > MOST_WANTS || t0 > LONGEST_LOG_BYTE) return undefined;
    const wants = Array.from({ length: wanted }, () => ({
      of: r.u16(),
      prefix: r.raw(PREFIX_LENGTH).slice(),
    }));
    const entries: DigestEntry[] = [];
    while (r.left > 0) entries.push(readEntry(r, shared));
    return entries.length > 0 ? { t0, crowd: { here, around }, wants, entries } : undefined;
  });
}

function readEntry(r: Reader, shared: Terms): DigestEntry {
  const [prefix, freshness] = [r.raw(PREFIX_LENGTH).slice(), r.raw(FRESHNESS_LENGTH).slice()];
  const [metric, flags] = [r.u16(), r.u8()];
  const hops = flags & HOP_LIMIT;
  const { bottleneck, price } =
    flags & TERMS ? { price: r.u16(), bottleneck: r.u8() } : impliedTerms(hops, shared);
  return {
    ...{ prefix, freshness },
    cost: { metric, price, bottleneck, hops, ...(flags & AWAY ? { away: true } : {}) },
  };
}

/** Those of an entry that says none: a node's path to itself costs nothing. */
function impliedTerms(hops: number, shared: Terms): Terms {
  return hops === 0 ? OWN_COST : shared;
}

function hasOwnTerms({ bottleneck, hops, price }: PathCost, shared: Terms): boolean {
  const implied = impliedTerms(hops, shared);
  return price !== implied.price || bottleneck !== implied.bottleneck;
}

/** The price and the bottleneck of most entries. */
function sharedTerms(entries: readonly DigestEntry[]): Terms {
  const counts = new Map<string, { readonly terms: Terms; count: number }>();
  for (const { cost } of entries) {
    if (cost.hops === 0) continue;
    const key = `${cost.price} ${cost.bottleneck}`;
    const counted = counts.get(key) ?? { terms: cost, count: 0 };
    counted.count++;
    counts.set(key, counted);
  }
  const [most] = [...counts.values()].sort((a, b) => b.count - a.count);
  return most?.terms ?? OWN_COST;
}

function lengthOf(entries: readonly DigestEntry[], wants: number): number {
  const shared = sharedTerms(entries);
  const withTerms = entries.filter((e) => hasOwnTerms(e.cost, shared)).length;
  return HEAD_LENGTH + WANT_LENGTH * wants + ENTRY_LENGTH * entries.length + TERMS_LENGTH * withTerms;
}
