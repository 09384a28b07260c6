/**
 * Says in digests what can be reached through this box, and when (docs/protocol/mesh.md, "Route digests"): its own
 * refresh every T0, a route of h hops every T0·2^min(h − 1, 3), a first route or a retraction at the next tick.
 */
import { fromHex } from '../core/bytes.ts';
import type { Cancel, Clock } from '../core/clock.ts';
import type { Counters } from '../core/counters.ts';
import { logByteOf, minutesOf } from '../core/log-byte.ts';
import { type Random, uniform } from '../core/random.ts';
import type { NodeId } from '../identity/node-id.ts';
import { nodeIdFromKey } from '../identity/node-id.ts';
import type { Link, Reach, Rec } from '../link/link.ts';
import { RECORD } from '../link/records.ts';
import { BEACON_LENGTH } from './beacon.ts';
import type { ChannelShares } from './channel-shares.ts';
import type { Destination, Destinations } from './destinations.ts';
import {
  type DigestEntry,
  type DigestWant,
  encodeDigest,
  entriesWithin,
  MOST_WANTS,
  mostEntriesWithin,
  PREFIX_LENGTH,
  wantsWithin,
} from './digest.ts';
import { LONGEST_SILENCE_MS, T0_LEAST_MS } from './earshot.ts';
import { type FeasibilityDistances, steady } from './feasibility.ts';
import type { Order, OwnFreshness } from './freshness.ts';
import type { Introductions } from './introductions.ts';
import { refreshInterval } from './learner.ts';
import { congested, OWN_COST, RETRACTED } from './metric.ts';
import type { PacedLink } from './paced-link.ts';
import type { RouteMemory } from './route-memory.ts';
import type { RouteTable, Usable } from './route-table.ts';

const MINUTE = 60_000;
const TICKS = 6;
/** Refreshed at the tick after so much of the interval, so that ticks make it no longer. */
const EARLY = 0.9;
/** Refreshes wait for so much of T0, for a frame that goes anyway or that they fill; those due so soon fill it up. */
const PATIENCE = 0.5;
const FILLER = 0.35;
/** ms: what was asked for is said for a day more. */
const ASKED_FOR = 24 * 60 * MINUTE;
/** ms */
const RENEWED_WITHIN = 5_000;
const BEACONS = 3;
/** What refreshes have of that which digests may use, while many routes wait to be said for the first time. */
const REFRESHES_WHILE_BEHIND = 0.5;
/** The own step goes on with every so many refreshes: words under one step can be weighed against each other. */
const REFRESHES_PER_STEP = 8;

export interface AdvertiserOptions {
  readonly self: NodeId;
  readonly link: Pick<Link, 'airtime' | 'mtu' | 'shared'>;
  readonly paced: PacedLink;
  /** The part of time that digests may use. */
  readonly share: () => number;
  readonly shares: Pick<ChannelShares, 'crowd' | 'say'>;
  readonly freshness: OwnFreshness;
  readonly destinations: Destinations;
  readonly distances: FeasibilityDistances;
  readonly table: RouteTable;
  readonly memory: RouteMemory;
  readonly isTrusted: (id: NodeId) => boolean;
  /** What is asked of neighbours by the way. */
  readonly wants: Pick<Introductions, 'riding' | 'rode'>;
  /** Whether a neighbour is reached by a connection, beside which there is a medium without. */
  readonly isWired: (id: NodeId) => boolean;
  /** 0 … 1 */
  readonly load: () => number;
  readonly clock: Clock;
  readonly random: Random;
  readonly counters: Counters;
}

interface Statement {
  readonly entry: DigestEntry;
  /** Of the budget: this box's own, retractions and contacts. */
  readonly trusted: boolean;
  /** Waits for no other. */
  readonly urgent: boolean;
  readonly reach: Reach;
  /** What is noted before it is said, and once it is. */
  readonly before: () => void;
  readonly said: () => void;
}

export class Advertiser {
  readonly #o: AdvertiserOptions;
  readonly #dueAt: Map<string, number>;
  /** Said before the start of this box, and not since. */
  readonly #recalled: Set<string>;
  /** Said to all, and not only over connections. */
  readonly #saidToAll: Set<string>;
  readonly #startedAt: number;
  /** When a route was last asked for. */
  readonly #askedAt = new Map<string, number>();
  #ownDueAt = Number.NEGATIVE_INFINITY;
  /** The own step has not been said since it was released. */
  #isRenewed = false;
  #steppedAt: number;
  #saidAt = Number.NEGATIVE_INFINITY;
  #t0: number;
  #isBehind = false;
  #timer: Cancel | undefined;
  #stopped = false;

  constructor(options: AdvertiserOptions) {
    this.#o = options;
    const { said } = options.memory;
    this.#dueAt = new Map(said?.dueAt);
    this.#recalled = new Set(this.#dueAt.keys());
    // how it was said is not remembered
    this.#saidToAll = new Set(this.#recalled);
    this.#t0 = logByteOf((said?.t0 ?? T0_LEAST_MS) / MINUTE);
    this.#startedAt = options.clock.monotonic();
    this.#steppedAt = this.#startedAt;
  }

  start(): void {
    this.#arm();
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.();
    void this.#remember();
  }

  /** The own step is newer than it was, and is to be said soon. */
  renewed(): void {
    const { clock, random } = this.#o;
    this.#ownDueAt = Number.NEGATIVE_INFINITY;
    this.#isRenewed = true;
    this.#steppedAt = clock.monotonic();
    if (this.#stopped) return;
    this.#timer?.();
    this.#timer = clock.after(RENEWED_WITHIN * uniform(random), () => void this.#turn());
  }

  /** ms */
  get t0(): number {
    return (minutesOf(this.#t0) ?? 0) * MINUTE;
  }

  /** `Clock.monotonic()` of the last digest. */
  get saidAt(): number {
    return this.#saidAt;
  }

  /** Whether more routes than one frame holds wait to be said for the first time. */
  get isBehind(): boolean {
    return this.#isBehind;
  }

  /** A digest of these entries, to be sent by itself. */
  digestOf(entries: readonly DigestEntry[], wants: readonly DigestWant[] = []): Rec {
    return {
      type: RECORD.digest,
      body: encodeDigest({ t0: this.#t0, crowd: this.#o.shares.say(), wants, entries }),
    };
  }

  /** This box's own entry, as it stands. */
  ownEntry(): DigestEntry {
    return {
      prefix: this.#o.self.subarray(0, PREFIX_LENGTH),
      freshness: this.#o.freshness.value,
      cost: OWN_COST,
    };
  }

  /**
   * The entry for a route, to be said at once: resolves when it may be, undefined where the disk refuses, or nothing
   * is known of the destination any more.
   */
  async entryFor(key: string, usable: Usable): Promise<DigestEntry | undefined> {
    this.#noteAsked(key);
    const statement = this.#statement(key, usable);
    if (!statement) return undefined;
    statement.before();
    return (await this.#o.distances.save()) ? statement.entry : undefined;
  }

  #noteAsked(key: string): void {
    const now = this.#o.clock.monotonic();
    this.#askedAt.delete(key);
    this.#askedAt.set(key, now);
    for (const [k, at] of this.#askedAt) {
      if (now - at < ASKED_FOR) break;
      this.#askedAt.delete(k);
    }
  }

  #arm(): void {
    const { clock, random } = this.#o;
    const wait = (this.t0 / TICKS) * (0.9 + 0.2 * uniform(random));
    this.#timer = clock.after(wait, () => void this.#turn());
  }

  async #turn(): Promise<void> {
    await this.#tick();
    if (!this.#stopped) await this.#remember();
    if (this.#stopped) return;
    this.#timer?.();
    this.#arm();
  }

  /** What was learned and said, for the next start. */
  #remember(): Promise<void> {
    const { clock, memory, shares } = this.#o;
    const { around } = shares.crowd;
    return memory.save(clock.monotonic(), { t0: this.t0, dueAt: this.#dueAt, around });
  }

  async #tick(): Promise<void> {
    const { clock, link, table } = this.#o;
    const now = clock.monotonic();
    table.expire(now);
    this.#t0 = this.#fittingT0();
    if (link.shared.members.length === 0) return;
    const statements = [...this.#own(now), ...this.#changes(now), ...this.#refreshes(now)];
    statements.sort((a, b) => Number(b.urgent) - Number(a.urgent) || Number(b.trusted) - Number(a.trusted));
    for (const reach of ['wired', 'all'] as const)
      await this.#sayAll(
        statements.filter((s) => s.reach === reach),
        reach,
      );
  }

  async #sayAll(statements: readonly Statement[], reach: Reach): Promise<void> {
    const { clock, link, wants } = this.#o;
    const riding = wants.riding(MOST_WANTS).length;
    const fitting = (all: readonly Statement[]) =>
      entriesWithin(
        link.shared.room,
        all.map((s) => s.entry),
        riding,
      );
    let left = statements;
    for (let count = fitting(left); count > 0 && !this.#stopped; count = fitting(left)) {
      let frame = left.slice(0, count);
      if (count === left.length) {
        if (!frame.some((s) => s.urgent)) return;
        const more = mostEntriesWithin(link.shared.room, riding) - count;
        frame = [...frame, ...this.#fillers(clock.monotonic(), more, reach)];
        frame = frame.slice(0, fitting(frame));
      }
      if (!(await this.#say(frame, reach))) return;
      left = left.slice(count);
    }
  }

  /** One frame; the disk first. */
  async #say(statements: readonly Statement[], reach: Reach): Promise<boolean> {
    const { distances, link, paced } = this.#o;
    for (const s of statements) s.before();
    if (!(await distances.save())) return false;
    const entries = statements.map((s) => s.entry);
    const riding = reach === 'all' ? this.#o.wants.riding(wantsWithin(link.shared.room, entries)) : [];
    const wants = riding.map(({ asking, of }) => ({ of, prefix: asking.prefix }));
    if (!(await paced.share(this.digestOf(entries, wants), reach))) return false;
    this.#o.wants.rode(riding);
    if (reach === 'all') this.#saidAt = this.#o.clock.monotonic();
    for (const s of statements) s.said();
    return true;
  }

  #own(now: number): Statement[] {
    const { counters, freshness } = this.#o;
    if (this.#ownDueAt > now) return [];
    const isDue = now - this.#steppedAt >= EARLY * REFRESHES_PER_STEP * this.t0;
    if (!this.#isRenewed && isDue) {
      if (freshness.advance()) this.#steppedAt = now;
      else counters.count('mesh.freshness-stalled');
    }
    this.#isRenewed = false;
    const said = () => {
      this.#ownDueAt = now + EARLY * this.t0;
    };
    return [{ entry: this.ownEntry(), trusted: true, urgent: true, reach: 'all', before: () => {}, said }];
  }

  /** What was advertised and cannot be reached any more: taken back where it was said. */
  #changes(now: number): Statement[] {
    const { destinations, isWired, link, table } = this.#o;
    const hasWires = link.shared.members.some(isWired);
    const lost = [...table.advertised()].filter(
      (key) => !table.lasting(key, now) && !this.#mayReturn(key, now),
    );
    return lost.flatMap((key): Statement[] => {
      const reach = this.#saidToAll.has(key) || this.#isAsked(key, now) ? 'all' : 'wired';
      const freshness = destinations.get(key)?.chain.value ?? new Uint8Array(8);
      const cost = { ...OWN_COST, metric: RETRACTED };
      const prefix = (fromHex(key) as Uint8Array).subarray(0, PREFIX_LENGTH);
      const said = () => {
        table.select(key, undefined);
        for (const noted of [this.#dueAt, this.#recalled, this.#saidToAll]) noted.delete(key);
      };
      if (reach === 'all' || hasWires)
        return [
          { entry: { prefix, freshness, cost }, trusted: true, urgent: true, reach, before: () => {}, said },
        ];
      // those who were told are not there any more either
      said();
      return [];
    });
  }

  /** It was reached before the start, and its neighbours there have not had the time to be heard. */
  #mayReturn(key: string, now: number): boolean {
    if (!this.#recalled.has(key) || now - this.#startedAt > LONGEST_SILENCE_MS) return false;
    const { table } = this.#o;
    return table.selected(key) === key || table.routes(key).length > 0;
  }

  /** What has been due for long, so that it is not forgotten; then what was never said; then what else is due. */
  #refreshes(now: number): Statement[] {
    const patience = PATIENCE * this.t0;
    const due = this.#due(now, Number.POSITIVE_INFINITY);
    const isLate = ({ at }: { at: number | undefined }) => at !== undefined && now - at >= patience;
    const inOrder = [...due.filter(isLate), ...due.filter((d) => !isLate(d))];
    return inOrder.map((d) => ({ ...d.statement, urgent: d.at === undefined || isLate(d) }));
  }

  /** What will be due soon. */
  #fillers(now: number, most: number, reach: Reach): Statement[] {
    const soon = this.#due(now + FILLER * this.t0, most, now).map(({ statement }) => statement);
    return soon.filter((s) => s.reach === reach);
  }

  /** Up to `most` routes that were never said, or are due by a time, and after another one; the earliest first. */
  #due(by: number, most: number, after?: number): { at: number | undefined; statement: Statement }[] {
    const { clock, table } = this.#o;
    const now = clock.monotonic();
    const due: { key: string; at: number | undefined }[] = [];
    for (const key of table.destinations()) {
      const at = this.#dueAt.get(key);
      if ((at ?? 0) <= by && (after === undefined || (at ?? 0) > after)) due.push({ key, at });
    }
    // of what was never said, first what the fewest neighbours have spoken of
    const spokenOf = new Map(due.map(({ key }) => [key, table.routes(key).length]));
    const spread = ({ key }: { key: string }) => spokenOf.get(key) ?? 0;
    due.sort((a, b) => (a.at ?? 0) - (b.at ?? 0) || spread(a) - spread(b));
    const found: { at: number | undefined; statement: Statement }[] = [];
    for (const { key, at } of due) {
      if (found.length >= most) break;
      const best = at === undefined ? table.best(key, now) : table.lasting(key, now);
      const statement = best && this.#statement(key, best);
      if (statement) found.push({ at, statement });
    }
    return found;
  }

  #statement(key: string, { cost: path, route }: Usable): Statement | undefined {
    const { clock, destinations, distances, isTrusted, load, table } = this.#o;
    const destination = destinations.get(key);
    const freshness = destination?.chain.valueOf(route.order);
    if (!destination || !freshness) return undefined;
    const now = clock.monotonic();
    const cost = steady(congested(path, load()), route.order, distances.of(key));
    const nodeId = nodeIdFromKey(key);
    const distance: { order: Order; metric: number } = { order: route.order, metric: cost.metric };
    const reach = this.#reachOf(destination, route.via, now);
    return {
      entry: { prefix: nodeId.subarray(0, PREFIX_LENGTH), freshness, cost },
      trusted: isTrusted(nodeId),
      urgent: false,
      reach,
      before: () => distances.advertise(nodeId, distance),
      said: () => {
        table.select(key, route.via);
        this.#recalled.delete(key);
        if (reach === 'all') this.#saidToAll.add(key);
        this.#dueAt.set(key, now + EARLY * refreshInterval(this.t0, cost.hops));
      },
    };
  }

  /**
   * What is reached over connections is not said on the air: a LAN may have a thousand nodes. But for contacts, and
   * those who were asked for there.
   */
  #reachOf({ key, nodeId }: Destination, via: string, now: number): Reach {
    const { isTrusted, isWired } = this.#o;
    const isForAll = this.#isAsked(key, now) || isTrusted(nodeId);
    return isWired(nodeIdFromKey(via)) && !isForAll ? 'wired' : 'all';
  }

  #isAsked(key: string, now: number): boolean {
    return now - (this.#askedAt.get(key) ?? Number.NEGATIVE_INFINITY) < ASKED_FOR;
  }

  /**
   * The least T0 for which beacons and refreshes fit into the budget, of what is still to be said as well: into half of
   * it while that is much.
   */
  #fittingT0(): number {
    const { clock, destinations, link, share, table } = this.#o;
    const now = clock.monotonic();
    const perFrame = Math.max(mostEntriesWithin(link.shared.room), 1);
    let entries = 1;
    let unsaid = 0;
    for (const key of table.destinations()) {
      const best = table.lasting(key, now);
      const destination = destinations.get(key);
      // what is said over wires only takes no air
      if (!best || !destination || this.#reachOf(destination, best.route.via, now) === 'wired') continue;
      entries += T0_LEAST_MS / refreshInterval(T0_LEAST_MS, best.cost.hops);
      if (!this.#dueAt.has(key)) unsaid++;
    }
    const airtime = (bytes: number) => link.airtime(bytes) ?? 0;
    const perT0 = (entries / perFrame) * airtime(link.mtu) + BEACONS * airtime(BEACON_LENGTH);
    this.#isBehind = unsaid > perFrame;
    const forRefreshes = (this.#isBehind ? REFRESHES_WHILE_BEHIND : 1) * share();
    return logByteOf(Math.max(T0_LEAST_MS, perT0 / forRefreshes) / MINUTE);
  }
}
