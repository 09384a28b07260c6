/** What routing may use of the air (docs/protocol/mesh.md, "Budget"). */
import type { Clock } from '../core/clock.ts';

const CHANNEL_SHARE = 0.03;
const LEGAL_SHARE = 0.2;
const HOUR_MS = 3_600_000;

export interface BudgetOptions {
  readonly clock: Clock;
  /** How many others share the channel where it is fullest: here, or around any neighbour. */
  readonly neighbours: () => number;
  /** ms on air in an hour; undefined where the region sets no duty cycle. */
  readonly legalMs: number | undefined;
}

/**
 * A token bucket of airtime, an hour deep. Its lower half is there for trusted peers and this box's own needs only:
 * whatever strangers ask for, half of an hour's airtime is left. A frame longer than all there is may go when nothing
 * else has for an hour.
 */
export class RoutingBudget {
  readonly #o: BudgetOptions;
  #left: number;
  #at: number;

  constructor(options: BudgetOptions) {
    this.#o = options;
    this.#at = options.clock.monotonic();
    this.#left = this.#depth;
  }

  /** The part of time that this box may spend: of the channel's, what is left to it by its neighbours' equal shares. */
  get share(): number {
    const { legalMs, neighbours } = this.#o;
    const ofChannel = CHANNEL_SHARE / (neighbours() + 1);
    return legalMs === undefined ? ofChannel : Math.min(ofChannel, (LEGAL_SHARE * legalMs) / HOUR_MS);
  }

  /** Takes `airtimeMs` from the budget, or says that it is spent. */
  take(airtimeMs: number, trusted: boolean): boolean {
    const depth = this.#depth;
    const now = this.#o.clock.monotonic();
    this.#left = Math.min(depth, this.#left + (depth * (now - this.#at)) / HOUR_MS);
    this.#at = now;
    const room = depth * (trusted ? 1 : 0.5);
    if (this.#left - (depth - room) < Math.min(airtimeMs, room)) return false;
    this.#left -= airtimeMs;
    return true;
  }

  get #depth(): number {
    return this.share * HOUR_MS;
  }
}

/** Answers to the handshakes of strangers: 2 % of the legal airtime, a few of them at once. */
export class StrangerBudget {
  readonly #clock: Clock;
  readonly #legalShare: number;
  #left: number | undefined;
  #at: number;

  constructor(clock: Clock, legalMs: number | undefined) {
    this.#clock = clock;
    this.#legalShare = (legalMs ?? HOUR_MS) / HOUR_MS;
    this.#at = clock.monotonic();
  }

  take(airtimeMs: number): boolean {
    const rate = STRANGER_SHARE * this.#legalShare;
    const depth = Math.max(rate * HOUR_MS, STRANGERS_AT_ONCE * airtimeMs);
    const now = this.#clock.monotonic();
    this.#left = Math.min(depth, (this.#left ?? depth) + rate * (now - this.#at));
    this.#at = now;
    if (this.#left < airtimeMs) return false;
    this.#left -= airtimeMs;
    return true;
  }
}

const STRANGER_SHARE = 0.02;
const STRANGERS_AT_ONCE = 4;
