/**
 * Solicits, this box's own and those it passes on, and their answers (docs/protocol/mesh.md, "Solicit"). An answer is
 * a digest entry that goes back the way the solicit came, from neighbour to neighbour.
 */
import { equal, toHex } from '../core/bytes.ts';
import type { Clock } from '../core/clock.ts';
import type { Counters } from '../core/counters.ts';
import type { Random } from '../core/random.ts';
import { type NodeId, nodeIdFromKey, nodeIdKey } from '../identity/node-id.ts';
import type { Link } from '../link/link.ts';
import type { Advertiser } from './advertiser.ts';
import { Copies } from './copies.ts';
import type { Destination, Destinations } from './destinations.ts';
import { type DigestEntry, PREFIX_LENGTH, SINGLE_LENGTH } from './digest.ts';
import type { FeasibilityDistances } from './feasibility.ts';
import { type Order, type OwnFreshness, serialAhead, serialOf } from './freshness.ts';
import { NEARLY } from './metric.ts';
import { type OpenSolicit, OpenSolicits } from './open-solicits.ts';
import { leastOf, NOBODY, OwnSolicits } from './own-solicits.ts';
import type { PacedLink } from './paced-link.ts';
import type { RouteTable, Usable } from './route-table.ts';
import { decodeSolicit, type SolicitEntry } from './solicit.ts';
import { SolicitRelays } from './solicit-relays.ts';
import { LONGEST_TURN } from './wanted.ts';

const MINUTE = 60_000;
/** Better answers follow the first one for so long. */
const BETTER_MS = 10 * MINUTE;
/** Whoever was told a route, and asks again within so long, is told better ones only. */
const TOLD_MS = 30 * MINUTE;
const MOST_TOLD = 512;
/** Sent by so many others, a solicit need not be passed on; by so many once more, not again. */
const COPIES = 3;
const COPIES_AGAIN = 1;
/** On demand, a step of the own chain is released once in so many ms. */
const STEP_PAUSE = MINUTE;

export interface SolicitorOptions {
  readonly self: NodeId;
  readonly link: Pick<Link, 'airtime' | 'media' | 'shared'>;
  readonly paced: PacedLink;
  readonly freshness: OwnFreshness;
  readonly destinations: Destinations;
  readonly distances: FeasibilityDistances;
  readonly table: RouteTable;
  readonly advertiser: Advertiser;
  readonly isTrusted: (id: NodeId) => boolean;
  readonly announceSelf: (medium: string) => void;
  /** How many are heard that are not linked. */
  readonly strangers: () => number;
  /** A solicit names that linked neighbour as its sender. */
  readonly heardFrom: (id: NodeId) => void;
  /** Somebody asks for this one: a link to it, where it is in earshot, would help. */
  readonly expect: (id: NodeId) => void;
  readonly clock: Clock;
  readonly random: Random;
  readonly counters: Counters;
}

interface Told {
  readonly order: Order;
  readonly metric: number;
  readonly at: number;
}

export class Solicitor {
  readonly #o: SolicitorOptions;
  readonly #open: OpenSolicits;
  readonly #own: OwnSolicits;
  readonly #relays: SolicitRelays;
  /** What neighbours were told of whom, or are about to be; the oldest first. */
  readonly #told = new Map<string, Told>();
  #steppedAt = Number.NEGATIVE_INFINITY;

  constructor(options: SolicitorOptions) {
    this.#o = options;
    this.#open = new OpenSolicits(options.link.shared);
    this.#own = new OwnSolicits({ ...options, open: this.#open });
    this.#relays = new SolicitRelays({ ...options, entryOf: (open) => this.#passedOn(open) });
  }

  stop(): void {
    this.#own.stop();
    this.#relays.stop();
  }

  /** Whether this box itself asks for somebody. */
  get isWaiting(): boolean {
    return this.#own.isWaiting;
  }

  /**
   * Asks for `id`, at once and then ever more rarely, until it is found or `unwant`; found is, where `newer` is set,
   * only a sequence above what is known now.
   */
  want(id: NodeId, newer: boolean): void {
    this.#own.want(id, newer);
  }

  /** There is a route. */
  found(id: NodeId): void {
    if (this.#own.isFound(id)) this.unwant(id);
  }

  unwant(id: NodeId): void {
    this.#own.unwant(id);
  }

  /** Asks one in earshot for its announce. */
  solicitKey(id: NodeId): void {
    this.#own.forKey(id);
  }

  /** Whether somebody, this box or another, has asked for such a one lately. */
  isSought(prefix: Uint8Array): boolean {
    return this.#open.about(prefix, this.#o.clock.monotonic()).length > 0;
  }

  /** A frame of kind 4. */
  heard(bytes: Uint8Array, medium: string): void {
    const { counters } = this.#o;
    const solicit = decodeSolicit(bytes);
    if (!solicit) {
      counters.count('mesh.refused.malformed-solicit');
      return;
    }
    const asker = this.#open.linkedAt(solicit.from);
    if (asker) this.#o.heardFrom(asker);
    for (const entry of solicit.entries) this.#entry(entry, solicit.from, medium);
  }

  /** A route was learned: whoever asked for it hears of it. */
  learned({ key, nodeId }: Destination): void {
    const { clock, table } = this.#o;
    const now = clock.monotonic();
    for (const open of this.#open.about(nodeId, now)) {
      const best = table.best(key, now);
      if (best) this.#answer(open, key, best);
    }
  }

  /** A link has come up: its other end may know who is asked for, and can now be answered itself. */
  linked(id: NodeId): void {
    this.#answerAll(id, this.#o.clock.monotonic());
    this.#own.hasten();
  }

  /**
   * A linked neighbour that was away is heard again: it is told what it asked for, and what others have asked since
   * goes out once more, for there may be a way through it.
   */
  returned(id: NodeId, since: number): void {
    const now = this.#o.clock.monotonic();
    for (const what of this.#told.keys()) if (what.startsWith(nodeIdKey(id))) this.#told.delete(what);
    this.#answerAll(id, now);
    // who asked longer ago and still waits has asked again
    for (const open of this.#open.unanswered(Math.max(since, now - LONGEST_TURN), now)) {
      const back = this.#open.backOf(open);
      const isIts = back !== undefined && equal(back, id);
      if (isIts || ringOf(open) <= 0) continue;
      open.copies = new Copies();
      this.#relays.add(open, COPIES_AGAIN);
    }
  }

  /** All that a neighbour has asked and stands. */
  #answerAll(id: NodeId, now: number): void {
    for (const open of this.#open.of(id, now)) this.#answerFor(open);
  }

  #entry(entry: SolicitEntry, from: number, medium: string): void {
    const { clock, expect, self } = this.#o;
    const known = this.#open.get(entry);
    const isLinked = this.#open.linkedAt(from) !== undefined;
    if (known) {
      known.copies.heard(from, isLinked);
      if (known.from === undefined || this.#open.backOf(known) || !isLinked) return;
      // it went out from here with one hop less: who sends it with two less has it from here, and leads back
      if (entry.ring < known.entry.ring - 1) return;
      this.#open.heardFrom(known, from);
      if (!isFor(entry, self)) this.#answerFor(known);
      return;
    }
    const open = {
      entry,
      at: clock.monotonic(),
      from,
      copies: new Copies().heard(from, isLinked),
      answered: undefined,
    };
    if (from !== NOBODY || entry.ring > 1) this.#open.add(open);
    for (const { nodeId } of this.#o.destinations.withPrefix(entry.prefix)) expect(nodeId);
    if (isFor(entry, self)) this.#answerForSelf(open, medium);
    else if (!this.#answerFor(open) && entry.ring > 1) this.#relays.add(open, COPIES);
  }

  #answerForSelf(open: OpenSolicit, medium: string): void {
    const { leastStep } = open.entry;
    const back = this.#open.backOf(open);
    const { advertiser, announceSelf, clock, freshness } = this.#o;
    const now = clock.monotonic();
    const isAhead = leastStep !== 0 && serialAhead(leastStep, serialOf(freshness.order)) > 0;
    if (isAhead && now - this.#steppedAt >= STEP_PAUSE) {
      this.#steppedAt = now;
      // to all: whoever asks for a newer step knows a way already that is no good, most often this one
      if (freshness.advance()) advertiser.renewed();
    }
    if (!back) announceSelf(medium);
    else void this.#tell(open.entry, back, true, () => advertiser.ownEntry());
  }

  /** Whether a route that is new enough is known here, so that the solicit need go no further. */
  #answerFor(open: OpenSolicit): boolean {
    const { clock, destinations, table } = this.#o;
    for (const { key } of destinations.withPrefix(open.entry.prefix)) {
      const best = table.best(key, clock.monotonic());
      if (best && this.#answer(open, key, best)) return true;
    }
    return false;
  }

  /** One answer to a solicit, and better ones; true where this route is one. */
  #answer(open: OpenSolicit, key: string, best: Usable): boolean {
    const { entry } = open;
    const back = this.#open.backOf(open);
    const { order } = best.route;
    const { metric } = best.cost;
    if (!back || best.route.via === nodeIdKey(back)) return false;
    if (entry.leastStep !== 0 && serialAhead(serialOf(order), entry.leastStep) < 0) return false;
    const now = this.#o.clock.monotonic();
    const what = toldKey(back, entry);
    const told = this.#told.get(what);
    const isKnown = told !== undefined && now - told.at < TOLD_MS;
    const answered = open.answered ?? (isKnown ? told : undefined);
    const isBetter = !answered || order > answered.order || metric + NEARLY <= answered.metric;
    if (!isBetter || (open.answered && now - open.at > BETTER_MS)) return !open.answered;
    const given = { order, metric, at: now };
    open.answered = given;
    this.#noteTold(what, given);
    void this.#tellRoute(entry, back, key).then((hasArrived) => {
      if (hasArrived) return;
      if (this.#told.get(what) === given) this.#told.delete(what);
      if (open.answered === given) open.answered = undefined;
    });
    return true;
  }

  #noteTold(what: string, given: Told): void {
    this.#told.delete(what);
    this.#told.set(what, given);
    for (const [oldest, { at }] of this.#told) {
      if (this.#told.size <= MOST_TOLD && given.at - at < TOLD_MS) break;
      this.#told.delete(oldest);
    }
  }

  /** The route as it is once there is room for it in the budget. */
  #tellRoute(entry: SolicitEntry, back: NodeId, key: string): Promise<boolean> {
    const { advertiser, clock, isTrusted, table } = this.#o;
    const trusted = isTrusted(nodeIdFromKey(key)) || isTrusted(back);
    return this.#tell(entry, back, trusted, () => {
      const best = table.best(key, clock.monotonic());
      return best && best.route.via !== nodeIdKey(back) ? advertiser.entryFor(key, best) : undefined;
    });
  }

  #tell(
    entry: SolicitEntry,
    to: NodeId,
    trusted: boolean,
    make: () => DigestEntry | undefined | Promise<DigestEntry | undefined>,
  ): Promise<boolean> {
    const { advertiser, paced } = this.#o;
    const key = `answer ${toldKey(to, entry)}`;
    const record = async () => {
      const made = await make();
      return made && advertiser.digestOf([made]);
    };
    return paced.tell({ key, to, trusted, need: 'now', bytes: () => SINGLE_LENGTH, record });
  }

  #passedOn(open: OpenSolicit): SolicitEntry {
    return { ...open.entry, leastStep: this.#leastFor(open.entry), ring: ringOf(open) };
  }

  /** What this box could use itself: newer than what it has advertised, where nothing it has is good enough. */
  #leastFor({ leastStep, prefix }: SolicitEntry): number {
    const own = this.#o.destinations.withPrefix(prefix).map((d) => leastOf(this.#o.distances, d.key));
    return own.reduce(
      (least, o) => (o !== 0 && (least === 0 || serialAhead(o, least) > 0) ? o : least),
      leastStep,
    );
  }
}

function toldKey(to: NodeId, { prefix }: SolicitEntry): string {
  return `${nodeIdKey(to)} ${toHex(prefix)}`;
}

/** How far it travels from here. */
function ringOf({ entry, from }: OpenSolicit): number {
  return from === undefined ? entry.ring : entry.ring - 1;
}

function isFor(entry: SolicitEntry, id: NodeId): boolean {
  return equal(entry.prefix, id.subarray(0, PREFIX_LENGTH));
}
