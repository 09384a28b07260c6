/** When what did not get across is tried again (docs/protocol/store.md, "Handing over"): pure bookkeeping. */
import type { RefusalReason } from './exchange-records.ts';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const FIRST_MS = MINUTE;
const LONGEST_MS = 60 * MINUTE;
/** `no-route`, `seen` and `policy` will not be otherwise for a while. */
const DECIDED_MS = 30 * MINUTE;
/** A sign of life ends a pause after silence, this long after the last try. */
const HEARD_MS = 15 * SECOND;

export type Failure =
  | { readonly kind: 'silent' }
  | { readonly kind: 'refuse'; readonly reason: RefusalReason };

interface Pause {
  readonly fails: number;
  readonly from: number;
  readonly until: number;
  readonly silent: boolean;
}

/** Pauses by name; times in ms of one monotonic clock. */
export class Backoff {
  readonly #pauses = new Map<string, Pause>();

  /** Notes a failure and gives the pause that follows it: 1 min doubling to 1 h, or T0 after a decision. */
  fail(key: string, failure: Failure, now: number): number {
    const fails = (this.#pauses.get(key)?.fails ?? 0) + 1;
    const decided = failure.kind === 'refuse' && failure.reason !== 'full' && failure.reason !== 'busy';
    const ms = decided ? DECIDED_MS : Math.min(LONGEST_MS, FIRST_MS * 2 ** (fails - 1));
    this.#pauses.set(key, { fails, from: now, until: now + ms, silent: failure.kind === 'silent' });
    return ms;
  }

  clear(key: string): void {
    this.#pauses.delete(key);
  }

  waits(key: string, now: number): boolean {
    return now < (this.#pauses.get(key)?.until ?? Number.NEGATIVE_INFINITY);
  }

  /** A sign of life came; the count of failures stays, so that a neighbour that is heard but deaf is not pestered. */
  heard(key: string, now: number): void {
    const pause = this.#pauses.get(key);
    if (pause?.silent && now >= pause.from + HEARD_MS) this.#pauses.set(key, { ...pause, until: now });
  }
}
