/**
 * What was sent in the last hour, exactly: airtime in whole microseconds against one allowance. A transmission counts
 * in full until an hour after its end, so no hour that anyone lays over the record holds more than the allowance.
 */

export const HOUR_MS = 3_600_000;

export interface Spent {
  /** When it ended, ms on the clock of the ledger. */
  readonly at: number;
  readonly micros: number;
}

/** Whole microseconds, never too few. */
export function microsOf(ms: number): number {
  // symbol times are multiples of 1/1000 µs at every bandwidth; what is less is rounding of the arithmetic
  return Math.ceil(ms * 1000 - 1e-3);
}

export class Ledger {
  /** By time. Those before `#first` have expired. */
  #entries: Spent[] = [];
  #first = 0;
  #micros = 0;

  /** `at` never before an earlier entry's. */
  add(entry: Spent): void {
    const last = this.#entries.at(-1);
    if (last && last.at > entry.at) throw new Error('transmissions are entered in their order');
    this.#entries.push(entry);
    this.#micros += entry.micros;
    // whoever only adds, since nothing is scarce, must not gather the entries of years
    this.#expire(entry.at);
  }

  /** Entries that are kept. */
  get size(): number {
    return this.#entries.length;
  }

  /** µs spent within the hour before `now`. */
  spent(now: number): number {
    this.#expire(now);
    return this.#micros;
  }

  /** The earliest time from `now` on at which no more than `micros` is spent within the hour before. */
  whenAtMost(micros: number, now: number): number {
    this.#expire(now);
    let left = this.#micros;
    let at = now;
    for (let i = this.#first; left > micros; i++) {
      const entry = this.#entries[i] as Spent;
      left -= entry.micros;
      at = entry.at + HOUR_MS;
    }
    return at;
  }

  /**
   * The entries of the hour before `now`, neighbours merged up to `chunk` µs and dated by the later one: as much is
   * spent, and none of it expires earlier.
   */
  summary(now: number, chunk: number): Spent[] {
    this.#expire(now);
    const merged: Spent[] = [];
    for (const entry of this.#entries.slice(this.#first)) {
      const last = merged.at(-1);
      if (last && last.micros + entry.micros <= chunk)
        merged.splice(-1, 1, { at: entry.at, micros: last.micros + entry.micros });
      else merged.push(entry);
    }
    return merged;
  }

  #expire(now: number): void {
    for (let e = this.#entries[this.#first]; e && e.at + HOUR_MS <= now; e = this.#entries[++this.#first])
      this.#micros -= e.micros;
    if (this.#first > 1000 && 2 * this.#first > this.#entries.length) {
      this.#entries = this.#entries.slice(this.#first);
      this.#first = 0;
    }
  }
}
