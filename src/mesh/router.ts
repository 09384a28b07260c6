/**
 * Routing of one node (docs/protocol/mesh.md): joins who is in earshot, whose announces are known, what neighbours
 * say can be reached, and what this box says in turn.
 */
import type { Cancel, Clock } from '../core/clock.ts';
import type { Counters } from '../core/counters.ts';
import { Event } from '../core/events.ts';
import type { Random } from '../core/random.ts';
import type { Db } from '../db/db.ts';
import type { Identity } from '../identity/keys.ts';
import { type NodeId, nodeIdKey } from '../identity/node-id.ts';
import type { KeyOf, Link } from '../link/link.ts';
import { RECORD } from '../link/records.ts';
import { Advertiser } from './advertiser.ts';
import { ANNOUNCE_LENGTH } from './announce.ts';
import { BEACON_LENGTH } from './beacon.ts';
import { ChannelShares, ONE_NODE } from './channel-shares.ts';
import { Destinations } from './destinations.ts';
import { PREFIX_LENGTH } from './digest.ts';
import { Earshot, type Heard } from './earshot.ts';
import { FeasibilityDistances } from './feasibility.ts';
import { type Order, OwnFreshness, serialAhead, serialOf } from './freshness.ts';
import { Gossip } from './gossip.ts';
import { HandedSteps } from './handed-steps.ts';
import { Hearing } from './hearing.ts';
import { Introductions } from './introductions.ts';
import { Learner } from './learner.ts';
import { LinkKeeper } from './link-keeper.ts';
import type { Policy } from './metric.ts';
import { NextHops } from './next-hops.ts';
import { PacedLink } from './paced-link.ts';
import { answeredWithin, Presence } from './presence.ts';
import { RouteMemory } from './route-memory.ts';
import type { RouteTable, Usable } from './route-table.ts';
import type { Candidate, Routing } from './routing.ts';
import { legalSharers, RoutingBudget, StrangerBudget } from './routing-budget.ts';
import { Solicitor } from './solicitor.ts';
import { StandIns } from './stand-ins.ts';
import { StartWait } from './start-wait.ts';

/** ms: what neighbours say of this node itself is looked at so often at most. */
const OWN_VALUE_PAUSE = 10_000;

export interface RouterOptions {
  readonly link: Link;
  readonly db: Db;
  readonly identity: Identity;
  /** Ends the freshness chains (`chainSecretOf`). */
  readonly chainSecret: Uint8Array;
  /** A number above all it gave before, over reboots too. */
  readonly nextPosition: () => number;
  /** Durably gives up all numbers below one. Rejects with `StorageFailed`. */
  readonly skipTo: (position: number) => Promise<void>;
  /** To be named in announces, at most two. */
  readonly mailboxes: () => readonly NodeId[];
  /** Keys known beside what was announced: of contacts, and of those written to. */
  readonly otherKey: KeyOf;
  readonly capabilities: number;
  /** How full this box's queue is, 0 … 1. */
  readonly load: () => number;
  /** ms on air that the law allows in an hour; undefined where it sets no duty cycle. */
  readonly legalMs: number | undefined;
  readonly clock: Clock;
  readonly random: Random;
  readonly counters: Counters;
}

/** A destination, and how it would be reached now. */
export interface RouteView {
  readonly nodeId: NodeId;
  readonly best: Usable | undefined;
  /** Where there is no best: key of the neighbour that is away, through which it will be reached again. */
  readonly awaited: string | undefined;
  readonly known: number;
}

export class Router implements Routing {
  readonly onRoute = new Event<NodeId>();
  readonly #o: RouterOptions;
  readonly #earshot: Earshot;
  readonly #destinations: Destinations;
  readonly #distances: FeasibilityDistances;
  readonly #hops: NextHops;
  readonly #table: RouteTable;
  readonly #presence: Presence;
  readonly #introductions: Introductions;
  readonly #gossip: Gossip;
  readonly #learner: Learner;
  readonly #advertiser: Advertiser;
  readonly #links: LinkKeeper;
  readonly #solicitor: Solicitor;
  readonly #budget: RoutingBudget;
  readonly #paced: PacedLink;
  readonly #strangers: StrangerBudget;
  readonly #standIns: StandIns;
  readonly #freshness: OwnFreshness;
  readonly #handed: HandedSteps;
  #ownValueAt = Number.NEGATIVE_INFINITY;
  readonly #hearing: Hearing;
  readonly #startWait: StartWait;
  readonly #cancels: Cancel[] = [];

  constructor(options: RouterOptions) {
    this.#o = options;
    const { capabilities, chainSecret, clock, counters, db, identity, legalMs, link, load } = options;
    const self = identity.nodeId;
    const isTrusted = (id: NodeId) => options.otherKey(id) !== undefined;
    const common = { self, link, isTrusted, clock, random: options.random, counters };
    // names cost nothing: however many are heard, those who are linked keep their places
    const isOurs = (id: NodeId) => isTrusted(id) || link.shared.isMutual(id);
    this.#earshot = new Earshot(isOurs);
    this.#destinations = new Destinations({
      db,
      isKept: (id) => isOurs(id) || this.#standIns.knows(nodeIdKey(id)),
      spokenOfBy: (key) => this.#table.routes(key)[0]?.via,
    });
    this.#distances = new FeasibilityDistances(db);
    this.#hops = new NextHops({
      ...{ link, clock, earshot: this.#earshot, destinations: this.#destinations },
      distance: (key) => this.#distances.of(key),
      otherKey: options.otherKey,
      isDeaf: (id) => this.#links.isDeaf(id),
      isSubscriber: (key) => this.#standIns.knows(key),
      standsInFor: (key) => this.#standIns.standsFor(key),
    });
    this.#table = this.#hops.table;
    this.#standIns = new StandIns({
      ...{ db, clock, destinations: this.#destinations, table: this.#table },
      isUp: (key) => this.#earshot.isUp(key, clock.monotonic()),
      t0: () => this.#advertiser.t0,
    });
    const memory = new RouteMemory(
      { db, destinations: this.#destinations, table: this.#table },
      clock.monotonic(),
    );
    const { nodeId } = identity;
    const { nextPosition, skipTo } = options;
    const freshness = new OwnFreshness({ nodeId, chainSecret, nextPosition, skipTo });
    this.#freshness = freshness;
    this.#handed = new HandedSteps(db, freshness);
    const hears = () => this.#earshot.up(clock.monotonic()).length;
    const unwired = new Set(link.media.filter((m) => !m.connections).map((m) => m.name));
    const isWired = (id: NodeId) => unwired.size > 0 && !unwired.has(link.neighbour(id).medium);
    const isOnAir = ({ nodeId, rssiDbm }: Heard) => rssiDbm !== undefined || !isWired(nodeId);
    const shares = new ChannelShares({
      sharing: () => this.#earshot.filling(clock.monotonic()).filter(isOnAir),
      isLinked: (id) => link.shared.isMutual(id),
      legalCrowd: ONE_NODE * legalSharers(legalMs),
      before: memory.said?.around ?? 0,
      clock,
    });
    const hasNews = () => this.#gossip.hasNews && !this.#advertiser.isBehind;
    const budget = new RoutingBudget({
      ...{ clock, hasNews, legalMs },
      sharers: () => shares.sharers,
      isRestart: memory.said !== undefined,
    });
    this.#budget = budget;
    this.#strangers = new StrangerBudget(clock, legalMs);
    const isUp = (id: NodeId) => this.#earshot.isUp(nodeIdKey(id), clock.monotonic());
    const paced = new PacedLink({ link, budget, isUp, clock, counters });
    this.#paced = paced;
    const state = {
      paced,
      freshness,
      destinations: this.#destinations,
      distances: this.#distances,
      table: this.#table,
    };
    this.#advertiser = new Advertiser({
      ...common,
      ...state,
      ...{ isWired, memory },
      wants: {
        riding: (most) => this.#introductions.riding(most),
        rode: (riding) => this.#introductions.rode(riding),
      },
      share: () => budget.share * budget.digestPart,
      shares,
      load,
    });
    this.#presence = new Presence({
      ...{ ...common, paced, identity, freshness, capabilities, shares, load, media: link.media },
      hasLinks: () => link.resumed.length > 0,
      mailboxes: options.mailboxes,
      t0: () => this.#advertiser.t0,
      saidAt: () => this.#advertiser.saidAt,
    });
    const announceSelf = (medium: string) => this.#presence.announce(medium);
    this.#introductions = new Introductions({
      ...common,
      ...state,
      announceSelf,
      indexOf: (id) => link.shared.indexOf(id),
      isSought: (prefix) => this.#solicitor.isSought(prefix),
      costTo: (key) => this.#table.best(key, clock.monotonic())?.cost,
      speaksOf: (neighbour, key) => this.#table.hasRoute(key, neighbour),
      speakers: (prefix) => this.#learner.speakers(prefix),
      handedOut: (id, medium) => this.#gossip.heard(id, medium),
      airtime: (bytes) => link.airtime(bytes) ?? 0,
    });
    this.#gossip = new Gossip({
      ...{ hears, clock, random: options.random },
      isShared: (medium) => unwired.has(medium),
      say: (how, choose) => this.#introductions.say(how, choose),
      isTrusted,
      lacking: (id) => this.#lacking(nodeIdKey(id)),
      airtime: () => link.airtime(ANNOUNCE_LENGTH) ?? 0,
    });
    this.#learner = new Learner({
      ...common,
      ...state,
      ownValue: (value) => this.#ownValue(value),
      ask: (via, prefix) => this.#introductions.ask(via, prefix),
    });
    this.#solicitor = new Solicitor({
      ...common,
      ...state,
      advertiser: this.#advertiser,
      announceSelf,
      strangers: () => this.neighbours().filter(({ nodeId }) => !link.shared.isMutual(nodeId)).length,
      heardFrom: (id) => this.#alive(id),
      expect: (id) => this.#links.hurry(id),
    });
    this.#links = new LinkKeeper({
      ...common,
      paced,
      earshot: this.#earshot,
      keyOf: (id) => this.keyOf(id),
      inHurry: () => this.#solicitor.isWaiting,
      solicitKey: (id) => this.#solicitor.solicitKey(id),
    });
    this.#hearing = new Hearing({
      ...common,
      earshot: this.#earshot,
      destinations: this.#destinations,
      introductions: this.#introductions,
      gossip: this.#gossip,
      learner: this.#learner,
      presence: this.#presence,
      links: this.#links,
      solicitor: this.#solicitor,
      isKnown: (id) => this.keyOf(id) !== undefined,
      opened: (id) => this.#opened(id),
      there: (id, isNew) => {
        if (isNew || this.reachable(id)) this.#found(id);
      },
    });
    this.#startWait = new StartWait(clock, answeredWithin(link.airtime(BEACON_LENGTH) ?? 0), (id) => {
      if (this.candidates(id, 0).length === 0) this.want(id);
    });
  }

  /** How long a refreshed route lasts at its origin, ms (docs/protocol/mesh.md). */
  get t0Ms(): number {
    return this.#advertiser.t0;
  }

  /** Begins to listen, and announces this boot within 0.5–3 s. */
  start(): void {
    const { link } = this.#o;
    const hearing = this.#hearing;
    link.onRecord(RECORD.digest, ({ from, body }) => hearing.digest(from.id, body));
    link.shared.onRecord(RECORD.digest, (shared) => hearing.shared(shared));
    link.onRecord(RECORD.want, ({ from, body }) => hearing.want(from, body));
    this.#cancels.push(
      link.onLoose.on((frame) => hearing.loose(frame)),
      link.onAlive.on((id) => {
        this.#links.hearsUs(id);
        this.#alive(id);
      }),
      link.onHandshake.on((airtimeMs) => this.#budget.owe(airtimeMs)),
      link.onUnanswered.on((id) => this.#earshot.missed(id)),
      link.onGone.on((id) => this.#earshot.gone(id)),
      link.onConnected.on((to) => this.#presence.introduce(to)),
      link.shared.onMutual.on((id) => {
        this.#links.heard(id);
        this.#opened(id);
        this.#solicitor.linked(id);
      }),
      this.#learner.onLearned.on(({ destination, isNews }) => {
        this.#solicitor.learned(destination);
        // beside the path that ends here, as its mailbox, every other one is news
        if (isNews || this.#standIns.standsFor(destination.key)) this.#found(destination.nodeId);
      }),
    );
    this.#presence.start();
    this.#advertiser.start();
    this.#standIns.start();
  }

  stop(): void {
    for (const cancel of this.#cancels) cancel();
    for (const part of [this.#presence, this.#introductions, this.#gossip, this.#advertiser]) part.stop();
    for (const part of [this.#links, this.#solicitor, this.#standIns, this.#startWait, this.#paced])
      part.stop();
  }

  get onHeard(): Event<NodeId> {
    return this.#hearing.onHeard;
  }

  /** A node is heard that was down or unknown until now, or has proven that it was started again. */
  get onReturn(): Event<NodeId> {
    return this.#hearing.onReturn;
  }

  // ── what the store asks ────────────────────────────────────────────────────────────────────────────────────────

  candidates(target: NodeId, minBandwidth: number, policy: Policy = 'balanced'): readonly Candidate[] {
    return this.#hops.candidates(target, minBandwidth, policy);
  }

  awaited(target: NodeId, minBandwidth: number): readonly NodeId[] {
    return this.#hops.awaited(target, minBandwidth);
  }

  sequenceOf(target: NodeId): number | undefined {
    const destination = this.#destinations.get(nodeIdKey(target));
    return destination && serialOf(destination.chain.order);
  }

  /** Heard lately, its key known, and not found deaf: a handshake has a chance. */
  reachable(id: NodeId): boolean {
    return this.#hops.reachable(id);
  }

  want(target: NodeId, giver?: NodeId): void {
    const isKnown = this.#destinations.get(nodeIdKey(target)) !== undefined;
    if (giver && !isKnown) this.#introductions.ask(giver, target.subarray(0, PREFIX_LENGTH));
    if (this.#standIns.standsFor(nodeIdKey(target))) return;
    const hasOthers = this.candidates(target, 0).length > 0;
    if (!hasOthers && this.#hops.mayComeUp(target) && this.#startWait.hold(target)) return;
    if (!hasOthers) this.#links.hurry();
    this.#solicitor.want(target, hasOthers);
  }

  unwant(target: NodeId): void {
    this.#startWait.release(target);
    this.#solicitor.unwant(target);
  }

  keyOf(id: NodeId): Uint8Array | undefined {
    return this.#hops.keyOf(id);
  }

  // ── what mailboxes need (docs/protocol/mesh.md, "Standing in") ─────────────────────────────────────────────────

  /** A step of the own chain for a mailbox; undefined where the disk does not take it. */
  handOver(): Promise<Uint8Array | undefined> {
    return this.#handed.next();
  }

  /** A mailbox knows this node by an order with that serial: where that is ahead, it has released steps meanwhile. */
  async knownAs(serial: number): Promise<void> {
    const { order } = this.#freshness;
    const ahead = serialAhead(serial, serialOf(order));
    if (ahead > 0) await this.#resume(order + ahead);
  }

  /** Says its announce where that neighbour hears it, who lacks it. */
  announceTo(id: NodeId): void {
    this.#presence.announce(this.#o.link.neighbour(id).medium);
  }

  /** Begins to stand in for a node whenever it is away; as `StandIns.take`. */
  async standInFor(id: NodeId, value: Uint8Array): Promise<number | 'unknown' | 'full'> {
    const taken = await this.#standIns.take(id, value);
    if (taken === 'unknown') this.#introductions.ask(id, id.subarray(0, PREFIX_LENGTH));
    return taken;
  }

  async standDown(id: NodeId): Promise<void> {
    await this.#standIns.drop(id);
  }

  /** bit/s of the link to a neighbour; Infinity where nothing limits it. */
  bandwidthTo(id: NodeId): number {
    return this.#hops.bandwidthTo(id);
  }

  // ── what the node shows, and asks ──────────────────────────────────────────────────────────────────────────────

  /** Those heard within three expected signs of life. */
  neighbours(): readonly Heard[] {
    return this.#earshot.up(this.#now());
  }

  /** All nodes whose announces are known. */
  routes(): readonly RouteView[] {
    const now = this.#now();
    return [...this.#destinations.all()].map(({ key, nodeId }) => {
      const best = this.#table.best(key, now);
      const awaited = best ? undefined : this.#table.lasting(key, now)?.route.via;
      return { nodeId, best, awaited, known: this.#table.routes(key).length };
    });
  }

  /** Whether the handshake of a node is answered: of strangers, only so many. */
  mayAnswer(from: NodeId, airtimeMs: number): boolean {
    if (this.#o.otherKey(from) || this.#o.link.shared.isMutual(from)) return true;
    return this.#strangers.take(airtimeMs);
  }

  /** Whether routing may owe so much more: where it may not, a handshake for mail waits. */
  mayBegin(airtimeMs: number): boolean {
    return this.#budget.mayOwe(airtimeMs);
  }

  // ── what comes in ──────────────────────────────────────────────────────────────────────────────────────────────

  /** How many in earshot have not spoken of a node, and are not it. */
  #lacking(key: string): number {
    const speakers = new Set([key, ...this.#table.routes(key).map((r) => r.via)]);
    return this.#earshot.up(this.#now()).filter((n) => !speakers.has(n.key)).length;
  }

  #alive(nodeId: NodeId): void {
    this.#hearing.note({ nodeId, at: this.#now() });
  }

  /** A neighbour is linked and up: a route to itself, and what it leads to may be reached again. */
  #opened(nodeId: NodeId): void {
    const via = nodeIdKey(nodeId);
    this.#learner.direct(nodeId, this.#earshot.t0Of(nodeId));
    for (const key of this.#table.destinations()) {
      if (!this.#table.hasRoute(key, via)) continue;
      const destination = this.#destinations.get(key);
      if (destination) this.#found(destination.nodeId);
    }
  }

  /** A neighbour reaches this node by a step that only a mailbox can have released: it was away, and is passed by. */
  #ownValue(value: Uint8Array): void {
    const now = this.#now();
    if (now - this.#ownValueAt < OWN_VALUE_PAUSE) return;
    this.#ownValueAt = now;
    const order = this.#handed.orderOf(value);
    if (order !== undefined) void this.#resume(order);
  }

  async #resume(order: Order): Promise<void> {
    if (await this.#handed.resumeBeyond(order)) this.#advertiser.renewed();
  }

  /** A target may have become reachable, or its sequence newer. */
  #found(target: NodeId): void {
    if (this.candidates(target, 0).length === 0) return;
    this.#solicitor.found(target);
    queueMicrotask(() => this.onRoute.emit(target));
  }

  #now(): number {
    return this.#o.clock.monotonic();
  }
}
