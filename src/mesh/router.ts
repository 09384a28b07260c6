/** Routing of one node (docs/protocol/mesh.md): what its parts know, as the rooms above ask for it. */
import type { Cancel } from '../core/clock.ts';
import { Event } from '../core/events.ts';
import { type NodeId, nodeIdKey } from '../identity/node-id.ts';
import { RECORD } from '../link/records.ts';
import { BEACON_LENGTH } from './beacon.ts';
import { PREFIX_LENGTH } from './digest.ts';
import type { Heard } from './earshot.ts';
import { type Order, serialAhead, serialOf } from './freshness.ts';
import { Hearing } from './hearing.ts';
import type { Policy } from './metric.ts';
import { type Parts, partsOf, type RouterOptions } from './parts.ts';
import { answeredWithin } from './presence.ts';
import type { Usable } from './route-table.ts';
import type { Candidate, Routing } from './routing.ts';
import { StartWait } from './start-wait.ts';

/** ms: what neighbours say of this node itself is looked at so often at most. */
const OWN_VALUE_PAUSE = 10_000;

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
  readonly #parts: Parts;
  readonly #hearing: Hearing;
  readonly #startWait: StartWait;
  #ownValueAt = Number.NEGATIVE_INFINITY;
  readonly #cancels: Cancel[] = [];

  constructor(options: RouterOptions) {
    this.#o = options;
    const { clock, counters, identity, link } = options;
    this.#parts = partsOf(options, {
      ownValue: (value) => this.#ownValue(value),
      alive: (id) => this.#alive(id),
    });
    this.#hearing = new Hearing({
      ...{ ...this.#parts, self: identity.nodeId, link, clock, counters },
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
    return this.#parts.advertiser.t0;
  }

  /** Begins to listen, and announces this boot within 0.5–3 s. */
  start(): void {
    const { link } = this.#o;
    const { advertiser, air, earshot, learner, links, presence, solicitor, standIns } = this.#parts;
    const hearing = this.#hearing;
    link.onRecord(RECORD.digest, ({ from, body }) => hearing.digest(from.id, body));
    link.shared.onRecord(RECORD.digest, (shared) => hearing.shared(shared));
    link.onRecord(RECORD.want, ({ from, body }) => hearing.want(from, body));
    this.#cancels.push(
      link.onLoose.on((frame) => hearing.loose(frame)),
      link.onAlive.on((id) => {
        links.hearsUs(id);
        this.#alive(id);
      }),
      link.onHandshake.on((airtimeMs) => air.budget.owe(airtimeMs)),
      link.onUnanswered.on((id) => earshot.missed(id)),
      link.onGone.on((id) => earshot.gone(id)),
      link.onConnected.on((to) => presence.introduce(to)),
      link.shared.onMutual.on((id) => {
        links.heard(id);
        this.#opened(id);
        solicitor.linked(id);
      }),
      learner.onLearned.on(({ destination, isNews }) => {
        solicitor.learned(destination);
        // beside the path that ends here, as its mailbox, every other one is news
        if (isNews || standIns.standsFor(destination.key)) this.#found(destination.nodeId);
      }),
    );
    presence.start();
    advertiser.start();
    standIns.start();
  }

  stop(): void {
    for (const cancel of this.#cancels) cancel();
    const { advertiser, air, gossip, introductions, links, presence, solicitor, standIns } = this.#parts;
    for (const part of [presence, introductions, gossip, advertiser]) part.stop();
    for (const part of [links, solicitor, standIns, this.#startWait, air.paced]) part.stop();
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
    return this.#parts.hops.candidates(target, minBandwidth, policy);
  }

  awaited(target: NodeId, minBandwidth: number): readonly NodeId[] {
    return this.#parts.hops.awaited(target, minBandwidth);
  }

  sequenceOf(target: NodeId): number | undefined {
    const destination = this.#parts.destinations.get(nodeIdKey(target));
    return destination && serialOf(destination.chain.order);
  }

  /** Heard lately, its key known, and not found deaf: a handshake has a chance. */
  reachable(id: NodeId): boolean {
    return this.#parts.hops.reachable(id);
  }

  want(target: NodeId, giver?: NodeId): void {
    const { destinations, hops, introductions, links, solicitor, standIns } = this.#parts;
    const isKnown = destinations.get(nodeIdKey(target)) !== undefined;
    if (giver && !isKnown) introductions.ask(giver, target.subarray(0, PREFIX_LENGTH));
    if (standIns.standsFor(nodeIdKey(target))) return;
    const hasOthers = this.candidates(target, 0).length > 0;
    if (!hasOthers && hops.mayComeUp(target) && this.#startWait.hold(target)) return;
    if (!hasOthers) links.hurry();
    solicitor.want(target, hasOthers);
  }

  unwant(target: NodeId): void {
    this.#startWait.release(target);
    this.#parts.solicitor.unwant(target);
  }

  keyOf(id: NodeId): Uint8Array | undefined {
    return this.#parts.hops.keyOf(id);
  }

  // ── what mailboxes need (docs/protocol/mesh.md, "Standing in") ─────────────────────────────────────────────────

  /** A step of the own chain for a mailbox; undefined where the disk does not take it. */
  handOver(): Promise<Uint8Array | undefined> {
    return this.#parts.handed.next();
  }

  /** A mailbox knows this node by an order with that serial: where that is ahead, it has released steps meanwhile. */
  async knownAs(serial: number): Promise<void> {
    const { order } = this.#parts.freshness;
    const ahead = serialAhead(serial, serialOf(order));
    if (ahead > 0) await this.#resume(order + ahead);
  }

  /** Says its announce where that neighbour hears it, who lacks it. */
  announceTo(id: NodeId): void {
    this.#parts.presence.announce(this.#o.link.neighbour(id).medium);
  }

  /** Begins to stand in for a node whenever it is away; as `StandIns.take`. */
  async standInFor(id: NodeId, value: Uint8Array): Promise<number | 'unknown' | 'full'> {
    const taken = await this.#parts.standIns.take(id, value);
    if (taken === 'unknown') this.#parts.introductions.ask(id, id.subarray(0, PREFIX_LENGTH));
    return taken;
  }

  /** For whom it would. */
  standIns(): readonly NodeId[] {
    return this.#parts.standIns.nodes();
  }

  async standDown(id: NodeId): Promise<void> {
    await this.#parts.standIns.drop(id);
  }

  /** bit/s of the link to a neighbour; Infinity where nothing limits it. */
  bandwidthTo(id: NodeId): number {
    return this.#parts.hops.bandwidthTo(id);
  }

  // ── what the node shows, and asks ──────────────────────────────────────────────────────────────────────────────

  /** Those heard within three expected signs of life. */
  neighbours(): readonly Heard[] {
    return this.#parts.earshot.up(this.#now());
  }

  /** All nodes whose announces are known. */
  routes(): readonly RouteView[] {
    const { destinations, table } = this.#parts;
    const now = this.#now();
    return [...destinations.all()].map(({ key, nodeId }) => {
      const best = table.best(key, now);
      const awaited = best ? undefined : table.lasting(key, now)?.route.via;
      return { nodeId, best, awaited, known: table.routes(key).length };
    });
  }

  /** Whether the handshake of a node is answered: of strangers, only so many. */
  mayAnswer(from: NodeId, airtimeMs: number): boolean {
    if (this.#o.otherKey(from) || this.#o.link.shared.isMutual(from)) return true;
    return this.#parts.air.strangers.take(airtimeMs);
  }

  /** Whether routing may owe so much more: where it may not, a handshake for mail waits. */
  mayBegin(airtimeMs: number): boolean {
    return this.#parts.air.budget.mayOwe(airtimeMs);
  }

  // ── what comes in ──────────────────────────────────────────────────────────────────────────────────────────────

  #alive(nodeId: NodeId): void {
    this.#hearing.note({ nodeId, at: this.#now() });
  }

  /** A neighbour is linked and up: a route to itself, and what it leads to may be reached again. */
  #opened(nodeId: NodeId): void {
    const { destinations, earshot, learner, table } = this.#parts;
    const via = nodeIdKey(nodeId);
    learner.direct(nodeId, earshot.t0Of(nodeId));
    for (const key of table.destinations()) {
      if (!table.hasRoute(key, via)) continue;
      const destination = destinations.get(key);
      if (destination) this.#found(destination.nodeId);
    }
  }

  /** A neighbour reaches this node by a step that only a mailbox can have released: it was away, and is passed by. */
  #ownValue(value: Uint8Array): void {
    const now = this.#now();
    if (now - this.#ownValueAt < OWN_VALUE_PAUSE) return;
    this.#ownValueAt = now;
    const order = this.#parts.handed.orderOf(value);
    if (order !== undefined) void this.#resume(order);
  }

  async #resume(order: Order): Promise<void> {
    if (await this.#parts.handed.resumeBeyond(order)) this.#parts.advertiser.renewed();
  }

  /** A target may have become reachable, or its sequence newer. */
  #found(target: NodeId): void {
    if (this.candidates(target, 0).length === 0) return;
    this.#parts.solicitor.found(target);
    queueMicrotask(() => this.onRoute.emit(target));
  }

  #now(): number {
    return this.#o.clock.monotonic();
  }
}
