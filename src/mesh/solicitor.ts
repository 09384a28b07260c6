/**
 * Solicits, this box's own and those it passes on, and their answers (docs/protocol/mesh.md, "Solicit"). An answer is
 * a digest entry that goes back the way the solicit came, from neighbour to neighbour.
 */
import { equal, toHex } from '../core/bytes.ts';
import type { Cancel, Clock } from '../core/clock.ts';
import type { Counters } from '../core/counters.ts';
import { below, type Random, uniform } from '../core/random.ts';
import { type NodeId, nodeIdFromKey, nodeIdKey } from '../identity/node-id.ts';
import type { Link } from '../link/link.ts';
import type { Advertiser } from './advertiser.ts';
import type { Destination, Destinations } from './destinations.ts';
import { type DigestEntry, digestLength, PREFIX_LENGTH } from './digest.ts';
import type { FeasibilityDistances } from './feasibility.ts';
import { type Order, type OwnFreshness, serialAhead, serialOf } from './freshness.ts';
import { NEARLY } from './metric.ts';
import { type OpenSolicit, OpenSolicits } from './open-solicits.ts';
import type { PacedLink } from './paced-link.ts';
import type { RouteTable, Usable } from './route-table.ts';
import { decodeSolicit, encodeSolicit, MOST_ENTRIES, type SolicitEntry, solicitLength } from './solicit.ts';
import { LONGEST_TURN, WantedList } from './wanted.ts';

const MINUTE = 60_000;
/** Better answers follow the first one for so long. */
const BETTER_MS = 10 * MINUTE;
/** Whoever was told a route, and asks again within so long, is told better ones only. */
const TOLD_MS = 30 * MINUTE;
const MOST_TOLD = 512;
/** No other one for that prefix is begun for so long. */
const OPEN_MS = 2 * MINUTE;
/** A rebroadcast waits for a random time within so many of its airtimes; so many copies heard cancel it. */
const SPREAD = 20;
const COPIES = 3;
/** So many may wait for the budget, on each medium. */
const MOST_RELAYS = 2 * MOST_ENTRIES;
/** A new link is asked within this time. */
const HASTE_MS = 2_000;
/** In the place of an index: only the node itself is asked, for its announce. */
const NOBODY = 0;
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

interface Relay {
  readonly open: OpenSolicit;
  /** Heard so many times, it need not be passed on. */
  readonly enough: number;
}

interface Wanted {
  readonly id: NodeId;
  /** The order that is of no use; undefined: any route will do. */
  readonly above: Order | undefined;
}

export class Solicitor {
  readonly #o: SolicitorOptions;
  readonly #wanted = new WantedList<Wanted>();
  readonly #open: OpenSolicits;
  #ownTimer: Cancel | undefined;
  #relayTimer: Cancel | undefined;
  /** By medium: what is to be passed on there, and where that waits for the budget. */
  readonly #relays = new Map<string, Relay[]>();
  readonly #relaying = new Set<string>();
  /** What neighbours were told of whom, or are about to be; the oldest first. */
  readonly #told = new Map<string, Told>();
  #steppedAt = Number.NEGATIVE_INFINITY;

  constructor(options: SolicitorOptions) {
    this.#o = options;
    this.#open = new OpenSolicits(options.link.shared);
  }

  stop(): void {
    this.#ownTimer?.();
    this.#relayTimer?.();
  }

  /** Whether this box itself asks for somebody. */
  get isWaiting(): boolean {
    return this.#wanted.nextAt() !== undefined;
  }

  /**
   * Asks for `id`, at once and then ever more rarely, until it is found or `unwant`; found is, where `newer` is set,
   * only a sequence above what is known now.
   */
  want(id: NodeId, newer: boolean): void {
    const key = nodeIdKey(id);
    const order = newer ? this.#o.destinations.get(key)?.chain.order : undefined;
    this.#wanted.add(key, { id, above: order }, this.#o.clock.monotonic());
    this.#arm();
  }

  /** There is a route. */
  found(id: NodeId): void {
    const key = nodeIdKey(id);
    const above = this.#wanted.get(key)?.above ?? Number.NEGATIVE_INFINITY;
    if ((this.#o.destinations.get(key)?.chain.order ?? 0) > above) this.unwant(id);
  }

  unwant(id: NodeId): void {
    this.#wanted.remove(nodeIdKey(id));
    this.#open.settle(id);
  }

  /** Asks one in earshot for its announce. */
  solicitKey(id: NodeId): void {
    const entry = { prefix: id.subarray(0, PREFIX_LENGTH), leastStep: 0, nonce: this.#nonce(), ring: 1 };
    const frame = encodeSolicit({ from: NOBODY, entries: [entry] });
    this.#o.paced.broadcast(frame, this.#o.isTrusted(id));
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
    const { clock, random } = this.#o;
    const now = clock.monotonic();
    this.#answerAll(id, now);
    this.#wanted.hasten(now + HASTE_MS * uniform(random));
    this.#arm();
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
      if (!isIts && ringOf(open) > 0) this.#relay(open, open.copies + 1);
    }
  }

  /** All that a neighbour has asked and stands. */
  #answerAll(id: NodeId, now: number): void {
    for (const open of this.#open.of(id, now)) this.#answerFor(open);
  }

  #entry(entry: SolicitEntry, from: number, medium: string): void {
    const { clock, expect, self } = this.#o;
    const known = this.#open.get(entry);
    if (known) {
      known.copies++;
      if (known.from === undefined || this.#open.backOf(known) || !this.#open.linkedAt(from)) return;
      known.from = from;
      if (!isFor(entry, self)) this.#answerFor(known);
      return;
    }
    const open = { entry, at: clock.monotonic(), from, copies: 1, answered: undefined };
    if (from !== NOBODY || entry.ring > 1) this.#open.add(open);
    for (const { nodeId } of this.#o.destinations.withPrefix(entry.prefix)) expect(nodeId);
    if (isFor(entry, self)) this.#answerForSelf(open, medium);
    else if (!this.#answerFor(open) && entry.ring > 1) this.#relay(open, COPIES);
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
    return paced.tell({ key, to, trusted, urgent: true, bytes: () => digestLength(1), record });
  }

  /** Passes it on, unless it has been heard `enough` times by then. */
  #relay(open: OpenSolicit, enough: number): void {
    const { clock, counters, link, random } = this.#o;
    for (const { name } of link.media) {
      const waiting = this.#relaysOn(name).filter((r) => r.open !== open);
      if (waiting.length < MOST_RELAYS) this.#relays.set(name, [...waiting, { open, enough }]);
      else counters.count('mesh.over-budget');
    }
    const wait = SPREAD * (link.airtime(solicitLength(1)) ?? 0) * uniform(random);
    this.#relayTimer ??= clock.after(wait, () => {
      this.#relayTimer = undefined;
      for (const { name } of link.media) void this.#sendRelays(name);
    });
  }

  /** Once there is room in the budget, those that nobody else has passed on meanwhile. */
  async #sendRelays(medium: string): Promise<void> {
    if (this.#relaying.has(medium)) return;
    this.#relaying.add(medium);
    for (;;) {
      let sent: Relay[] = [];
      const frame = () => {
        sent = this.#relaysOn(medium).slice(0, MOST_ENTRIES);
        return sent.length > 0 ? this.#frameOf(sent) : undefined;
      };
      const key = `solicits ${medium}`;
      const isOut = await this.#o.paced.call({ key, medium, trusted: false, urgent: true, frame });
      this.#relays.set(medium, isOut ? this.#relaysOn(medium).filter((r) => !sent.includes(r)) : []);
      if (this.#relaysOn(medium).length === 0) break;
    }
    this.#relaying.delete(medium);
  }

  #relaysOn(medium: string): Relay[] {
    return (this.#relays.get(medium) ?? []).filter(({ enough, open }) => open.copies < enough);
  }

  #frameOf(relays: readonly Relay[]): Uint8Array {
    const entries = relays.map(({ open }) => ({
      ...open.entry,
      leastStep: this.#leastFor(open.entry),
      ring: ringOf(open),
    }));
    return encodeSolicit({ from: this.#o.link.shared.index, entries });
  }

  /** What this box could use itself: newer than what it has advertised, where nothing it has is good enough. */
  #leastFor({ leastStep, prefix }: SolicitEntry): number {
    const own = this.#o.destinations.withPrefix(prefix).map((d) => this.#leastOf(d.key));
    return own.reduce(
      (least, o) => (o !== 0 && (least === 0 || serialAhead(o, least) > 0) ? o : least),
      leastStep,
    );
  }

  #leastOf(key: string, above?: Order): number {
    const distance = this.#o.distances.of(key)?.order;
    if (distance === undefined && above === undefined) return 0;
    // 0 would say: any
    return serialOf(Math.max(distance ?? 0, above ?? 0) + 1) || 1;
  }

  #arm(): void {
    const { clock } = this.#o;
    this.#ownTimer?.();
    const at = this.#wanted.nextAt();
    if (at === undefined) return;
    this.#ownTimer = clock.after(at - clock.monotonic(), () => {
      this.#solicit();
      this.#arm();
    });
  }

  #solicit(): void {
    const { clock, isTrusted, link, paced } = this.#o;
    const now = clock.monotonic();
    // never while another one for that prefix is open
    this.#wanted.postpone(({ id }) => {
      const at = this.#open.askedByOthers(id, now - OPEN_MS);
      return at === undefined ? undefined : at + OPEN_MS;
    });
    const due = this.#wanted.takeDue(now, MOST_ENTRIES);
    if (due.length === 0) return;
    const entries = due.map(({ value: { above, id }, ring }) => {
      const prefix = id.subarray(0, PREFIX_LENGTH);
      const entry = { prefix, leastStep: this.#leastOf(nodeIdKey(id), above), nonce: this.#nonce(), ring };
      this.#open.add({ entry, at: now, from: undefined, copies: 1, answered: undefined });
      return entry;
    });
    const trusted = due.some(({ value }) => isTrusted(value.id));
    const frame = encodeSolicit({ from: link.shared.index, entries });
    const key = `own solicit ${entries[0]?.nonce}`;
    for (const { name: medium } of link.media)
      void paced.call({ key: `${key} ${medium}`, medium, trusted, urgent: true, frame: () => frame });
  }

  #nonce(): number {
    return below(this.#o.random, 0x10000);
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
