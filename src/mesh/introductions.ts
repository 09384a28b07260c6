/**
 * Announces of others: asks neighbours for those that are lacking, and hands out those that are asked for
 * (docs/protocol/mesh.md, "Announce", `want`). One announce goes to whoever hears it, so nobody asks at once, and
 * whoever hears what it was about to ask for is silent.
 */
import { equal, fromHex, toHex } from '../core/bytes.ts';
import type { Cancel, Clock } from '../core/clock.ts';
import type { Counters } from '../core/counters.ts';
import { type Random, uniform } from '../core/random.ts';
import { type NodeId, nodeIdKey } from '../identity/node-id.ts';
import type { IncomingRecord } from '../link/link.ts';
import { RECORD } from '../link/records.ts';
import { announceThrough } from './announce.ts';
import type { Destination, Destinations } from './destinations.ts';
import { PREFIX_LENGTH } from './digest.ts';
import { OWN_COST, type PathCost } from './metric.ts';
import type { PacedLink } from './paced-link.ts';
import { decodeWant, encodeWant, MOST_WANTED } from './want.ts';

/** The same announce goes out once in so many ms. */
const HAND_OUT_PAUSE = 60_000;
/** An announce is asked for once in so many ms. */
const ASK_PAUSE = 300_000;
/** Those who lack the same announce ask at different times: within as many of its airtimes. */
const SPREAD = 16;
const MOST_ASKED = 256;
const ANNOUNCE_LENGTH = 125;

export interface IntroductionsOptions {
  readonly self: NodeId;
  readonly paced: PacedLink;
  readonly destinations: Destinations;
  readonly isTrusted: (id: NodeId) => boolean;
  /** What it costs from here to a destination; undefined where it cannot be reached. */
  readonly costTo: (key: string) => PathCost | undefined;
  /** Announces this box itself. */
  readonly announceSelf: () => void;
  readonly airtime: (bytes: number) => number;
  readonly clock: Clock;
  readonly random: Random;
  readonly counters: Counters;
}

interface Asking {
  readonly via: NodeId;
  readonly at: number;
  sent: boolean;
}

export class Introductions {
  readonly #o: IntroductionsOptions;
  readonly #handedOut = new Map<string, number>();
  /** By prefix in hex. */
  readonly #asking = new Map<string, Asking>();
  readonly #timers = new Map<string, Cancel>();

  constructor(options: IntroductionsOptions) {
    this.#o = options;
  }

  stop(): void {
    for (const cancel of this.#timers.values()) cancel();
  }

  /** A neighbour spoke of a node whose announce is lacking. */
  ask(via: NodeId, prefix: Uint8Array): void {
    const { airtime, clock, random } = this.#o;
    const now = clock.monotonic();
    const key = toHex(prefix);
    const known = this.#asking.get(key);
    if (known && now - known.at < ASK_PAUSE) return;
    this.#asking.delete(key);
    this.#asking.set(key, { via, at: now, sent: false });
    const [oldest] = this.#asking.keys();
    if (this.#asking.size > MOST_ASKED && oldest !== undefined) this.#asking.delete(oldest);
    const to = nodeIdKey(via);
    if (this.#timers.has(to)) return;
    const wait = 200 + SPREAD * airtime(ANNOUNCE_LENGTH) * uniform(random);
    this.#timers.set(
      to,
      clock.after(wait, () => {
        this.#timers.delete(to);
        this.#send(via);
      }),
    );
  }

  /** An announce was heard: whom it was asked of, if it was. */
  heard(id: NodeId): NodeId | undefined {
    const key = toHex(id.subarray(0, PREFIX_LENGTH));
    const asked = this.#asking.get(key);
    this.#asking.delete(key);
    // whoever hands it out next need not: all around have heard it
    this.#handedOut.set(nodeIdKey(id), this.#o.clock.monotonic());
    return asked?.via;
  }

  /** Record 32. */
  wanted({ from, body }: IncomingRecord): void {
    const { announceSelf, counters, destinations, self } = this.#o;
    const prefixes = decodeWant(body);
    if (!prefixes) {
      counters.count('mesh.refused.malformed-want');
      return;
    }
    for (const prefix of prefixes) {
      if (equal(prefix, self.subarray(0, PREFIX_LENGTH))) announceSelf();
      for (const destination of destinations.withPrefix(prefix)) this.#handOut(destination, from.id);
    }
  }

  #send(via: NodeId): void {
    const { isTrusted, paced } = this.#o;
    const to = nodeIdKey(via);
    const due = [...this.#asking].filter(([, a]) => !a.sent && nodeIdKey(a.via) === to).slice(0, MOST_WANTED);
    if (due.length === 0) return;
    for (const [, asking] of due) asking.sent = true;
    const prefixes = due.map(([key]) => fromHex(key) as Uint8Array);
    void paced.tell(via, { type: RECORD.want, body: encodeWant(prefixes) }, isTrusted(via));
  }

  #handOut({ frame, key, nodeId }: Destination, to: NodeId): void {
    const { clock, costTo, isTrusted, paced } = this.#o;
    const now = clock.monotonic();
    const cost = costTo(key);
    if (!cost || now - (this.#handedOut.get(key) ?? Number.NEGATIVE_INFINITY) < HAND_OUT_PAUSE) return;
    const sent = paced.broadcast(announceThrough(frame, cost), isTrusted(nodeId) || isTrusted(to));
    if (!sent) return;
    this.#handedOut.delete(key);
    this.#handedOut.set(key, now);
    for (const [k, at] of this.#handedOut) {
      if (now - at < HAND_OUT_PAUSE) break;
      this.#handedOut.delete(k);
    }
  }
}

/** Whether an announce comes from its own node: that it is in earshot, then. */
export function isFirstHand(cost: PathCost): boolean {
  return cost.hops === OWN_COST.hops;
}
