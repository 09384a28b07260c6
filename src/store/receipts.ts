/**
 * The receipts this box has given: the secret of every lock it opened, so that what comes again is answered again
 * and not shown again (docs/protocol/store.md, "Trace"). They are kept for months, and hardly ever asked for: in
 * memory is only where each is on the disk.
 */
import { equal } from '../core/bytes.ts';
import { LOCK_LENGTH, SECRET_LENGTH } from '../crypto/lock.ts';
import { counter, fixed, tuple } from '../db/codecs.ts';
import type { Db, Table, Tx } from '../db/db.ts';
import { PrefixIndex } from './prefix-index.ts';

/** Twice the longest ttl: an age that travels can be lied about. */
const KEPT_MS = 60 * 86_400_000;

/** lock, secret, kept until (own time, ms). */
type Row = [lock: Uint8Array, secret: Uint8Array, until: number];

export class GivenReceipts {
  readonly #db: Db;
  readonly #table: Table<number, Row>;
  /** By lock; of what is durable. */
  readonly #numbers = new PrefixIndex();
  #next = 1;

  constructor(db: Db) {
    this.#db = db;
    const value = tuple<Row>(fixed(LOCK_LENGTH), fixed(SECRET_LENGTH), counter);
    this.#table = db.table({ name: 'given-receipt', key: counter, value });
    db.read((tx) => {
      for (const { key, value } of tx.range(this.#table)) {
        this.#numbers.add(value[0], key);
        this.#next = key + 1;
      }
    });
  }

  /** The secret of a lock that was opened here, durably. */
  secretOf(lock: Uint8Array): Uint8Array | undefined {
    const found = this.#numbers.get(lock);
    if (found.length === 0) return undefined;
    const rows = this.#db.read((tx) => found.map((n) => tx.get(this.#table, n)));
    return rows.find((row) => row && equal(row[0], lock))?.[1];
  }

  add(tx: Tx, lock: Uint8Array, secret: Uint8Array, ownTime: number): void {
    const n = this.#next++;
    tx.put(this.#table, n, [lock, secret, Math.floor(ownTime + KEPT_MS)]);
    tx.afterCommit(() => this.#numbers.add(lock, n));
  }

  /** Forgets up to `limit` whose time has passed; they stand in the order they came. */
  expire(tx: Tx, ownTime: number, limit: number): void {
    for (const { key, value } of [...tx.range(this.#table, { limit })]) {
      const [lock, , until] = value;
      if (until > ownTime) return;
      tx.remove(this.#table, key);
      tx.afterCommit(() => this.#numbers.remove(lock, key));
    }
  }
}
