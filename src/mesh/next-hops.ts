/** Who is next towards a node (docs/protocol/mesh.md, "Next hop"): routes, the links they begin with, and who is there. */
import type { Clock } from '../core/clock.ts';
import { type NodeId, nodeIdFromKey, nodeIdKey } from '../identity/node-id.ts';
import type { KeyOf, Link } from '../link/link.ts';
import type { Destinations } from './destinations.ts';
import type { Earshot } from './earshot.ts';
import type { Distance } from './feasibility.ts';
import { LinkCosts } from './link-costs.ts';
import { bandwidthOf, bottleneckOf, type LinkCost, metricOf, type Policy, PRICE_DECIDES } from './metric.ts';
import { type Route, RouteTable } from './route-table.ts';
import type { Candidate } from './routing.ts';

export interface NextHopsOptions {
  readonly link: Link;
  readonly earshot: Earshot;
  readonly destinations: Destinations;
  /** What this node ever advertised best for a destination, by key. */
  readonly distance: (key: string) => Distance | undefined;
  /** Keys known beside what was announced. */
  readonly otherKey: KeyOf;
  /** It was heard, and has never answered an attempt at a link. */
  readonly isDeaf: (id: NodeId) => boolean;
  /** Whether this box is a mailbox of that node, and whether it stands in for it now. */
  readonly isSubscriber: (key: string) => boolean;
  readonly standsInFor: (key: string) => boolean;
  readonly clock: Clock;
}

export class NextHops {
  readonly table: RouteTable;
  readonly #o: NextHopsOptions;
  readonly #linkCosts: LinkCosts;
  readonly #hasConnections: boolean;

  constructor(options: NextHopsOptions) {
    this.#o = options;
    const { clock, distance, earshot, link } = options;
    this.#linkCosts = new LinkCosts(link, earshot, clock);
    this.#hasConnections = link.media.some((medium) => medium.connections);
    this.table = new RouteTable({
      linkCost: (route, destination) => this.#costTowards(route, destination),
      lastCost: (route, destination) => this.#lastCost(route, destination),
      distance,
    });
  }

  /** As `Routing.candidates`. */
  candidates(target: NodeId, minBandwidth: number, policy: Policy): readonly Candidate[] {
    const key = nodeIdKey(target);
    const others = this.table
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

  /** Heard lately, its key known, and not found deaf: a handshake has a chance. */
  reachable(id: NodeId): boolean {
    const { earshot, isDeaf, link } = this.#o;
    if (!earshot.isUp(nodeIdKey(id), this.#now()) || !this.#isSpokenTo(id)) return false;
    return link.neighbour(id).linked || !isDeaf(id);
  }

  keyOf(id: NodeId): Uint8Array | undefined {
    return this.#o.destinations.get(nodeIdKey(id))?.publicKey ?? this.#o.otherKey(id);
  }

  /** bit/s of the link to a neighbour; Infinity where nothing limits it. */
  bandwidthTo(id: NodeId): number {
    return this.#linkCosts.to(id).bandwidth;
  }

  /** As `Routing.awaited`. */
  awaited(target: NodeId, minBandwidth: number): readonly NodeId[] {
    const away = this.table.awaited(nodeIdKey(target), this.#now(), minBandwidth);
    return away.map(({ route }) => nodeIdFromKey(route.via));
  }

  /** It was reached through a neighbour that may just not have been heard since the start, or is one. */
  mayComeUp(target: NodeId): boolean {
    const { earshot, link } = this.#o;
    const key = nodeIdKey(target);
    const ways = new Set([key, ...this.table.routes(key).map((r) => r.via)]);
    const silent = link.resumed.filter((id) => !earshot.isUp(nodeIdKey(id), this.#now()));
    return silent.some((id) => ways.has(nodeIdKey(id)));
  }

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
  #costTowards(route: Route, destination: string): LinkCost | undefined {
    const { standsInFor } = this.#o;
    const { via } = route;
    if (via === destination && standsInFor(via)) return this.#linkCosts.measured(nodeIdFromKey(via));
    if (this.#isMarkedForOwn(route, destination)) return undefined;
    return this.#linkCost(via);
  }

  /** Another mailbox's path to a node of which this box is a mailbox too. */
  #isMarkedForOwn({ cost, via }: Route, destination: string): boolean {
    return via !== destination && cost.away === true && this.#o.isSubscriber(destination);
  }

  /**
   * Of a linked neighbour that is down: the link as it was last. None where its connection has ended, or where that may
   * have been one before the start of this box: what was reached so is not for the air.
   */
  #lastCost(route: Route, destination: string): LinkCost | undefined {
    const { earshot, link } = this.#o;
    const { via } = route;
    const id = nodeIdFromKey(via);
    if (earshot.isUp(via, this.#now()) || !link.shared.isMutual(id)) return undefined;
    const heardAt = earshot.get(via)?.at ?? Number.NEGATIVE_INFINITY;
    if (this.#hasConnections && !Number.isFinite(heardAt)) return undefined;
    if (this.#isMarkedForOwn(route, destination)) return undefined;
    return this.#linkCosts.to(id);
  }

  /** Only linked, hence bidirectional, neighbours that are up. */
  #linkCost(via: string): LinkCost | undefined {
    const { earshot, link } = this.#o;
    const heard = earshot.get(via);
    if (!heard || !earshot.isUp(via, this.#now())) return undefined;
    if (!link.shared.isMutual(heard.nodeId) && !link.neighbour(heard.nodeId).linked) return undefined;
    return this.#linkCosts.to(heard.nodeId);
  }

  #isSpokenTo(id: NodeId): boolean {
    return this.keyOf(id) !== undefined || this.#o.link.neighbour(id).linked;
  }

  #now(): number {
    return this.#o.clock.monotonic();
  }
}
