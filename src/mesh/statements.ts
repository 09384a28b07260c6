/**
 * What this box has to say of the ways to others, and when (docs/protocol/mesh.md, "Route digests"): its own refresh
 * every T0, a route of h hops every T0·2^min(h − 1, 3), a first route or a retraction at once.
 */
import { fromHex } from '../core/bytes.ts';
import type { Clock } from '../core/clock.ts';
import type { Counters } from '../core/counters.ts';
import { type Noted, note } from '../core/noted.ts';
import { type NodeId, nodeIdFromKey } from '../identity/node-id.ts';
import type { Link, Reach } from '../link/link.ts';
import type { Destination, Destinations } from './destinations.ts';
import { type DigestEntry, PREFIX_LENGTH } from './digest.ts';
import { LONGEST_SILENCE_MS, T0_LEAST_MS } from './earshot.ts';
import { type FeasibilityDistances, steady } from './feasibility.ts';
import type { Order, OwnFreshness } from './freshness.ts';
import { refreshInterval } from './learner.ts';
import { congested, OWN_COST, RETRACTED } from './metric.ts';
import type { RouteTable, Usable } from './route-table.ts';

/** Refreshed at the tick after so much of the interval, so that ticks make it no longer. */
const EARLY = 0.9;
/** Refreshes wait for so much of T0, for a frame that goes anyway or that they fill; those due so soon fill it up. */
const PATIENCE = 0.5;
const FILLER = 0.35;
/** ms: what was asked for is said for a day more. */
const ASKED_FOR = 24 * 60 * 60_000;
/** The own step goes on with every so many refreshes: words under one step can be weighed against each other. */
const REFRESHES_PER_STEP = 8;

export interface StatementsOptions {
  readonly self: NodeId;
  readonly link: Pick<Link, 'shared'>;
  /** ms */
  readonly t0: () => number;
  readonly freshness: OwnFreshness;
  readonly destinations: Destinations;
  readonly distances: FeasibilityDistances;
  readonly table: RouteTable;
  readonly isTrusted: (id: NodeId) => boolean;
  /** Whether a neighbour is reached by a connection, beside which there is a medium without. */
  readonly isWired: (id: NodeId) => boolean;
  /** 0 … 1 */
  readonly load: () => number;
  /** When what was said before the start is due again, `Clock.monotonic()` of this start by key. */
  readonly recalled: ReadonlyMap<string, number> | undefined;
  readonly clock: Clock;
  readonly counters: Counters;
}

export interface Statement {
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

export class Statements {
  readonly #o: StatementsOptions;
  readonly #dueAt: Map<string, number>;
  /** Said before the start of this box, and not since. */
  readonly #recalled: Set<string>;
  /** Said to all, and not only over connections. */
  readonly #saidToAll: Set<string>;
  readonly #startedAt: number;
  /** When a route was last asked for. */
  readonly #askedAt: Noted = new Map();
  #ownDueAt = Number.NEGATIVE_INFINITY;
  /** The own step has not been said since it was released. */
  #isRenewed = false;
  #steppedAt: number;

  constructor(options: StatementsOptions) {
    this.#o = options;
    this.#dueAt = new Map(options.recalled);
    this.#recalled = new Set(this.#dueAt.keys());
    // how it was said is not remembered
    this.#saidToAll = new Set(this.#recalled);
    this.#startedAt = options.clock.monotonic();
    this.#steppedAt = this.#startedAt;
  }

  /** `Clock.monotonic()` by key, of what was said. */
  get dueAt(): ReadonlyMap<string, number> {
    return this.#dueAt;
  }

  /** The own step is newer than it was: the own refresh is due. */
  renewed(): void {
    this.#ownDueAt = Number.NEGATIVE_INFINITY;
    this.#isRenewed = true;
    this.#steppedAt = this.#o.clock.monotonic();
  }

  /** This box's own entry, as it stands. */
  ownEntry(): DigestEntry {
    return {
      prefix: this.#o.self.subarray(0, PREFIX_LENGTH),
      freshness: this.#o.freshness.value,
      cost: OWN_COST,
    };
  }

  /** What is to be said of a route that somebody asks for; undefined where nothing is known of it any more. */
  asked(key: string, usable: Usable): Statement | undefined {
    note(this.#askedAt, key, this.#o.clock.monotonic(), ASKED_FOR);
    return this.#statement(key, usable);
  }

  /** What is due, in the order in which it is to be said. */
  due(): Statement[] {
    const now = this.#o.clock.monotonic();
    const statements = [...this.#own(now), ...this.#changes(now), ...this.#refreshes(now)];
    return statements.sort(
      (a, b) => Number(b.urgent) - Number(a.urgent) || Number(b.trusted) - Number(a.trusted),
    );
  }

  /** Up to `most` that will be due soon. */
  soon(most: number, reach: Reach): Statement[] {
    const now = this.#o.clock.monotonic();
    const soon = this.#due(now + FILLER * this.#o.t0(), most, now).map(({ statement }) => statement);
    return soon.filter((s) => s.reach === reach);
  }

  /** Of what takes air: how many entries it is in a T0, and how many of the routes were never said. */
  workload(): { readonly perT0: number; readonly unsaid: number } {
    const { clock, destinations, table } = this.#o;
    const now = clock.monotonic();
    let perT0 = 1;
    let unsaid = 0;
    for (const key of table.destinations()) {
      const best = table.lasting(key, now);
      const destination = destinations.get(key);
      // what is said over wires only takes no air
      if (!best || !destination || this.#reachOf(destination, best.route.via, now) === 'wired') continue;
      perT0 += T0_LEAST_MS / refreshInterval(T0_LEAST_MS, best.cost.hops);
      if (!this.#dueAt.has(key)) unsaid++;
    }
    return { perT0, unsaid };
  }

  #own(now: number): Statement[] {
    const { counters, freshness } = this.#o;
    if (this.#ownDueAt > now) return [];
    const isDue = now - this.#steppedAt >= EARLY * REFRESHES_PER_STEP * this.#o.t0();
    if (!this.#isRenewed && isDue) {
      if (freshness.advance()) this.#steppedAt = now;
      else counters.count('mesh.freshness-stalled');
    }
    this.#isRenewed = false;
    const said = () => {
      this.#ownDueAt = now + EARLY * this.#o.t0();
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
    const patience = PATIENCE * this.#o.t0();
    const due = this.#due(now, Number.POSITIVE_INFINITY);
    const isLate = ({ at }: { at: number | undefined }) => at !== undefined && now - at >= patience;
    const inOrder = [...due.filter(isLate), ...due.filter((d) => !isLate(d))];
    return inOrder.map((d) => ({ ...d.statement, urgent: d.at === undefined || isLate(d) }));
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
    const { nodeId } = destination;
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
        this.#dueAt.set(key, now + EARLY * refreshInterval(this.#o.t0(), cost.hops));
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
}
