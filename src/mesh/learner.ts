/**
 * Makes routes of what neighbours say (docs/protocol/mesh.md, "Route digests"): each entry must prove its freshness
 * by its destination's chain; one whose announce is lacking waits for it.
 */
import { equal, toHex } from '../core/bytes.ts';
import type { Clock } from '../core/clock.ts';
import type { Counters } from '../core/counters.ts';
import { Event } from '../core/events.ts';
import { firstOfFullest } from '../core/fullest.ts';
import { minutesOf } from '../core/log-byte.ts';
import { type NodeId, nodeIdKey } from '../identity/node-id.ts';
import { ChainProofs } from './chain-proofs.ts';
import type { Destination, Destinations } from './destinations.ts';
import { type Digest, type DigestEntry, PREFIX_LENGTH } from './digest.ts';
import { OWN_COST, RETRACTED } from './metric.ts';
import type { RouteTable } from './route-table.ts';

const MINUTE = 60_000;
const MOST_T0_MS = 12 * 60 * MINUTE;
const EXPIRES_AFTER = 3;
/** Entries that wait for announces: prefixes, and of each. */
const MOST_PENDING = 1024;
const MOST_OF_ONE = 4;
/** Values that prove nothing in an hour, of one neighbour. */
const MOST_UNPROVEN = 64;

/** The T0 that a neighbour says as a log byte, ms; at most 12 h is believed, since its routes last 24 times that. */
export function believedT0(logByte: number): number {
  return Math.min((minutesOf(logByte) ?? 0) * MINUTE, MOST_T0_MS);
}

/** How often a node refreshes a route of so many hops, ms: T0·2^min(h − 1, 3). */
export function refreshInterval(t0: number, hops: number): number {
  return t0 * 2 ** Math.min(Math.max(hops - 1, 0), 3);
}

/** When such a route is forgotten, ms after it was last refreshed. */
export function lifetime(t0: number, hops: number): number {
  return EXPIRES_AFTER * refreshInterval(t0, hops);
}

export interface Learned {
  readonly destination: Destination;
  /** There was no usable route before, or none as new. */
  readonly isNews: boolean;
}

/** What a neighbour, whose T0 is `t0` ms, has said `at` some time. */
interface Word {
  readonly via: NodeId;
  readonly entry: DigestEntry;
  readonly t0: number;
  readonly at: number;
}

export interface LearnerOptions {
  readonly self: NodeId;
  readonly destinations: Destinations;
  readonly table: RouteTable;
  /** A neighbour has said how this node itself is reached, by a value of its chain. */
  readonly ownValue: (freshness: Uint8Array) => void;
  /** Asks a neighbour for an announce. */
  readonly ask: (via: NodeId, prefix: Uint8Array) => void;
  readonly clock: Clock;
  readonly counters: Counters;
}

export class Learner {
  /** A route was said, or said again. */
  readonly onLearned = new Event<Learned>();
  readonly #o: LearnerOptions;
  /** By prefix in hex, in the order they came. */
  readonly #pending = new Map<string, Word[]>();
  /** By neighbour. */
  readonly #proofs = new Map<string, ChainProofs>();

  constructor(options: LearnerOptions) {
    this.#o = options;
    // destinations are bounded, so routes are
    options.destinations.onForgotten.on((key) => options.table.forget(key));
  }

  /** A digest of a linked neighbour, proven to be its own. */
  digest(via: NodeId, digest: Digest): void {
    const t0 = believedT0(digest.t0);
    for (const entry of digest.entries) this.#entry(via, entry, t0);
  }

  /** A linked neighbour, with this T0, is a destination itself, before it has said so in a digest. */
  direct(id: NodeId, t0: number): void {
    const destination = this.#o.destinations.get(nodeIdKey(id));
    if (!destination) return;
    const entry = { prefix: id, freshness: destination.chain.value, cost: OWN_COST };
    this.#route(destination, destination.chain.order, { via: id, entry, t0, at: this.#o.clock.monotonic() });
  }

  /** A linked neighbour, with this T0, gives a sign of life: its route to itself lasts as if it had said it again. */
  alive(id: NodeId, t0: number): void {
    const key = nodeIdKey(id);
    this.#o.table.prolong(key, key, this.#o.clock.monotonic() + lifetime(t0, OWN_COST.hops));
  }

  /** An announce has come: whatever waited for it is looked at again. */
  announced(id: NodeId): void {
    const key = toHex(id.subarray(0, PREFIX_LENGTH));
    const pending = this.#pending.get(key) ?? [];
    this.#pending.delete(key);
    const now = this.#o.clock.monotonic();
    for (const word of pending) {
      if (expiryOf(word) <= now || this.#proven(word)) continue;
      this.#o.counters.count('mesh.refused.unproven-entry');
    }
  }

  /** Whose words of such a node wait for its announce. */
  speakers(prefix: Uint8Array): readonly NodeId[] {
    const now = this.#o.clock.monotonic();
    return (this.#pending.get(toHex(prefix)) ?? []).filter((w) => expiryOf(w) > now).map(({ via }) => via);
  }

  #entry(via: NodeId, entry: DigestEntry, t0: number): void {
    const { ask, destinations, ownValue, self, table } = this.#o;
    if (equal(entry.prefix, self.subarray(0, PREFIX_LENGTH))) {
      ownValue(entry.freshness);
      return;
    }
    if (entry.cost.metric === RETRACTED) {
      for (const { key } of destinations.withPrefix(entry.prefix)) table.retract(key, nodeIdKey(via));
      this.#takeBack(via, entry.prefix);
      return;
    }
    const word = { via, entry, t0, at: this.#o.clock.monotonic() };
    if (this.#proven(word)) return;
    this.#wait(word);
    ask(via, entry.prefix);
  }

  /** Takes the entry where its freshness is proven. */
  #proven(word: Word): boolean {
    const { entry } = word;
    const now = this.#o.clock.monotonic();
    const proofs = this.#proofsOf(word.via);
    for (const destination of this.#o.destinations.withPrefix(entry.prefix)) {
      const before = destination.chain.order;
      const order = proofs.prove(destination, entry.freshness, now);
      if (order === undefined) continue;
      if (order > before) destination.provenAt = now;
      this.#route(destination, order, word);
      return true;
    }
    return false;
  }

  #proofsOf(via: NodeId): ChainProofs {
    const key = nodeIdKey(via);
    const now = this.#o.clock.monotonic();
    const known = this.#proofs.get(key);
    if (known && !known.isOver(now)) return known;
    for (const [k, proofs] of this.#proofs) if (proofs.isOver(now)) this.#proofs.delete(k);
    const proofs = new ChainProofs(MOST_UNPROVEN, now);
    this.#proofs.set(key, proofs);
    return proofs;
  }

  #route(destination: Destination, order: number, word: Word): void {
    const { clock, table } = this.#o;
    const { entry, via } = word;
    const { key } = destination;
    const now = clock.monotonic();
    const before = table.best(key, now);
    table.update(key, { via: nodeIdKey(via), cost: entry.cost, order, expiresAt: expiryOf(word) });
    const after = table.best(key, now);
    if (!after) return;
    const isNews = !before || after.route.order > before.route.order;
    this.onLearned.emit({ destination, isNews });
  }

  #wait(word: Word): void {
    const key = toHex(word.entry.prefix);
    const others = this.#takeBack(word.via, word.entry.prefix);
    this.#pending.delete(key);
    this.#pending.set(key, [...others, word].slice(-MOST_OF_ONE));
    if (this.#pending.size <= MOST_PENDING) return;
    const left = firstOfFullest(this.#pending, ([, [first]]) => (first ? nodeIdKey(first.via) : ''));
    if (left) this.#pending.delete(left[0]);
  }

  /** What a neighbour has said of such a node waits no longer; what others have said does. */
  #takeBack(via: NodeId, prefix: Uint8Array): readonly Word[] {
    const key = toHex(prefix);
    const others = (this.#pending.get(key) ?? []).filter((p) => nodeIdKey(p.via) !== nodeIdKey(via));
    if (others.length > 0) this.#pending.set(key, others);
    else this.#pending.delete(key);
    return others;
  }
}

function expiryOf({ at, entry, t0 }: Word): number {
  return at + lifetime(t0, entry.cost.hops);
}
