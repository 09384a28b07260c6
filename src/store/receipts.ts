/**
 * The receipts this box has given: the secret of every lock it opened, so that what comes again is answered again
 * and not shown again (docs/protocol/store.md, "Trace").
 */
import { toHex } from '../core/bytes.ts';
import { LOCK_LENGTH, SECRET_LENGTH } from '../crypto/lock.ts';
import { counter, fixed, tuple } from '../db/codecs.ts';
import type { Db, Table, Tx } from '../db/db.ts';

/** Twice the longest ttl: an age that travels can be lied about. */
const KEPT_MS = 60 * 86_400_000;

/** lock, secret, kept until (own time, ms). */
type Row = [lock: Uint8Array, secret: Uint8Array, until: number];

export class GivenReceipts {
  readonly #table: Table<number, Row>;
  readonly #secrets = new Map<string, Uint8Array>();
  #next = 1;

  constructor(db: Db) {
    const value = tuple<Row>(fixed(LOCK_LENGTH), fixed(SECRET_LENGTH), counter);
    this.#table = db.table({ name: 'given-receipt', key: counter, value });
    db.read((tx) => {
      for (const { key, value } of tx.range(this.#table)) {
        this.#secrets.set(toHex(value[0]), value[1]);
        this.#next = key + 1;
      }
    });
  }

  /** The secret of a lock that was opened here, durably. */
  secretOf(lock: Uint8Array): Uint8Array | undefined {
    return this.#secrets.get(toHex(lock));
  }

  add(tx: Tx, lock: Uint8Array, secret: Uint8Array, ownTime: number): void {
    tx.put(this.#table, this.#next++, [lock, secret, Math.floor(ownTime + KEPT_MS)]);
    tx.afterCommit(() => this.#secrets.set(toHex(lock), secret));
  }

  /** Forgets up to `limit` whose time has passed; they stand in the order they came. */
  expire(tx: Tx, ownTime: number, limit: number): void {
    for (const { key, value } of [...tx.range(this.#table, { limit })]) {
      const [lock, , until] = value;
      if (until > ownTime) return;
      tx.remove(this.#table, key);
      tx.afterCommit(() => this.#secrets.delete(toHex(lock)));
    }
  }
}
