/** What a message costs over each link, as measured lately (docs/protocol/mesh.md, "Path cost"). */
import type { Clock } from '../core/clock.ts';
import { type NodeId, nodeIdKey } from '../identity/node-id.ts';
import type { Link } from '../link/link.ts';
import type { Earshot } from './earshot.ts';
import { exchangeMs } from './link-meter.ts';
import type { LinkCost } from './metric.ts';

/** What is reached by a connection is reached at once. */
const WIRE: LinkCost = { ms: 1, bandwidth: Number.POSITIVE_INFINITY };
/** ms: a link is looked at anew after so long. */
const MEASURED_FOR = 10_000;

export class LinkCosts {
  readonly #link: Pick<Link, 'mtu' | 'neighbour'>;
  readonly #earshot: Earshot;
  readonly #clock: Clock;
  /** By neighbour, measured longest ago first. */
  readonly #known = new Map<string, { readonly at: number; readonly cost: LinkCost }>();

  constructor(link: Pick<Link, 'mtu' | 'neighbour'>, earshot: Earshot, clock: Clock) {
    this.#link = link;
    this.#earshot = earshot;
    this.#clock = clock;
  }

  /** As of the last seconds. */
  to(id: NodeId): LinkCost {
    const now = this.#clock.monotonic();
    const key = nodeIdKey(id);
    const known = this.#known.get(key);
    if (known && now - known.at < MEASURED_FOR) return known.cost;
    const cost = this.measured(id);
    this.#known.delete(key);
    this.#known.set(key, { at: now, cost });
    for (const [k, { at }] of this.#known) {
      if (now - at < MEASURED_FOR) break;
      this.#known.delete(k);
    }
    return cost;
  }

  /** As of now. */
  measured(id: NodeId): LinkCost {
    const meter = this.#earshot.get(nodeIdKey(id))?.meter;
    const neighbour = this.#link.neighbour(id);
    meter?.exchanged(neighbour.quality);
    const once = exchangeMs(neighbour);
    const full = neighbour.airtime(this.#link.mtu);
    if (once === undefined || full === undefined) return WIRE;
    return { ms: (meter?.etx ?? 1) * once, bandwidth: (8000 * this.#link.mtu) / full };
  }
}
