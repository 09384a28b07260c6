/**
 * Whether a receiver still hears. A processor's watchdog never misses a deaf radio: all its registers look healthy.
 * What gives it away is silence, sooner where not even the noise it measures moves.
 */

/** Nothing heard and the same noise measured all the time. */
const FROZEN_MS = 10 * 60_000;
/** Nothing heard, although the noise moves: a box alone in its valley, or a deaf one. */
const SILENT_MS = 60 * 60_000;
/** A silence that a reset does not end is the valley's: each one is taken for deafness twice as late, up to this often. */
const MOST_DOUBLINGS = 5;

export class Hearing {
  #heardAt: number;
  #movedAt: number;
  #reading: number | undefined;
  #doublings = 0;

  /** Times are of `Clock.monotonic()`, ms. */
  constructor(now: number) {
    this.#heardAt = now;
    this.#movedAt = now;
  }

  /** A header or a packet, intact or not. */
  heard(now: number): void {
    this.#heardAt = now;
    this.#doublings = 0;
  }

  /** Takes a raw reading of the noise; true, once, where the receiver is to be reset. */
  deaf(rawRssi: number, now: number): boolean {
    if (rawRssi !== this.#reading) this.#movedAt = now;
    this.#reading = rawRssi;
    const patience = 2 ** this.#doublings;
    const silentMs = now - this.#heardAt;
    const frozenMs = Math.min(silentMs, now - this.#movedAt);
    if (silentMs < patience * SILENT_MS && frozenMs < patience * FROZEN_MS) return false;
    this.#doublings = Math.min(this.#doublings + 1, MOST_DOUBLINGS);
    this.#heardAt = now;
    return true;
  }
}
