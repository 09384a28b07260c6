/** What beacons, announces and solicits may use of the channel (docs/protocol/mesh.md, "Budget"). */
import type { Clock } from '../core/clock.ts';

const SHARE = 0.03;
const HOUR_MS = 3_600_000;

/** A token bucket of airtime: 3 % of an hour deep, refilled at 3 % of time. */
export class RoutingBudget {
  readonly #clock: Clock;
  #left = SHARE * HOUR_MS;
  #at: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#at = clock.monotonic();
  }

  /** Takes `airtimeMs` from the budget, or says that it is spent. */
  take(airtimeMs: number): boolean {
    const now = this.#clock.monotonic();
    this.#left = Math.min(SHARE * HOUR_MS, this.#left + SHARE * (now - this.#at));
    this.#at = now;
    if (airtimeMs > this.#left) return false;
    this.#left -= airtimeMs;
    return true;
  }
}
