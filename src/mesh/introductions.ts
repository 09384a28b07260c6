/**
 * Announces of others: asks neighbours for those that are lacking, and hands out those that are asked for
 * (docs/protocol/mesh.md, "Announce", `want`). One announce goes to whoever hears it, so nobody asks at once, and
 * whoever hears what it was about to ask for is silent.
 */
import { equal, toHex } from '../core/bytes.ts';
import type { Cancel, Clock } from '../core/clock.ts';
import { type Random, uniform } from '../core/random.ts';
import { type NodeId, nodeIdKey } from '../identity/node-id.ts';
import type { Neighbour } from '../link/link.ts';
import { RECORD } from '../link/records.ts';
import { announceThrough } from './announce.ts';
import type { Destination, Destinations } from './destinations.ts';
import { PREFIX_LENGTH } from './digest.ts';
import { OWN_COST, type PathCost } from './metric.ts';
import type { PacedLink } from './paced-link.ts';
import { encodeWant, MOST_WANTED } from './want.ts';

/** The same announce goes out once in so many of its airtimes: all who lack it ask within SPREAD. */
const HAND_OUT_PAUSE = 24;
/** Announces due wait so long for the budget; of one neighbour's, so many may. */
const PUMP_PAUSE = 30_000;
const MOST_DUE_TO_ONE = 32;
/** One that does not come is asked for again after so many of its airtimes; then only when it is spoken of after a pause. */
const ASK_AGAIN = [600, 3000];
/** Sooner where somebody waits for a route. */
const ASK_AGAIN_SOUGHT = [32, 128, ...ASK_AGAIN];
const ASK_PAUSE = 1_800_000;
/** Those who lack the same announce ask at different times: within as many of its airtimes. */
const SPREAD = 16;
const SPREAD_SOUGHT = 3;
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
  readonly announceSelf: (medium: string) => void;
  /** How a linked neighbour names itself. */
  readonly indexOf: (id: NodeId) => number | undefined;
  /** Somebody solicits for such a one. */
  readonly isSought: (prefix: Uint8Array) => boolean;
  readonly airtime: (bytes: number) => number;
  readonly clock: Clock;
  readonly random: Random;
}

interface Asking {
  readonly prefix: Uint8Array;
  readonly via: NodeId;
  readonly at: number;
  /** Infinity: not by itself. */
  dueAt: number;
  tries: number;
  /** It is due, and goes with the next digest. */
  rides: boolean;
}

/** One that goes with a digest, and the neighbourhood index of whoever is asked. */
export interface Riding {
  readonly asking: Asking;
  readonly of: number;
}

interface Due {
  readonly key: string;
  /** Where it was asked for, and by whom. */
  readonly medium: string;
  readonly asker: string;
  readonly trusted: boolean;
}

export class Introductions {
  readonly #o: IntroductionsOptions;
  /** By medium and destination. */
  readonly #handedOut = new Map<string, number>();
  /** By prefix in hex. */
  readonly #asking = new Map<string, Asking>();
  #askTimer: Cancel | undefined;
  /** Asked for and not handed out yet, in the order asked; by medium and destination. */
  readonly #due = new Map<string, Due>();
  #pumpTimer: Cancel | undefined;

  constructor(options: IntroductionsOptions) {
    this.#o = options;
  }

  stop(): void {
    this.#askTimer?.();
    this.#pumpTimer?.();
  }

  /** A neighbour spoke of a node whose announce is lacking. */
  ask(via: NodeId, prefix: Uint8Array): void {
    const { airtime, clock, isSought, random } = this.#o;
    const now = clock.monotonic();
    const key = toHex(prefix);
    const known = this.#asking.get(key);
    const sought = isSought(prefix);
    if (known && now - known.at < ASK_PAUSE && !(known.rides && sought)) return;
    const to = nodeIdKey(via);
    const isNew = (a: Asking) => a.tries === 0 && !a.rides && nodeIdKey(a.via) === to;
    const same = [...this.#asking.values()].find(isNew);
    const spread = (sought ? SPREAD_SOUGHT : SPREAD) * airtime(ANNOUNCE_LENGTH);
    const alone = now + 200 + spread * uniform(random);
    const dueAt = same && !sought ? same.dueAt : Math.min(same?.dueAt ?? alone, alone);
    this.#asking.delete(key);
    this.#asking.set(key, { prefix, via, at: now, dueAt, tries: 0, rides: false });
    const [oldest] = this.#asking.keys();
    if (this.#asking.size > MOST_ASKED && oldest !== undefined) this.#asking.delete(oldest);
    this.#arm();
  }

  /** An announce was heard: whom it was asked of, if it was. */
  heard(id: NodeId): NodeId | undefined {
    const key = toHex(id.subarray(0, PREFIX_LENGTH));
    const asked = this.#asking.get(key);
    this.#asking.delete(key);
    return asked?.via;
  }

  /** A neighbour asks for the announces of these, by record 32 or in a digest. */
  wanted(from: Neighbour, prefixes: readonly Uint8Array[]): void {
    const { announceSelf, destinations, self } = this.#o;
    for (const prefix of prefixes) {
      if (equal(prefix, self.subarray(0, PREFIX_LENGTH))) announceSelf(from.medium);
      for (const destination of destinations.withPrefix(prefix)) this.#handOut(destination, from);
    }
  }

  #arm(): void {
    const { clock } = this.#o;
    this.#askTimer?.();
    const dueAt = Math.min(...[...this.#asking.values()].map((a) => a.dueAt));
    if (Number.isFinite(dueAt))
      this.#askTimer = clock.after(dueAt - clock.monotonic(), () => {
        this.#sendDue();
        this.#arm();
      });
  }

  /** What goes with a digest, at most so many; to be told to `rode` once it is out. */
  riding(most: number): readonly Riding[] {
    const all = [...this.#asking.values()].filter((a) => a.rides);
    const addressed = all.map((asking) => ({ asking, of: this.#o.indexOf(asking.via) }));
    return addressed.filter((r): r is Riding => r.of !== undefined).slice(0, most);
  }

  rode(riding: readonly Riding[]): void {
    for (const { asking } of riding) this.#asked(asking);
    this.#arm();
  }

  /** Asks the neighbours of those due; what nobody waits for and the budget has no room for goes with a digest. */
  #sendDue(): void {
    const { clock, isSought, isTrusted, paced } = this.#o;
    const now = clock.monotonic();
    const due = new Map<string, { via: NodeId; asked: Asking[] }>();
    for (const asking of this.#asking.values()) {
      const { dueAt, prefix, via } = asking;
      const to = nodeIdKey(via);
      const one = due.get(to) ?? { via, asked: [] };
      if (dueAt > now || one.asked.length >= MOST_WANTED) continue;
      if (isSought(prefix) || paced.isAmple(via)) {
        one.asked.push(asking);
        due.set(to, one);
        this.#asked(asking);
      } else {
        asking.rides = true;
        asking.dueAt = Number.POSITIVE_INFINITY;
      }
    }
    for (const { asked, via } of due.values()) {
      const body = encodeWant(asked.map((a) => a.prefix));
      void paced.tell(via, { type: RECORD.want, body }, isTrusted(via)).then((hasArrived) => {
        for (const asking of asked) asking.rides ||= !hasArrived;
      });
    }
  }

  /** Once more after a while: announces are not acknowledged. */
  #asked(asking: Asking): void {
    const { airtime, clock, isSought } = this.#o;
    const again = (isSought(asking.prefix) ? ASK_AGAIN_SOUGHT : ASK_AGAIN)[asking.tries];
    asking.dueAt = clock.monotonic() + airtime(ANNOUNCE_LENGTH) * (again ?? Number.POSITIVE_INFINITY);
    asking.tries++;
    asking.rides = false;
  }

  /** Hands out what is asked for as the budget allows, the first asked for first. */
  #handOut({ key, nodeId }: Destination, { id, medium }: Neighbour): void {
    const { clock, isTrusted } = this.#o;
    const what = `${medium} ${key}`;
    const handedAt = this.#handedOut.get(what) ?? Number.NEGATIVE_INFINITY;
    if (clock.monotonic() - handedAt < this.#handOutPause || this.#due.has(what)) return;
    const asker = nodeIdKey(id);
    const ofOne = [...this.#due.values()].filter((d) => d.asker === asker).length;
    if (ofOne >= MOST_DUE_TO_ONE) return;
    this.#due.set(what, { key, medium, asker, trusted: isTrusted(nodeId) || isTrusted(id) });
    this.#pump();
  }

  #pump(): void {
    const { clock, costTo, destinations, paced } = this.#o;
    if (this.#pumpTimer) return;
    const now = clock.monotonic();
    for (const [what, { key, medium, trusted }] of this.#due) {
      const frame = destinations.get(key)?.frame;
      const cost = costTo(key);
      if (frame && cost && !paced.broadcast(announceThrough(frame, cost), trusted, { medium })) {
        this.#pumpTimer = clock.after(PUMP_PAUSE, () => {
          this.#pumpTimer = undefined;
          this.#pump();
        });
        return;
      }
      this.#noteHandedOut(what, now);
    }
  }

  /** ms */
  get #handOutPause(): number {
    return HAND_OUT_PAUSE * this.#o.airtime(ANNOUNCE_LENGTH);
  }

  #noteHandedOut(what: string, now: number): void {
    this.#due.delete(what);
    this.#handedOut.delete(what);
    this.#handedOut.set(what, now);
    for (const [k, at] of this.#handedOut) {
      if (now - at < this.#handOutPause) break;
      this.#handedOut.delete(k);
    }
  }
}

/** Whether an announce comes from its own node: that it is in earshot, then. */
export function isFirstHand(cost: PathCost): boolean {
  return cost.hops === OWN_COST.hops;
}
