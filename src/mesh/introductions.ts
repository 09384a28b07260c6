/**
 * Announces of others: asks neighbours for those that are lacking, and hands out those that are asked for
 * (docs/protocol/mesh.md, "Announce", `want`). One announce goes to whoever hears it, so nobody asks at once, and
 * whoever hears what it was about to ask for is silent.
 */
import { equal, toHex } from '../core/bytes.ts';
import type { Cancel, Clock } from '../core/clock.ts';
import { firstOfFullest } from '../core/fullest.ts';
import { type Noted, note } from '../core/noted.ts';
import { type Random, uniform } from '../core/random.ts';
import { type NodeId, nodeIdKey } from '../identity/node-id.ts';
import type { Neighbour } from '../link/link.ts';
import { RECORD } from '../link/records.ts';
import { announceThrough } from './announce.ts';
import type { Destination, Destinations } from './destinations.ts';
import { PREFIX_LENGTH } from './digest.ts';
import { NO_WAY, OWN_COST, type PathCost } from './metric.ts';
import type { Calling, PacedLink } from './paced-link.ts';
import { encodeWant, MOST_WANTED } from './want.ts';

/** The same announce goes out once in so many of its airtimes, or of what stands for one (`pace`): all who lack it ask within SPREAD. */
const HAND_OUT_PAUSE = 24;
/** So many that one neighbour asked for may wait for the budget. */
const MOST_DUE_TO_ONE = 32;
/** One that does not come is asked for again after so many of its airtimes; then, of one after the other who speak of it, every so many. */
const ASK_AGAIN = [600, 3000];
const ASK_OTHERS = 6000;
/** Sooner where somebody waits for a route. */
const ASK_AGAIN_SOUGHT = [32, 128, ...ASK_AGAIN];
const ASK_PAUSE = 1_800_000;
/** Those who lack the same announce ask at different times: within as many of its airtimes. */
const SPREAD = 16;
const SPREAD_SOUGHT = 3;
const MOST_ASKED = 256;

export interface IntroductionsOptions {
  readonly self: NodeId;
  readonly paced: PacedLink;
  readonly destinations: Destinations;
  readonly isTrusted: (id: NodeId) => boolean;
  /** What it costs from here to a destination; undefined where it cannot be reached. */
  readonly costTo: (key: string) => PathCost | undefined;
  /** Whether a neighbour has said a route to that destination. */
  readonly speaksOf: (neighbour: string, key: string) => boolean;
  /** Who has said a route to such a node that waits for its announce. */
  readonly speakers: (prefix: Uint8Array) => readonly NodeId[];
  /** An announce that was asked for has been said. */
  readonly handedOut: (id: NodeId, medium: string) => void;
  /** Announces this box itself. */
  readonly announceSelf: (medium: string) => void;
  /** How a linked neighbour names itself. */
  readonly indexOf: (id: NodeId) => number | undefined;
  /** Somebody solicits for such a one. */
  readonly isSought: (prefix: Uint8Array) => boolean;
  /** ms that an announce takes, by which all pauses are measured: never 0, or what is lacking is asked for without end. */
  readonly pace: number;
  readonly clock: Clock;
  readonly random: Random;
}

interface Asking {
  readonly prefix: Uint8Array;
  via: NodeId;
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
  /** Who has asked first. */
  readonly first: string;
  /** All who have, and whether they spoke of it even then. */
  readonly askers: Map<string, boolean>;
  readonly need: 'sought' | 'other';
}

export class Introductions {
  readonly #o: IntroductionsOptions;
  /** By medium and destination. */
  readonly #handedOut: Noted = new Map();
  /** By prefix in hex. */
  readonly #asking = new Map<string, Asking>();
  #askTimer: Cancel | undefined;
  /** Asked for and not handed out yet, by medium and destination. */
  readonly #due = new Map<string, Due>();

  constructor(options: IntroductionsOptions) {
    this.#o = options;
  }

  stop(): void {
    this.#askTimer?.();
  }

  /** A neighbour spoke of a node whose announce is lacking. */
  ask(via: NodeId, prefix: Uint8Array): void {
    const { clock, isSought, pace, random } = this.#o;
    const now = clock.monotonic();
    const key = toHex(prefix);
    const known = this.#asking.get(key);
    const sought = isSought(prefix);
    if (known && now - known.at < ASK_PAUSE && !(known.rides && sought)) return;
    const to = nodeIdKey(via);
    const isNew = (a: Asking) => a.tries === 0 && !a.rides && nodeIdKey(a.via) === to;
    const same = [...this.#asking.values()].find(isNew);
    const spread = (sought ? SPREAD_SOUGHT : SPREAD) * pace;
    const alone = now + 200 + spread * uniform(random);
    const dueAt = same && !sought ? same.dueAt : Math.min(same?.dueAt ?? alone, alone);
    this.#asking.delete(key);
    this.#asking.set(key, { prefix, via, at: now, dueAt, tries: 0, rides: false });
    if (this.#asking.size > MOST_ASKED) {
      const left = firstOfFullest(this.#asking, ([, asking]) => nodeIdKey(asking.via));
      if (left) this.#asking.delete(left[0]);
    }
    this.#arm();
  }

  /** An announce was heard: nobody needs to be asked for it. */
  heard(id: NodeId): void {
    this.#asking.delete(toHex(id.subarray(0, PREFIX_LENGTH)));
  }

  /**
   * Passes on an announce that nobody has asked for, once there is room: of the node that is chosen then, if any is.
   * Resolves with that node.
   */
  async say(
    how: Pick<Calling, 'medium' | 'trusted'>,
    choose: () => NodeId | undefined,
  ): Promise<NodeId | undefined> {
    let id: NodeId | undefined;
    const frame = () => {
      id = choose();
      return id && this.#frameOf(id);
    };
    const isOut = await this.#o.paced.call({ ...how, key: `news ${how.medium}`, need: 'other', frame });
    if (!isOut || !id) return undefined;
    const what = `${how.medium} ${nodeIdKey(id)}`;
    note(this.#handedOut, what, this.#o.clock.monotonic(), this.#handOutPause);
    // whoever has asked for it hears it now
    this.#due.delete(what);
    return id;
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
    const addressed = all.map((asking) => {
      // whoever was to be asked is no neighbour any more
      if (this.#o.indexOf(asking.via) === undefined) this.#turnToAnother(asking);
      return { asking, of: this.#o.indexOf(asking.via) };
    });
    return addressed.filter((r): r is Riding => r.of !== undefined).slice(0, most);
  }

  rode(riding: readonly Riding[]): void {
    for (const { asking } of riding) this.#asked(asking);
    this.#arm();
  }

  /** What is due goes with the next digest; before it, where somebody waits for a route or there is budget to spare. */
  #sendDue(): void {
    const { clock, isSought, paced } = this.#o;
    const now = clock.monotonic();
    const soon = new Map<string, Asking[]>();
    for (const asking of this.#asking.values()) {
      if (asking.dueAt > now) continue;
      asking.dueAt = Number.POSITIVE_INFINITY;
      if (asking.tries > this.#stepsOf(asking).length && !this.#turnToAnother(asking)) continue;
      asking.rides = true;
      const to = nodeIdKey(asking.via);
      if (isSought(asking.prefix) || paced.isAmple(asking.via))
        soon.set(to, [...(soon.get(to) ?? []), asking]);
    }
    for (const asked of soon.values())
      for (let i = 0; i < asked.length; i += MOST_WANTED)
        void this.#sendWant(asked.slice(i, i + MOST_WANTED));
  }

  /** Asks one neighbour for these, unless they have come or were asked for in a digest before there was room for it. */
  async #sendWant(all: readonly Asking[]): Promise<void> {
    const { isTrusted, paced } = this.#o;
    const [first] = all;
    if (!first) return;
    const left = () => all.filter((a) => a.rides && this.#asking.get(toHex(a.prefix)) === a);
    let asked: readonly Asking[] = [];
    const hasArrived = await paced.tell({
      key: `want ${nodeIdKey(first.via)} ${toHex(first.prefix)}`,
      ...{ to: first.via, trusted: isTrusted(first.via), need: 'now' },
      bytes: () => (left().length > 0 ? PREFIX_LENGTH * left().length : undefined),
      record: () => {
        asked = left();
        for (const asking of asked) this.#asked(asking);
        this.#arm();
        return { type: RECORD.want, body: encodeWant(asked.map((a) => a.prefix)) };
      },
    });
    for (const asking of asked) asking.rides ||= !hasArrived;
  }

  /** Whoever was asked may have been started again since, and know nothing of it. False where nobody speaks of it. */
  #turnToAnother(asking: Asking): boolean {
    const speakers = this.#o.speakers(asking.prefix).filter((id) => this.#o.indexOf(id) !== undefined);
    const asked = speakers.findIndex((id) => equal(id, asking.via));
    const next = speakers[(asked + 1) % speakers.length];
    if (next) asking.via = next;
    return next !== undefined;
  }

  /** Once more after a while: announces are not acknowledged. */
  #asked(asking: Asking): void {
    const { clock, pace } = this.#o;
    const again = this.#stepsOf(asking)[asking.tries] ?? ASK_OTHERS;
    asking.dueAt = clock.monotonic() + pace * again;
    asking.tries++;
    asking.rides = false;
  }

  #stepsOf({ prefix }: Asking): readonly number[] {
    return this.#o.isSought(prefix) ? ASK_AGAIN_SOUGHT : ASK_AGAIN;
  }

  /** Hands out what is asked for as the budget allows, where there is a way to it or somebody searches for one. */
  #handOut({ key, nodeId }: Destination, { id, medium }: Neighbour): void {
    const { clock, costTo, handedOut, isSought, isTrusted, speaksOf } = this.#o;
    const what = `${medium} ${key}`;
    const handedAt = this.#handedOut.get(what) ?? Number.NEGATIVE_INFINITY;
    const before = this.#due.get(what);
    const asker = nodeIdKey(id);
    const askers = before?.askers ?? new Map<string, boolean>();
    if (!askers.has(asker)) askers.set(asker, speaksOf(asker, key));
    const sought = () => isSought(nodeId.subarray(0, PREFIX_LENGTH));
    const need = sought() ? 'sought' : 'other';
    const isDue = before !== undefined && (before.need === 'sought' || need === 'other');
    if (clock.monotonic() - handedAt < this.#handOutPause || isDue) return;
    const ofOne = [...this.#due.values()].filter((d) => d.first === asker).length;
    if (!before && ofOne >= MOST_DUE_TO_ONE) return;
    const due: Due = { first: before?.first ?? asker, askers, need };
    this.#due.set(what, due);
    const trusted = isTrusted(nodeId) || isTrusted(id);
    // whoever has begun to speak of it has it by now
    const isLacking = () => [...askers].some(([a, spoke]) => spoke || !speaksOf(a, key));
    const isOfUse = () => isLacking() && (sought() || costTo(key) !== undefined);
    const frame = () => (this.#due.get(what) === due && isOfUse() ? this.#frameOf(nodeId) : undefined);
    void this.#o.paced.call({ key: `announce ${what}`, medium, trusted, need, frame }).then((isOut) => {
      if (this.#due.get(what) === due) this.#due.delete(what);
      if (!isOut) return;
      note(this.#handedOut, what, clock.monotonic(), this.#handOutPause);
      handedOut(nodeId, medium);
    });
  }

  /** The announce of another, as it is handed on from here. */
  #frameOf(id: NodeId): Uint8Array | undefined {
    const { costTo, destinations } = this.#o;
    const key = nodeIdKey(id);
    const known = destinations.get(key)?.frame;
    return known && announceThrough(known, costTo(key) ?? NO_WAY);
  }

  /** ms */
  get #handOutPause(): number {
    return HAND_OUT_PAUSE * this.#o.pace;
  }
}

/** Whether an announce comes from its own node: that it is in earshot, then. */
export function isFirstHand(cost: PathCost): boolean {
  return cost.hops === OWN_COST.hops;
}
