/**
 * The air that one node's routing has (docs/protocol/mesh.md, "Budget"): whom it shares the channel with, what it may
 * take of that, and the link within those limits.
 */
import type { Clock } from '../core/clock.ts';
import type { Counters } from '../core/counters.ts';
import { type NodeId, nodeIdKey } from '../identity/node-id.ts';
import type { Link } from '../link/link.ts';
import { ChannelShares, ONE_NODE } from './channel-shares.ts';
import type { Earshot, Heard } from './earshot.ts';
import { PacedLink } from './paced-link.ts';
import { legalSharers, RoutingBudget, StrangerBudget } from './routing-budget.ts';

export interface RoutingAirOptions {
  readonly link: Link;
  readonly earshot: Earshot;
  /** What was said of the channel before the restart, where this is one: `Crowd.around`. */
  readonly aroundBefore: number | undefined;
  /** Whether announces wait to be passed on, and first routes do not. */
  readonly hasNews: () => boolean;
  /** ms on air that the law allows in an hour; undefined where it sets no duty cycle. */
  readonly legalMs: number | undefined;
  readonly clock: Clock;
  readonly counters: Counters;
}

export class RoutingAir {
  readonly shares: ChannelShares;
  readonly budget: RoutingBudget;
  readonly strangers: StrangerBudget;
  readonly paced: PacedLink;
  readonly #link: Link;
  /** Media where one frame is heard by many. */
  readonly #shared: ReadonlySet<string>;

  constructor(options: RoutingAirOptions) {
    const { aroundBefore, clock, counters, earshot, hasNews, legalMs, link } = options;
    this.#link = link;
    this.#shared = new Set(link.media.filter((m) => !m.connections).map((m) => m.name));
    this.shares = new ChannelShares({
      sharing: () => earshot.filling(clock.monotonic()).filter((heard) => this.#isOnAir(heard)),
      isLinked: (id) => link.shared.isMutual(id),
      legalCrowd: ONE_NODE * legalSharers(legalMs),
      before: aroundBefore ?? 0,
      clock,
    });
    this.budget = new RoutingBudget({
      ...{ clock, hasNews, legalMs },
      sharers: () => this.shares.sharers,
      isRestart: aroundBefore !== undefined,
    });
    this.strangers = new StrangerBudget(clock, legalMs);
    const isUp = (id: NodeId) => earshot.isUp(nodeIdKey(id), clock.monotonic());
    this.paced = new PacedLink({ link, budget: this.budget, isUp, clock, counters });
  }

  /** The part of time that digests may take now. */
  get digestShare(): number {
    return this.budget.share * this.budget.digestPart;
  }

  /** Whether a medium is one without connections, where one frame is heard by many. */
  isShared(medium: string): boolean {
    return this.#shared.has(medium);
  }

  /** Whether a neighbour is spoken to by a connection. */
  isWired(id: NodeId): boolean {
    return this.#shared.size > 0 && !this.#shared.has(this.#link.neighbour(id).medium);
  }

  #isOnAir({ nodeId, rssiDbm }: Heard): boolean {
    return rssiDbm !== undefined || !this.isWired(nodeId);
  }
}
