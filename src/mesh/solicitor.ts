/**
 * Solicits, this box's own and those it passes on, and their answers (docs/protocol/mesh.md, "Solicit"). An answer is
 * a digest entry that goes back the way the solicit came, from neighbour to neighbour.
 */
import { equal, toHex } from '../core/bytes.ts';
import type { Cancel, Clock } from '../core/clock.ts';
import type { Counters } from '../core/counters.ts';
import { below, type Random, uniform } from '../core/random.ts';
import { type NodeId, nodeIdKey } from '../identity/node-id.ts';
import type { Link } from '../link/link.ts';
import type { Advertiser } from './advertiser.ts';
import type { Destination, Destinations } from './destinations.ts';
import { type DigestEntry, PREFIX_LENGTH } from './digest.ts';
import type { FeasibilityDistances } from './feasibility.ts';
import { type OwnFreshness, serialAhead, serialOf } from './freshness.ts';
import { NEARLY } from './metric.ts';
import type { PacedLink } from './paced-link.ts';
import type { RouteTable, Usable } from './route-table.ts';
import { decodeSolicit, encodeSolicit, MOST_ENTRIES, type SolicitEntry, solicitLength } from './solicit.ts';
import { WantedList } from './wanted.ts';

const MINUTE = 60_000;
/** A solicit is answered for so long, and no other one for that prefix is begun for so long. */
const REMEMBERED_MS = 10 * MINUTE;
const OPEN_MS = 2 * MINUTE;
const MOST_REMEMBERED = 512;
/** A rebroadcast waits for a random time within so many of its airtimes; so many copies heard cancel it. */
const SPREAD = 20;
const COPIES = 3;
/** A new link is asked within this time. */
const HASTE_MS = 2_000;
/** On demand, a step of the own chain is released once in so many ms. */
const STEP_PAUSE = MINUTE;

export interface SolicitorOptions {
  readonly self: NodeId;
  readonly link: Pick<Link, 'airtime' | 'shared'>;
  readonly paced: PacedLink;
  readonly freshness: OwnFreshness;
  readonly destinations: Destinations;
  readonly distances: FeasibilityDistances;
  readonly table: RouteTable;
  readonly advertiser: Advertiser;
  readonly isTrusted: (id: NodeId) => boolean;
  readonly announceSelf: (medium: string) => void;
  /** Somebody asks for this one: a link to it, where it is in earshot, would help. */
  readonly expect: (id: NodeId) => void;
  readonly clock: Clock;
  readonly random: Random;
  readonly counters: Counters;
}

/** A solicit that was heard, or is this box's own. */
interface Open {
  readonly entry: SolicitEntry;
  readonly at: number;
  /** The neighbourhood index of whoever to answer to, by which it may be known only later; undefined: this box asked. */
  from: number | undefined;
  copies: number;
  /** Best answer given so far. */
  answered: { readonly order: number; readonly metric: number } | undefined;
}

export class Solicitor {
  readonly #o: SolicitorOptions;
  readonly #wanted = new WantedList<NodeId>();
  /** By prefix and nonce, in the order heard. */
  readonly #open = new Map<string, Open>();
  #ownTimer: Cancel | undefined;
  #relayTimer: Cancel | undefined;
  #relays: Open[] = [];
  #steppedAt = Number.NEGATIVE_INFINITY;

  constructor(options: SolicitorOptions) {
    this.#o = options;
  }

  stop(): void {
    this.#ownTimer?.();
    this.#relayTimer?.();
  }

  /** Whether this box itself asks for somebody. */
  get isWaiting(): boolean {
    return this.#wanted.nextAt() !== undefined;
  }

  /** Asks for `id`, at once and then ever more rarely, until `unwant`. */
  want(id: NodeId): void {
    this.#wanted.add(nodeIdKey(id), id, this.#o.clock.monotonic());
    this.#arm();
  }

  unwant(id: NodeId): void {
    this.#wanted.remove(nodeIdKey(id));
  }

  /** Asks those in earshot for the announce of one that is. */
  solicitKey(id: NodeId): void {
    const entry = { prefix: id.subarray(0, PREFIX_LENGTH), leastStep: 0, nonce: this.#nonce(), ring: 1 };
    const frame = encodeSolicit({ from: this.#o.link.shared.index, entries: [entry] });
    this.#o.paced.broadcast(frame, this.#o.isTrusted(id));
  }

  /** Whether somebody, this box or another, has asked for such a one lately. */
  isSought(prefix: Uint8Array): boolean {
    const since = this.#o.clock.monotonic() - REMEMBERED_MS;
    return [...this.#open.values()].some((o) => o.at > since && equal(o.entry.prefix, prefix));
  }

  /** A frame of kind 4. */
  heard(bytes: Uint8Array, medium: string): void {
    const { counters } = this.#o;
    const solicit = decodeSolicit(bytes);
    if (!solicit) {
      counters.count('mesh.refused.malformed-solicit');
      return;
    }
    for (const entry of solicit.entries) this.#entry(entry, solicit.from, medium);
  }

  /** A route was learned: whoever asked for it hears of it. */
  learned({ key, nodeId }: Destination): void {
    const { clock, table } = this.#o;
    const now = clock.monotonic();
    for (const open of this.#open.values()) {
      if (now - open.at > REMEMBERED_MS || !isFor(open.entry, nodeId)) continue;
      const best = table.best(key, now);
      if (best) this.#answer(open, key, best);
    }
  }

  /** A link has come up: its other end may know who is asked for, and can now be answered itself. */
  linked(id: NodeId): void {
    const { clock, random } = this.#o;
    const now = clock.monotonic();
    for (const open of this.#open.values()) {
      const back = this.#backOf(open);
      if (back && equal(back, id) && now - open.at <= REMEMBERED_MS) this.#answerFor(open);
    }
    this.#wanted.hasten(now + HASTE_MS * uniform(random));
    this.#arm();
  }

  #entry(entry: SolicitEntry, from: number, medium: string): void {
    const { clock, expect, self } = this.#o;
    const key = keyOf(entry);
    const known = this.#open.get(key);
    if (known) {
      known.copies++;
      if (known.from === undefined || this.#backOf(known) || !this.#linkedAt(from)) return;
      known.from = from;
      if (!isFor(entry, self)) this.#answerFor(known);
      return;
    }
    const open: Open = { entry, at: clock.monotonic(), from, copies: 1, answered: undefined };
    this.#remember(key, open);
    for (const { nodeId } of this.#o.destinations.withPrefix(entry.prefix)) expect(nodeId);
    if (isFor(entry, self)) this.#answerForSelf(open, medium);
    else if (!this.#answerFor(open) && entry.ring > 1) this.#relay(open);
  }

  #remember(key: string, open: Open): void {
    this.#open.set(key, open);
    for (const [k, o] of this.#open) {
      if (this.#open.size <= MOST_REMEMBERED && open.at - o.at <= REMEMBERED_MS) break;
      this.#open.delete(k);
    }
  }

  #answerForSelf(open: Open, medium: string): void {
    const { leastStep } = open.entry;
    const back = this.#backOf(open);
    const { advertiser, announceSelf, clock, freshness } = this.#o;
    const now = clock.monotonic();
    const isAhead = leastStep !== 0 && serialAhead(leastStep, serialOf(freshness.order)) > 0;
    if (isAhead && now - this.#steppedAt >= STEP_PAUSE) {
      this.#steppedAt = now;
      freshness.advance();
    }
    if (back) void this.#tell(back, advertiser.ownEntry(), true);
    else announceSelf(medium);
  }

  /** Whether a route that is new enough is known here, so that the solicit need go no further. */
  #answerFor(open: Open): boolean {
    const { clock, destinations, table } = this.#o;
    for (const { key } of destinations.withPrefix(open.entry.prefix)) {
      const best = table.best(key, clock.monotonic());
      if (best && this.#answer(open, key, best)) return true;
    }
    return false;
  }

  /** One answer to a solicit, and better ones; true where this route is one. */
  #answer(open: Open, key: string, best: Usable): boolean {
    const { entry, answered } = open;
    const back = this.#backOf(open);
    const { order } = best.route;
    const { metric } = best.cost;
    if (!back || best.route.via === nodeIdKey(back)) return false;
    if (entry.leastStep !== 0 && serialAhead(serialOf(order), entry.leastStep) < 0) return false;
    if (answered && order <= answered.order && metric + NEARLY > answered.metric) return false;
    open.answered = { order, metric };
    void this.#tellRoute(back, key, best);
    return true;
  }

  async #tellRoute(back: NodeId, key: string, best: Usable): Promise<void> {
    const { advertiser, destinations, isTrusted } = this.#o;
    const entry = await advertiser.entryFor(key, best);
    const nodeId = destinations.get(key)?.nodeId;
    if (entry && nodeId) await this.#tell(back, entry, isTrusted(nodeId) || isTrusted(back));
  }

  async #tell(back: NodeId, entry: DigestEntry, trusted: boolean): Promise<void> {
    const { advertiser, paced } = this.#o;
    await paced.tell(back, advertiser.digestOf([entry]), trusted);
  }

  #relay(open: Open): void {
    const { clock, link, random } = this.#o;
    this.#relays.push(open);
    const wait = SPREAD * (link.airtime(solicitLength(1)) ?? 0) * uniform(random);
    this.#relayTimer ??= clock.after(wait, () => {
      this.#relayTimer = undefined;
      this.#sendRelays();
    });
  }

  #sendRelays(): void {
    const { link, paced } = this.#o;
    const due = this.#relays.filter((o) => o.copies < COPIES).slice(0, MOST_ENTRIES);
    this.#relays = [];
    if (due.length === 0) return;
    const entries = due.map(({ entry }) => ({
      ...entry,
      leastStep: this.#leastFor(entry),
      ring: entry.ring - 1,
    }));
    paced.broadcast(encodeSolicit({ from: link.shared.index, entries }), false);
  }

  /** What this box could use itself: newer than what it has advertised, where nothing it has is good enough. */
  #leastFor({ leastStep, prefix }: SolicitEntry): number {
    const own = this.#o.destinations.withPrefix(prefix).map((d) => this.#leastOf(d.key));
    return own.reduce(
      (least, o) => (o !== 0 && (least === 0 || serialAhead(o, least) > 0) ? o : least),
      leastStep,
    );
  }

  #leastOf(key: string): number {
    const distance = this.#o.distances.of(key);
    // 0 would say: any
    return distance ? serialOf(distance.order + 1) || 1 : 0;
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
    for (const { at, entry, from } of this.#open.values())
      if (from !== undefined && now - at < OPEN_MS) this.#postpone(entry, at + OPEN_MS);
    const due = this.#wanted.takeDue(now, MOST_ENTRIES);
    if (due.length === 0) return;
    const entries = due.map(({ value: id, ring }) => {
      const prefix = id.subarray(0, PREFIX_LENGTH);
      const entry = { prefix, leastStep: this.#leastOf(nodeIdKey(id)), nonce: this.#nonce(), ring };
      this.#remember(keyOf(entry), { entry, at: now, from: undefined, copies: 1, answered: undefined });
      return entry;
    });
    const trusted = due.some(({ value }) => isTrusted(value));
    paced.broadcast(encodeSolicit({ from: link.shared.index, entries }), trusted);
  }

  #postpone(entry: SolicitEntry, until: number): void {
    for (const { key } of this.#o.destinations.withPrefix(entry.prefix)) this.#wanted.postpone(key, until);
  }

  /** The linked neighbour to answer to; undefined where there is none (yet), or where this box asked. */
  #backOf({ from }: Open): NodeId | undefined {
    return from === undefined ? undefined : this.#linkedAt(from);
  }

  #linkedAt(index: number): NodeId | undefined {
    const { shared } = this.#o.link;
    return shared.withIndex(index).find((id) => shared.isMutual(id));
  }

  #nonce(): number {
    return below(this.#o.random, 0x10000);
  }
}

function keyOf({ nonce, prefix }: SolicitEntry): string {
  return `${toHex(prefix)} ${nonce}`;
}

function isFor(entry: SolicitEntry, id: NodeId): boolean {
  return equal(entry.prefix, id.subarray(0, PREFIX_LENGTH));
}
