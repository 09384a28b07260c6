/**
 * Routing of one node (docs/protocol/mesh.md): joins who is in earshot, whose announces are known, what neighbours
 * say can be reached, and what this box says in turn.
 */
import type { Cancel, Clock } from '../core/clock.ts';
import type { Counters } from '../core/counters.ts';
import { Event } from '../core/events.ts';
import { minutesOf } from '../core/log-byte.ts';
import type { Random } from '../core/random.ts';
import type { Db } from '../db/db.ts';
import type { Identity } from '../identity/keys.ts';
import { type NodeId, nodeIdFromKey, nodeIdKey } from '../identity/node-id.ts';
import { KIND, SEALED_OVERHEAD } from '../link/frame.ts';
import type { KeyOf, Link, LooseFrame, Neighbour } from '../link/link.ts';
import type { Reception } from '../link/medium.ts';
import { RECORD } from '../link/records.ts';
import { Advertiser } from './advertiser.ts';
import { decodeAnnounce } from './announce.ts';
import { BEACON_LENGTH, decodeBeacon, type Started } from './beacon.ts';
import { Destinations } from './destinations.ts';
import { decodeDigest, PREFIX_LENGTH } from './digest.ts';
import { Earshot, type Heard, type Sign } from './earshot.ts';
import { FeasibilityDistances } from './feasibility.ts';
import { type Order, OwnFreshness, serialAhead, serialOf } from './freshness.ts';
import { HandedSteps } from './handed-steps.ts';
import { Introductions, isFirstHand } from './introductions.ts';
import { Learner, mostSteps } from './learner.ts';
import { LinkCosts } from './link-costs.ts';
import { LinkKeeper } from './link-keeper.ts';
import { bandwidthOf, bottleneckOf, type LinkCost, metricOf, type Policy, PRICE_DECIDES } from './metric.ts';
import { PacedLink } from './paced-link.ts';
import { answeredWithin, Presence } from './presence.ts';
import { RouteMemory } from './route-memory.ts';
import { type Route, RouteTable, type Usable } from './route-table.ts';
import type { Candidate, Routing } from './routing.ts';
import { RoutingBudget, StrangerBudget } from './routing-budget.ts';
import { Solicitor } from './solicitor.ts';
import { StandIns } from './stand-ins.ts';
import { StartWait } from './start-wait.ts';
import { decodeWant } from './want.ts';

const MINUTE = 60_000;
/** One that says it hears more than this many would silence its neighbours. */
const MOST_BELIEVED = 32;
/** Who is not linked, and could be anybody, is believed so many beside twice as many as are heard here. */
const STRANGER_HEARS = 4;
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
  readonly known: number;
}

export class Router implements Routing {
  readonly onHeard = new Event<NodeId>();
  readonly onRoute = new Event<NodeId>();
  /** A node is heard that was down or unknown until now, or has proven that it was started again. */
  readonly onReturn = new Event<NodeId>();
  readonly #o: RouterOptions;
  readonly #earshot: Earshot;
  readonly #destinations: Destinations;
  readonly #distances: FeasibilityDistances;
  readonly #table: RouteTable;
  readonly #presence: Presence;
  readonly #introductions: Introductions;
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
  readonly #linkCosts: LinkCosts;
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
    this.#linkCosts = new LinkCosts(link, this.#earshot, clock);
    let standIns: StandIns | undefined;
    const isKept = (id: NodeId) => isOurs(id) || (standIns?.knows(nodeIdKey(id)) ?? false);
    this.#destinations = new Destinations(db, isKept);
    this.#distances = new FeasibilityDistances(db);
    this.#table = new RouteTable({
      linkCost: (route, destination) => this.#costTowards(route, destination),
      distance: (key) => this.#distances.of(key),
    });
    this.#standIns = new StandIns({
      ...{ db, clock, destinations: this.#destinations, table: this.#table },
      isUp: (key) => this.#earshot.isUp(key, clock.monotonic()),
      t0: () => this.#advertiser.t0,
    });
    standIns = this.#standIns;
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
    const neighbours = () => this.#fullest(this.#earshot.up(clock.monotonic()));
    const budget = new RoutingBudget({ clock, neighbours, legalMs });
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
    const unwired = new Set(link.media.filter((m) => !m.connections).map((m) => m.name));
    const isWired = (id: NodeId) => unwired.size > 0 && !unwired.has(link.neighbour(id).medium);
    this.#advertiser = new Advertiser({
      ...common,
      ...state,
      ...{ isWired, memory },
      wants: {
        riding: (most) => this.#introductions.riding(most),
        rode: (riding) => this.#introductions.rode(riding),
      },
      share: () => budget.share,
      hears,
      load,
    });
    this.#presence = new Presence({
      ...{ ...common, paced, identity, freshness, capabilities, hears, load, media: link.media },
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
      airtime: (bytes) => link.airtime(bytes) ?? 0,
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
      heardFrom: (id) => this.#note({ nodeId: id, at: clock.monotonic() }),
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
    const { clock, link } = this.#o;
    link.onRecord(RECORD.digest, ({ from, body }) => this.#digest(from.id, body));
    link.onRecord(RECORD.want, ({ from, body }) => this.#want(from, body));
    this.#cancels.push(
      link.onLoose.on((frame) => this.#loose(frame)),
      link.onAlive.on((id) => {
        this.#links.hearsUs(id);
        this.#note({ nodeId: id, at: clock.monotonic() });
      }),
      link.onHandshake.on((airtimeMs) => this.#budget.owe(airtimeMs)),
      link.onUnanswered.on((id) => this.#earshot.missed(id)),
      link.onGone.on((id) => this.#earshot.gone(id)),
      link.onConnected.on((to) => this.#presence.introduce(to)),
      link.shared.onRecord.on(({ from, record }) => {
        if (record.type !== RECORD.digest) {
          this.#refuse('shared-record');
          return;
        }
        this.#digest(from, record.body);
        const expectedBytes = SEALED_OVERHEAD + record.body.length;
        this.#earshot.note({ nodeId: from, at: clock.monotonic(), expectedBytes });
      }),
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
    for (const part of [this.#presence, this.#introductions, this.#advertiser, this.#links]) part.stop();
    for (const part of [this.#solicitor, this.#standIns, this.#startWait, this.#paced]) part.stop();
  }

  // ── what the store asks ────────────────────────────────────────────────────────────────────────────────────────

  candidates(target: NodeId, minBandwidth: number, policy: Policy = 'balanced'): readonly Candidate[] {
    const key = nodeIdKey(target);
    const others = this.#table
      .usable(key, this.#now(), minBandwidth, policy)
      .filter(({ route }) => route.via !== key && this.#isSpokenTo(nodeIdFromKey(route.via)))
      .map(({ route, cost }) => ({
        neighbour: nodeIdFromKey(route.via),
        metric: cost.metric,
        direct: false,
      }));
    const direct = this.#direct(target, minBandwidth);
    if (!direct) return others;
    const isSlow = others[0] !== undefined && direct.metric > others[0].metric + PRICE_DECIDES[policy];
    return isSlow ? [...others, direct].sort((a, b) => a.metric - b.metric) : [direct, ...others];
  }

  sequenceOf(target: NodeId): number | undefined {
    const destination = this.#destinations.get(nodeIdKey(target));
    return destination && serialOf(destination.chain.order);
  }

  /** Heard lately, its key known, and not found deaf: a handshake has a chance. */
  reachable(id: NodeId): boolean {
    if (!this.#earshot.isUp(nodeIdKey(id), this.#now()) || !this.#isSpokenTo(id)) return false;
    return this.#o.link.neighbour(id).linked || !this.#links.isDeaf(id);
  }

  want(target: NodeId): void {
    if (this.#standIns.standsFor(nodeIdKey(target))) return;
    const hasOthers = this.candidates(target, 0).length > 0;
    if (!hasOthers && this.#mayComeUp(target) && this.#startWait.hold(target)) return;
    if (!hasOthers) this.#links.hurry();
    this.#solicitor.want(target, hasOthers);
  }

  unwant(target: NodeId): void {
    this.#startWait.release(target);
    this.#solicitor.unwant(target);
  }

  keyOf(id: NodeId): Uint8Array | undefined {
    return this.#destinations.get(nodeIdKey(id))?.publicKey ?? this.#o.otherKey(id);
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
    return this.#linkCosts.to(id).bandwidth;
  }

  // ── what the node shows, and asks ──────────────────────────────────────────────────────────────────────────────

  /** Those heard within three expected signs of life. */
  neighbours(): readonly Heard[] {
    return this.#earshot.up(this.#now());
  }

  /** All nodes whose announces are known. */
  routes(): readonly RouteView[] {
    const now = this.#now();
    return [...this.#destinations.all()].map(({ key, nodeId }) => ({
      nodeId,
      best: this.#table.best(key, now),
      known: this.#table.routes(key).length,
    }));
  }

  /** Whether the handshake of a node is answered: of strangers, only so many. */
  mayAnswer(from: NodeId, airtimeMs: number): boolean {
    if (this.#o.otherKey(from) || this.#o.link.shared.isMutual(from)) return true;
    return this.#strangers.take(airtimeMs);
  }

  // ── what comes in ──────────────────────────────────────────────────────────────────────────────────────────────

  #loose({ kind, bytes, reception }: LooseFrame): void {
    if (kind === KIND.beacon) this.#beacon(bytes, reception);
    else if (kind === KIND.announce) this.#announce(bytes, reception);
    else if (kind === KIND.solicit) this.#solicitor.heard(bytes, reception.medium);
  }

  #beacon(bytes: Uint8Array, reception: Reception): void {
    const beacon = decodeBeacon(bytes);
    if (!beacon) {
      this.#refuse('malformed-beacon');
      return;
    }
    const { capabilities, hears, nodeId, started } = beacon;
    if (this.#isSelf(nodeId)) {
      this.#refuse('own-beacon');
      return;
    }
    if (started) this.#started(nodeId, started, reception.medium);
    const { at, rssiDbm, snrDb } = reception;
    this.#note({ nodeId, at, rssiDbm, snrDb, capabilities, hears, expectedBytes: bytes.length });
    if (this.keyOf(nodeId)) this.#o.link.met(nodeId, reception);
  }

  /** It was started again, with its sessions and keys or without, and proves that it is the one who says so. */
  #started(nodeId: NodeId, { how, step }: Started, medium: string): void {
    const destination = this.#destinations.get(nodeIdKey(nodeId));
    if (!destination) return;
    const before = destination.chain.order;
    const order = destination.chain.prove(step, mostSteps(destination, this.#now()));
    if (order === undefined || order <= before) {
      this.#refuse('unproven-beacon');
      return;
    }
    destination.provenAt = this.#now();
    const { link } = this.#o;
    if (how === 'booted') link.forget(nodeId);
    else link.resume(nodeId);
    if (how === 'resumed' && link.shared.isMutual(nodeId)) {
      this.#presence.answerReturn(medium);
      // it has forgotten what it was asked to pass on
      this.#solicitor.returned(nodeId, Number.NEGATIVE_INFINITY);
    }
    queueMicrotask(() => this.onReturn.emit(nodeId));
  }

  #announce(bytes: Uint8Array, reception: Reception): void {
    const announce = decodeAnnounce(bytes);
    if (typeof announce === 'string') {
      this.#refuse(`${announce}-announce`);
      return;
    }
    const { booted, capabilities, cost, nodeId } = announce;
    if (this.#isSelf(nodeId)) {
      this.#refuse('own-announce');
      return;
    }
    const asked = this.#introductions.heard(nodeId);
    const learned = this.#destinations.learn(announce, bytes, asked ? nodeIdKey(asked) : '');
    if (learned === 'stale' || learned === 'other') {
      this.#refuse(`${learned}-announce`);
      return;
    }
    if (learned === 'new' && booted) {
      this.#o.link.forget(nodeId);
      queueMicrotask(() => this.onReturn.emit(nodeId));
    }
    if (isFirstHand(cost)) {
      const { at, rssiDbm, snrDb, via } = reception;
      this.#note({ nodeId, at, rssiDbm, snrDb, capabilities });
      // it may have begun to listen only after this one was introduced
      if (learned === 'new' && via !== undefined) this.#presence.introduce(reception);
      this.#o.link.met(nodeId, reception);
    }
    this.#learner.announced(nodeId);
    if (this.#o.link.shared.isMutual(nodeId)) this.#learner.direct(nodeId);
  }

  #digest(from: NodeId, body: Uint8Array): void {
    const digest = decodeDigest(body);
    if (!digest) {
      this.#refuse('malformed-digest');
      return;
    }
    const heard = this.#earshot.get(nodeIdKey(from));
    if (heard) {
      heard.t0 = (minutesOf(digest.t0) ?? 0) * MINUTE;
      heard.hears = digest.hears;
    }
    this.#learner.digest(from, digest);
    const { index } = this.#o.link.shared;
    const asked = digest.wants.filter((w) => w.of === index).map((w) => w.prefix);
    this.#introductions.wanted(this.#o.link.neighbour(from), asked);
  }

  #want(from: Neighbour, body: Uint8Array): void {
    const prefixes = decodeWant(body);
    if (prefixes) this.#introductions.wanted(from, prefixes);
    else this.#refuse('malformed-want');
  }

  #note(sign: Sign): void {
    const { nodeId } = sign;
    if (this.#isSelf(nodeId)) {
      this.#refuse('own-beacon');
      return;
    }
    const heardAt = this.#earshot.get(nodeIdKey(nodeId))?.at;
    const isNew = this.#earshot.note(sign);
    this.#links.heard(nodeId);
    if (isNew && this.#o.link.shared.isMutual(nodeId)) {
      this.#opened(nodeId);
      this.#solicitor.returned(nodeId, heardAt ?? Number.NEGATIVE_INFINITY);
    }
    // later: the frame that is the sign of life may hold the very answer that somebody waits for
    queueMicrotask(() => {
      if (isNew) this.onReturn.emit(nodeId);
      this.onHeard.emit(nodeId);
    });
    if (isNew || this.reachable(nodeId)) this.#found(nodeId);
  }

  /** A neighbour is linked and up: a route to itself, and what it leads to may be reached again. */
  #opened(nodeId: NodeId): void {
    const via = nodeIdKey(nodeId);
    this.#learner.direct(nodeId);
    for (const key of this.#table.destinations())
      if (this.#table.routes(key).some((r) => r.via === via)) this.#found(nodeIdFromKey(key));
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

  // ── links ──────────────────────────────────────────────────────────────────────────────────────────────────────

  #direct(target: NodeId, minBandwidth: number): Candidate | undefined {
    if (!this.reachable(target)) return undefined;
    const link = this.#linkCosts.to(target);
    if (bandwidthOf(bottleneckOf(link.bandwidth)) < minBandwidth) return undefined;
    return { neighbour: target, metric: Math.max(metricOf(link.ms), 1), direct: true };
  }

  /**
   * Of a node that is away, for which this box stands in, the link as it was last: what is for that node stays here,
   * and does not go to another mailbox.
   */
  #costTowards({ cost, via }: Route, destination: string): LinkCost | undefined {
    if (via === destination && this.#standIns.standsFor(via))
      return this.#linkCosts.measured(nodeIdFromKey(via));
    if (via !== destination && cost.away && this.#standIns.knows(destination)) return undefined;
    return this.#linkCost(via);
  }

  /** Only linked, hence bidirectional, neighbours that are up. */
  #linkCost(via: string): LinkCost | undefined {
    const heard = this.#earshot.get(via);
    if (!heard || !this.#earshot.isUp(via, this.#now())) return undefined;
    const { shared } = this.#o.link;
    if (!shared.isMutual(heard.nodeId) && !this.#o.link.neighbour(heard.nodeId).linked) return undefined;
    return this.#linkCosts.to(heard.nodeId);
  }

  /** It was reached through a neighbour that may just not have been heard since the start, or is one. */
  #mayComeUp(target: NodeId): boolean {
    const key = nodeIdKey(target);
    const ways = new Set([key, ...this.#table.routes(key).map((r) => r.via)]);
    const silent = this.#o.link.resumed.filter((id) => !this.#earshot.isUp(nodeIdKey(id), this.#now()));
    return silent.some((id) => ways.has(nodeIdKey(id)));
  }

  /** How many share the channel where it is fullest, of what is heard and what those who are heard say of themselves. */
  #fullest(up: readonly Heard[]): number {
    const { shared } = this.#o.link;
    const believed = ({ hears, nodeId }: Heard) =>
      Math.min(
        hears,
        MOST_BELIEVED,
        shared.isMutual(nodeId) ? MOST_BELIEVED : 2 * up.length + STRANGER_HEARS,
      );
    return Math.max(up.length, ...up.map(believed));
  }

  #isSpokenTo(id: NodeId): boolean {
    return this.keyOf(id) !== undefined || this.#o.link.neighbour(id).linked;
  }

  #isSelf(id: NodeId): boolean {
    return nodeIdKey(id) === nodeIdKey(this.#o.identity.nodeId);
  }

  #refuse(reason: string): void {
    this.#o.counters.count(`mesh.refused.${reason}`);
  }

  #now(): number {
    return this.#o.clock.monotonic();
  }
}
