/**
 * Handshakes over connections that nobody trusted has proven (docs/protocol/link.md, "The LAN"). Each costs this box
 * milliseconds and whoever asks for it next to nothing, so all of them together get so many a second, and wait for
 * them in one line, in which each connection has one place: however many one sends, the others are behind it once.
 */
import type { Cancel, Clock } from '../core/clock.ts';
import type { Counters } from '../core/counters.ts';

/** At 1.5 ms each on a desktop and some 15 on a small board, a seventh of its time. */
const PER_SECOND = 10;
/** After a quiet second: a box that starts meets all the others at once. */
const AT_ONCE = 10;

export class Newcomers {
  readonly #clock: Clock;
  readonly #counters: Counters;
  /** By connection; the one that waits longest first. */
  readonly #waiting = new Map<string, () => void>();
  #left = AT_ONCE;
  #at: number;
  #timer: Cancel | undefined;

  constructor(clock: Clock, counters: Counters) {
    this.#clock = clock;
    this.#counters = counters;
    this.#at = clock.monotonic();
  }

  /** Does what was asked for by the connection `via` once it is its turn; the last of what it asks for until then. */
  enter(via: string, work: () => void): void {
    if (this.#waiting.has(via)) this.#counters.count('link.refused.too-many-handshakes');
    this.#waiting.set(via, work);
    this.#serve();
  }

  /** The connection has ended. */
  ended(via: string): void {
    this.#waiting.delete(via);
  }

  stop(): void {
    this.#timer?.();
    this.#waiting.clear();
  }

  #serve(): void {
    const now = this.#clock.monotonic();
    this.#left = Math.min(AT_ONCE, this.#left + ((now - this.#at) * PER_SECOND) / 1000);
    this.#at = now;
    for (const [via, work] of this.#waiting) {
      if (this.#left < 1) break;
      this.#left--;
      this.#waiting.delete(via);
      work();
    }
    if (this.#waiting.size === 0) return;
    // whole ms: what is a hair too early would look again and again without time going on
    const wait = Math.ceil(((1 - this.#left) * 1000) / PER_SECOND);
    this.#timer ??= this.#clock.after(Math.max(wait, 1), () => {
      this.#timer = undefined;
      this.#serve();
    });
  }
}
