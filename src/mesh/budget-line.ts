/**
 * What waits until the routing budget has room for it (docs/protocol/mesh.md, "Budget"): this box's own needs first,
 * then what somebody waits for now, then the announces that are sought, then the rest; of each the oldest. Nothing
 * overtakes, so that a long frame is not put off for ever by short ones.
 */
import type { Cancel, Clock } from '../core/clock.ts';
import type { Counters } from '../core/counters.ts';
import type { RoutingBudget } from './routing-budget.ts';

/** Of each rank. */
const MOST_WAITING = 128;
/** ms */
const SHORTEST_WAIT = 100;
/** ms: what is wanted now is stale after as long, and whoever waits asks again. */
const PATIENCE = 120_000;
const RANKS = ['trusted', 'now', 'sought', 'other'] as const;

export interface Waiting {
  /** An own need, or that of a trusted peer. */
  readonly trusted: boolean;
  /**
   * `now`: a question or an answer that somebody waits for. `sought`: without it there is no route to a node that
   * somebody solicits, however late it comes.
   */
  readonly need: 'now' | 'sought' | 'other';
  /** ms on air; undefined where it is of no use any more. */
  readonly price: () => number | undefined;
  /** It is paid for. */
  readonly go: () => void;
  /** It will not be. */
  readonly dropped: () => void;
}

export class BudgetLine {
  readonly #budget: RoutingBudget;
  readonly #clock: Clock;
  readonly #counters: Counters;
  readonly #ranks: Record<
    (typeof RANKS)[number],
    Map<string, { readonly since: number; readonly waiting: Waiting }>
  > = {
    trusted: new Map(),
    now: new Map(),
    sought: new Map(),
    other: new Map(),
  };
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

  /** Goes at once, or once there is room. What waits under the same key gives it its place, and is dropped. */
  add(key: string, waiting: Waiting): void {
    const rank = this.#ranks[waiting.trusted ? 'trusted' : waiting.need];
    const before = this.#remove(key);
    if (this.#stopped || (rank.size >= MOST_WAITING && !before)) {
      this.#counters.count('mesh.line-full');
      waiting.dropped();
      return;
    }
    rank.set(key, { since: this.#clock.monotonic(), waiting });
    before?.dropped();
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

  /** All that can be paid for goes; gives the timer for what cannot. */
  #sendAffordable(): Cancel | undefined {
    for (const rank of RANKS)
      for (const [key, { since, waiting }] of this.#ranks[rank]) {
        const isStale = rank === 'now' && this.#clock.monotonic() - since > PATIENCE;
        const price = isStale ? undefined : waiting.price();
        if (price !== undefined && !this.#budget.take(price, waiting.trusted)) {
          const wait = Math.max(this.#budget.waitMs(price, waiting.trusted), SHORTEST_WAIT);
          return this.#clock.after(Math.min(wait, PATIENCE), () => this.#serve());
        }
        this.#ranks[rank].delete(key);
        if (price === undefined) waiting.dropped();
        else waiting.go();
      }
    return undefined;
  }

  #remove(key: string): Waiting | undefined {
    for (const rank of RANKS) {
      const known = this.#ranks[rank].get(key)?.waiting;
      if (this.#ranks[rank].delete(key)) return known;
    }
    return undefined;
  }

  *#all(): Iterable<Waiting> {
    for (const rank of RANKS) for (const { waiting } of this.#ranks[rank].values()) yield waiting;
  }
}
