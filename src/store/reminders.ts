/** Looks again at objects after minutes and hours: one bucket a minute, so that hundreds of thousands cost no timers. */

const MINUTE = 60_000;

/** One time for each number; the newest counts. Times are ms of any one clock. */
export class Reminders {
  readonly #at = new Map<number, number>();
  readonly #buckets = new Map<number, Set<number>>();
  #swept: number;

  constructor(now: number) {
    this.#swept = Math.floor(now / MINUTE);
  }

  set(n: number, at: number): void {
    this.clear(n);
    const minute = Math.max(Math.ceil(at / MINUTE), this.#swept + 1);
    this.#at.set(n, minute);
    const bucket = this.#buckets.get(minute);
    if (bucket) bucket.add(n);
    else this.#buckets.set(minute, new Set([n]));
  }

  clear(n: number): void {
    const minute = this.#at.get(n);
    if (minute === undefined) return;
    this.#at.delete(n);
    this.#buckets.get(minute)?.delete(n);
  }

  /** Takes out all whose time has come; to be called about every minute. */
  takeDue(now: number): number[] {
    const due: number[] = [];
    const last = Math.floor(now / MINUTE);
    for (; this.#swept < last; this.#swept++) {
      const minute = this.#swept + 1;
      for (const n of this.#buckets.get(minute) ?? []) {
        this.#at.delete(n);
        due.push(n);
      }
      this.#buckets.delete(minute);
    }
    return due;
  }
}
