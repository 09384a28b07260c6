/** When which object goes (docs/protocol/store.md, "On disk"): a table by time, so that no object has a timer. */
import { EMPTY } from '../core/bytes.ts';
import { minutesOf } from '../core/log-byte.ts';
import { counter, fixed, tuple, u32 } from '../db/codecs.ts';
import type { Db, ReadTx, Table, Tx } from '../db/db.ts';
import type { Holding } from './holding.ts';

const MINUTE = 60_000;
const DAY_MINUTES = 24 * 60;

/** Minute of own time, and the object's number. */
export type ExpiryKey = readonly [minute: number, n: number];

export class Expiry {
  readonly #table: Table<ExpiryKey, Uint8Array>;

  constructor(db: Db) {
    this.#table = db.table({ name: 'expiry', key: tuple<[number, number]>(u32, counter), value: fixed(0) });
  }

  add(tx: Tx, key: ExpiryKey): void {
    tx.put(this.#table, key, EMPTY);
  }

  remove(tx: Tx, key: ExpiryKey): void {
    tx.remove(this.#table, key);
  }

  /** Up to `limit` of those whose time is over by `now` (own time, ms), the first first. */
  due(tx: ReadTx, now: number, limit: number): readonly ExpiryKey[] {
    const to: ExpiryKey = [Math.floor(now / MINUTE) + 1, 0];
    return Array.from(tx.range(this.#table, { to, limit }), ({ key }) => key);
  }

  /** The highest number that expires; 0: none. */
  highest(tx: ReadTx): number {
    let highest = 0;
    for (const { key } of tx.range(this.#table)) highest = Math.max(highest, key[1]);
    return highest;
  }
}

/**
 * The minute in which it has ended for certain; of what lives a day and longer the end of that hour, so that few keys
 * are written to many.
 */
export function expiryKey(n: number, { expiresAt, ttl }: Holding): ExpiryKey {
  const step = (minutesOf(ttl) ?? 0) < DAY_MINUTES ? 1 : 60;
  return [Math.ceil(expiresAt / (step * MINUTE)) * step, n];
}
