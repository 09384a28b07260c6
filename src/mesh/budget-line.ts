/**
 * What waits until the routing budget has room for it (docs/protocol/mesh.md, "Budget"): this box's own needs first,
 * then what somebody waits for, then what brings links about and the rest by turns; of each the oldest. Nothing
 * overtakes, so that a long frame is not put off for ever by short ones.
 */
import type { Cancel, Clock } from '../core/clock.ts';
import type { Counters } from '../core/counters.ts';
import type { RoutingBudget } from './routing-budget.ts';

/** Of each rank. */
const MOST_WAITING = 128;
/** ms */
const SHORTEST_WAIT = 100;
/** ms: what somebody waits for is stale after as long, and whoever waits asks again. */
const PATIENCE = 120_000;
const RANKS = ['trusted', 'urgent', 'link', 'other'] as const;
type Rank = (typeof RANKS)[number];
/** Links and the rest by turns: a crowd of newcomers would keep all else waiting, and news of many nodes all links. */
const ORDER: Record<'link' | 'other', readonly Rank[]> = {
  link: RANKS,
  other: ['trusted', 'urgent', 'other', 'link'],
};

export interface Waiting {
  /** An own need, or that of a trusted peer. */
  readonly trusted: boolean;
  /** Somebody waits for a route. */
  readonly urgent: boolean;
  /** A link may come of it. */
  readonly link?: boolean;
  /** ms on air; undefined where it is of no use any more. */
  readonly price: () => number | undefined;
  /** It is paid for. */
  readonly go: () => void;
  /** It will not be. */
  readonly dropped: () => void;
}

interface Entry {
  readonly since: number;
  readonly waiting: Waiting;
}

export class BudgetLine {
  readonly #budget: RoutingBudget;
  readonly #clock: Clock;
  readonly #counters: Counters;
  readonly #ranks: Record<Rank, Map<string, Entry>> = {
    trusted: new Map(),
    urgent: new Map(),
    link: new Map(),
    other: new Map(),
  };
  /** Of the last two, whose turn it is. */
  #turn: keyof typeof ORDER = 'link';
  #timer: Cancel | undefined;
  #isServing = false;
  #stopped = false;

  constructor(budget: RoutingBudget, clock: Clock, counters: Counters) {
    this.#budget = budget;
    this.#clock = clock;
    this.#counters = counters;
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.();
    for (const waiting of this.#all()) waiting.dropped();
  }

  /**
   * Goes at once, or once there is room; what takes no air waits for none. What waits under the same key gives it its
   * place, where it is of the same rank, and is dropped.
   */
  add(key: string, waiting: Waiting): void {
    const rank = this.#ranks[rankOf(waiting)];
    const before = RANKS.map((r) => this.#ranks[r].get(key)).find((entry) => entry !== undefined);
    if (this.#stopped || (rank.size >= MOST_WAITING && !before)) {
      this.#counters.count('mesh.line-full');
      waiting.dropped();
      return;
    }
    const isFree = waiting.price() === 0;
    for (const r of RANKS) if (isFree || this.#ranks[r] !== rank) this.#ranks[r].delete(key);
    if (isFree) waiting.go();
    else rank.set(key, { since: this.#clock.monotonic(), waiting });
    before?.waiting.dropped();
    this.#serve();
  }

  /** What goes may add more, which has its turn then. */
  #serve(): void {
    if (this.#isServing || this.#stopped) return;
    this.#isServing = true;
    this.#timer?.();
    const timer = this.#sendAffordable();
    const isLeft = RANKS.some((rank) => this.#ranks[rank].size > 0);
    this.#timer = timer ?? (isLeft ? this.#clock.after(SHORTEST_WAIT, () => this.#serve()) : undefined);
    this.#isServing = false;
  }

  /** All that can be paid for goes; gives the timer for what cannot. What is added meanwhile has its turn later. */
  #sendAffordable(): Cancel | undefined {
    for (let left = [...this.#all()].length; left > 0; left--) {
      const first = this.#first();
      if (!first) return undefined;
      const { key, rank, since, waiting } = first;
      const isStale = rank === 'urgent' && this.#clock.monotonic() - since > PATIENCE;
      const price = isStale ? undefined : waiting.price();
      if (price !== undefined && !this.#budget.take(price, waiting.trusted)) {
        const wait = Math.max(this.#budget.waitMs(price, waiting.trusted), SHORTEST_WAIT);
        return this.#clock.after(Math.min(wait, PATIENCE), () => this.#serve());
      }
      this.#ranks[rank].delete(key);
      if (price === undefined) waiting.dropped();
      else {
        if (rank === this.#turn) this.#turn = rank === 'link' ? 'other' : 'link';
        waiting.go();
      }
    }
    return undefined;
  }

  /** Whose turn it is. */
  #first(): (Entry & { readonly key: string; readonly rank: Rank }) | undefined {
    for (const rank of ORDER[this.#turn])
      for (const [key, entry] of this.#ranks[rank]) return { ...entry, key, rank };
    return undefined;
  }

  *#all(): Iterable<Waiting> {
    for (const rank of RANKS) for (const { waiting } of this.#ranks[rank].values()) yield waiting;
  }
}

function rankOf({ link, trusted, urgent }: Waiting): Rank {
  if (trusted) return 'trusted';
  if (urgent) return 'urgent';
  return link ? 'link' : 'other';
}
