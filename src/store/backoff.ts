/** When a neighbour that did not take something is tried again (docs/protocol/store.md): pure bookkeeping. */

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const FIRST_MS = MINUTE;
/** Who is heard and does not answer for hours hardly hears this box: each attempt takes six frames of the channel. */
const LONGEST_MS = { full: 60 * MINUTE, silent: 480 * MINUTE } as const;
/** A first pause after silence: so many times what a message and its answer take, within these bounds, ms. */
const PAUSE_EXCHANGES = 20;
const LEAST_FIRST_MS = 5 * SECOND;
/** A sign of life ends a pause after silence, but not before this part of the pause that it began with is over. */
const HEARD_PART = 0.25;
/** Names are free to make: beyond so many the one that failed longest ago is forgotten. */
const MOST = 4096;

/** `full`: it has said so, and a sign of life says nothing else. */
export type Failure = 'silent' | 'full';

interface Pause {
  readonly fails: number;
  readonly from: number;
  readonly ms: number;
  readonly until: number;
  readonly failure: Failure;
}

/** Pauses by name, the latest failure last; times in ms of one monotonic clock. */
export class Backoff {
  readonly #pauses = new Map<string, Pause>();

  /** Notes a failure and gives the pause that follows it: `firstMs` doubling to 1 h where it was full, else to 8 h. */
  fail(key: string, failure: Failure, now: number, firstMs = FIRST_MS): number {
    const fails = (this.#pauses.get(key)?.fails ?? 0) + 1;
    const ms = Math.min(LONGEST_MS[failure], firstMs * 2 ** (fails - 1));
    this.#pauses.delete(key);
    this.#pauses.set(key, { fails, from: now, ms, until: now + ms, failure });
    const [oldest] = this.#pauses.keys();
    if (this.#pauses.size > MOST && oldest !== undefined) this.#pauses.delete(oldest);
    return ms;
  }

  clear(key: string): void {
    this.#pauses.delete(key);
  }

  /** Failures in a row. */
  failures(key: string): number {
    return this.#pauses.get(key)?.fails ?? 0;
  }

  /** ms that the pause still lasts, or 0. */
  waitMs(key: string, now: number): number {
    return Math.max(0, (this.#pauses.get(key)?.until ?? now) - now);
  }

  /** A sign of life came; the count of failures stays, so that a neighbour that is heard but deaf is not pestered. */
  heard(key: string, now: number): void {
    const pause = this.#pauses.get(key);
    if (pause?.failure !== 'silent' || now >= pause.until) return;
    if (now >= pause.from + HEARD_PART * pause.ms) this.#pauses.set(key, { ...pause, until: now });
  }
}

/** The first pause after silence where a message and its answer take so long, ms; over a wire they take no time. */
export function firstPause(exchangeMs: number | undefined): number {
  return Math.min(FIRST_MS, Math.max(LEAST_FIRST_MS, PAUSE_EXCHANGES * (exchangeMs ?? 0)));
}
