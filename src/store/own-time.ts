/** Own time: a persisted mark plus the monotonic clock since boot (docs/protocol/README.md, rule 5). */
import { type Cancel, type Clock, every } from '../core/clock.ts';
import { counter, text } from '../db/codecs.ts';
import type { Db, Table, Tx } from '../db/db.ts';

const MINUTE = 60_000;
const SAVE_EVERY_MS = 10 * MINUTE;

/** Milliseconds of running time, never going back; what ran after the last mark is lost with the power. */
export class OwnTime {
  readonly #db: Db;
  readonly #clock: Clock;
  readonly #table: Table<string, number>;
  readonly #base: number;
  readonly #startedAt: number;
  #markedAt: number;

  constructor(db: Db, clock: Clock) {
    this.#db = db;
    this.#clock = clock;
    this.#table = db.table({ name: 'own-time', key: text, value: counter });
    this.#base = db.read((tx) => tx.get(this.#table, 'mark')) ?? 0;
    this.#startedAt = clock.monotonic();
    this.#markedAt = this.#base;
  }

  now(): number {
    return this.#base + (this.#clock.monotonic() - this.#startedAt);
  }

  /** Saves the mark with a commit that is made anyway, at most once a minute. */
  mark(tx: Tx): void {
    const now = this.now();
    if (now - this.#markedAt < MINUTE) return;
    this.#markedAt = now;
    tx.put(this.#table, 'mark', Math.floor(now));
  }

  /** Saves the mark by itself where nothing else was committed for ten minutes. */
  keep(): Cancel {
    return every(this.#clock, SAVE_EVERY_MS, async () => {
      if (this.#db.failed || this.now() - this.#markedAt < SAVE_EVERY_MS - MINUTE) return;
      await this.#db.commit((tx) => this.mark(tx), { housekeeping: true }).catch(() => {}); // the database tells of its failure itself
    });
  }
}
