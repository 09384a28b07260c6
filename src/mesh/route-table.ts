/**
 * Routes: several to each destination, each through a neighbour, as that neighbour says it (docs/protocol/mesh.md,
 * "Next hop"). Neither clock nor link: whoever calls says what time it is, and what a link costs.
 */
import { type Distance, isFeasible } from './feasibility.ts';
import type { Order } from './freshness.ts';
import {
  bandwidthOf,
  type LinkCost,
  type PathCost,
  type Policy,
  PRICE_DECIDES,
  RETRACTED,
  through,
} from './metric.ts';

/** Of one destination. */
const MOST_ROUTES = 8;

/** A neighbour's word. */
export interface Route {
  /** Key of the neighbour. */
  readonly via: string;
  /** From the neighbour on. */
  readonly cost: PathCost;
  readonly order: Order;
  readonly expiresAt: number;
}

/** A route that may be used now, and what it costs from here. */
export interface Usable {
  readonly route: Route;
  readonly cost: PathCost;
}

export interface RouteTableOptions {
  /** What the link of a route to a destination costs; undefined where it is down, or the route is not for this box. */
  readonly linkCost: (route: Route, destination: string) => LinkCost | undefined;
  /** What a link that is down cost as it was last; undefined where it is none any more, or the route is not for this box. */
  readonly lastCost: (route: Route, destination: string) => LinkCost | undefined;
  /** The best this node has advertised of a destination. */
  readonly distance: (destination: string) => Distance | undefined;
}

export class RouteTable {
  readonly #o: RouteTableOptions;
  readonly #routes = new Map<string, Map<string, Route>>();
  /** The neighbour each destination is advertised through: changed only for what is clearly better. */
  readonly #selected = new Map<string, string>();
  /** What a link costs, or cost as it was last. */
  readonly #anyCost: RouteTableOptions['linkCost'];

  constructor(options: RouteTableOptions) {
    this.#o = options;
    const { lastCost, linkCost } = options;
    this.#anyCost = (route, destination) => linkCost(route, destination) ?? lastCost(route, destination);
  }

  /** Destinations that anybody has a route to. */
  destinations(): IterableIterator<string> {
    return this.#routes.keys();
  }

  /** All routes to a destination, usable or not. */
  routes(destination: string): readonly Route[] {
    return [...(this.#routes.get(destination)?.values() ?? [])];
  }

  /** Whether that neighbour has said one to a destination. */
  hasRoute(destination: string, via: string): boolean {
    return this.#routes.get(destination)?.has(via) === true;
  }

  /**
   * Takes a neighbour's newest word. A retraction ends its route, and so does a word that is older than the one before:
   * whatever it had, it has no longer.
   */
  update(destination: string, route: Route): void {
    const known = this.#routes.get(destination) ?? new Map<string, Route>();
    const before = known.get(route.via);
    const isOlder = before !== undefined && route.order < before.order;
    if (isOlder || route.cost.metric === RETRACTED) known.delete(route.via);
    else known.set(route.via, route);
    if (known.size > MOST_ROUTES) known.delete(worst(known.values()).via);
    if (known.size > 0) this.#routes.set(destination, known);
    else this.#routes.delete(destination);
  }

  /** The route lasts so long at least. */
  prolong(destination: string, via: string, expiresAt: number): void {
    const known = this.#routes.get(destination);
    const route = known?.get(via);
    if (route && route.expiresAt < expiresAt) known?.set(via, { ...route, expiresAt });
  }

  retract(destination: string, via: string): void {
    const known = this.#routes.get(destination);
    known?.delete(via);
    if (known?.size === 0) this.#routes.delete(destination);
  }

  /** Forgets all routes to a destination. That it was advertised stands until it is taken back. */
  forget(destination: string): void {
    this.#routes.delete(destination);
  }

  /** Forgets what has not been said again in time. */
  expire(now: number): void {
    for (const [destination, known] of this.#routes) {
      for (const route of known.values()) if (route.expiresAt <= now) known.delete(route.via);
      if (known.size === 0) this.#routes.delete(destination);
    }
  }

  /**
   * Unexpired, feasible routes through neighbours that are up, and that carry `minBandwidth` bit/s. Those near the
   * fastest, as the policy sees it, come first, of them the cheaper, the one in use, the faster; then the others by
   * airtime.
   */
  usable(destination: string, now: number, minBandwidth = 0, policy: Policy = 'balanced'): readonly Usable[] {
    const found = this.#feasible(destination, now, minBandwidth, this.#o.linkCost);
    return this.#ranked(destination, found, policy);
  }

  best(destination: string, now: number): Usable | undefined {
    return this.#first(destination, this.#feasible(destination, now, 0, this.#o.linkCost));
  }

  /** As `usable`, through neighbours that are down. */
  awaited(destination: string, now: number, minBandwidth = 0): readonly Usable[] {
    return this.#feasible(destination, now, minBandwidth, this.#o.lastCost);
  }

  /**
   * The best of the usable and the awaited: what is said of a destination once it has been said. Neighbours go and come
   * back more often than there is air to say so.
   */
  lasting(destination: string, now: number): Usable | undefined {
    return this.#first(destination, this.#feasible(destination, now, 0, this.#anyCost));
  }

  #feasible(
    destination: string,
    now: number,
    minBandwidth: number,
    linkCost: RouteTableOptions['linkCost'],
  ): Usable[] {
    const distance = this.#o.distance(destination);
    const all: Usable[] = [];
    for (const route of this.#routes.get(destination)?.values() ?? []) {
      if (route.expiresAt <= now) continue;
      if (!isFeasible({ order: route.order, metric: route.cost.metric }, distance)) continue;
      const link = linkCost(route, destination);
      if (!link) continue;
      const cost = through(route.cost, link);
      if (cost.metric !== RETRACTED && bandwidthOf(cost.bottleneck) >= minBandwidth)
        all.push({ route, cost });
    }
    return all;
  }

  #ranked(destination: string, all: readonly Usable[], policy: Policy): readonly Usable[] {
    const found = withoutOutdated(all);
    return found.length <= 1 ? found : [...found].sort(this.#order(destination, found, policy));
  }

  /** The one that would be ranked first. */
  #first(destination: string, all: readonly Usable[]): Usable | undefined {
    const found = withoutOutdated(all);
    if (found.length <= 1) return found[0];
    const order = this.#order(destination, found, 'balanced');
    return found.reduce((first, u) => (order(u, first) < 0 ? u : first));
  }

  /** Which of two comes first where these are what there is to choose from, as `sort` asks for it. */
  #order(destination: string, found: readonly Usable[], policy: Policy): (a: Usable, b: Usable) => number {
    const near = Math.min(...found.map((u) => u.cost.metric)) + PRICE_DECIDES[policy];
    const selected = this.#selected.get(destination);
    return (a, b) => {
      const isNear = a.cost.metric <= near;
      if (isNear !== b.cost.metric <= near) return isNear ? -1 : 1;
      if (isNear && a.cost.price !== b.cost.price) return a.cost.price - b.cost.price;
      const isSelected = a.route.via === selected;
      if (isNear && isSelected !== (b.route.via === selected)) return isSelected ? -1 : 1;
      return a.cost.metric - b.cost.metric;
    };
  }

  /** Notes that a destination is now advertised through this neighbour; undefined: no longer. */
  select(destination: string, via: string | undefined): void {
    if (via === undefined) this.#selected.delete(destination);
    else this.#selected.set(destination, via);
  }

  /** The neighbour a destination is advertised through; undefined where it is not advertised. */
  selected(destination: string): string | undefined {
    return this.#selected.get(destination);
  }

  /** Destinations that were advertised and not retracted. */
  advertised(): IterableIterator<string> {
    return this.#selected.keys();
  }
}

/** Without paths to a mailbox, where the node itself has been heard of since. */
function withoutOutdated(all: readonly Usable[]): readonly Usable[] {
  if (!all.some((u) => u.route.cost.away)) return all;
  const isOutdated = ({ route }: Usable) =>
    route.cost.away === true && all.some((o) => !o.route.cost.away && o.route.order > route.order);
  return all.filter((u) => !isOutdated(u));
}

function worst(routes: Iterable<Route>): Route {
  return [...routes].reduce((a, b) => (b.cost.metric > a.cost.metric ? b : a));
}
