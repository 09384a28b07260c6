/** Looks again at objects after minutes and hours: one table for all, swept every minute, and no timer for any. */
import { NumberMap } from './number-map.ts';

const MINUTE = 60_000;

/** One time for each number; the newest counts. Times are ms of any one clock. */
export class Reminders {
  /** In minutes, rounded up. */
  readonly #due = new NumberMap();
  #swept: number;

  constructor(now: number) {
    this.#swept = Math.floor(now / MINUTE);
  }

  set(n: number, at: number): void {
    this.#due.set(n, Math.max(Math.ceil(at / MINUTE), this.#swept + 1));
  }

  clear(n: number): void {
    this.#due.delete(n);
  }

  /** Takes out all whose time has come, the earliest first; to be called about every minute. */
  takeDue(now: number): number[] {
    this.#swept = Math.max(this.#swept, Math.floor(now / MINUTE));
    const due: (readonly [n: number, minute: number])[] = [];
    for (const entry of this.#due.entries()) if (entry[1] <= this.#swept) due.push(entry);
    due.sort(([n, a], [m, b]) => a - b || n - m);
    for (const [n] of due) this.#due.delete(n);
    return due.map(([n]) => n);
  }
}
