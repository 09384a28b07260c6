/**
 * For how long how much was held for whom (docs/protocol/store.md, "Mailboxes"), by giver and recipient: leases know
 * the givers that are strangers, this knows for whom it was. Durable, and written in the commits by which objects go.
 */
import { counter, fixed, tuple } from '../db/codecs.ts';
import type { Db, ReadTx, Table, Tx } from '../db/db.ts';
import { NODE_ID_LENGTH, type NodeId, nodeIdFrom } from '../identity/node-id.ts';
import type { Holding } from './holding.ts';

/** Pairs of giver and recipient that are kept apart; what came later than these is not reckoned. */
const MOST_ACCOUNTS = 4_096;

export interface StorageAccount {
  /** The neighbour that handed the objects over. */
  readonly giver: NodeId;
  readonly recipient: NodeId;
  /** Objects let go so far. */
  readonly objects: number;
  /** Sum over these of bytes × milliseconds of own time held. */
  readonly byteMs: number;
}

export class StorageTime {
  readonly #accounts: Table<readonly [Uint8Array, Uint8Array], readonly [number, number]>;
  #count = 0;

  constructor(db: Db) {
    this.#accounts = db.table({
      name: 'storage-time',
      key: tuple<[Uint8Array, Uint8Array]>(fixed(NODE_ID_LENGTH), fixed(NODE_ID_LENGTH)),
      value: tuple<[number, number]>(counter, counter),
    });
    db.read((tx) => {
      for (const _ of tx.range(this.#accounts)) this.#count++;
    });
  }

  /** An object leaves the state in which it was since `before.since`; counts where it was held for somebody. */
  left(tx: Tx, { from, recipient, since, size, trace }: Holding, now: number): void {
    if (trace.state !== 'held' || !from) return;
    const before = tx.get(this.#accounts, [from, recipient]);
    if (!before && this.#count >= MOST_ACCOUNTS) return;
    const [objects, byteMs] = before ?? [0, 0];
    const more = Math.round(size * Math.max(0, now - since));
    const sum = Math.min(byteMs + more, Number.MAX_SAFE_INTEGER);
    tx.put(this.#accounts, [from, recipient], [objects + 1, sum]);
    if (!before) tx.afterCommit(() => this.#count++);
  }

  all(tx: ReadTx): readonly StorageAccount[] {
    return Array.from(tx.range(this.#accounts), ({ key: [giver, recipient], value: [objects, byteMs] }) => ({
      giver: nodeIdFrom(giver.slice()),
      recipient: nodeIdFrom(recipient.slice()),
      objects,
      byteMs,
    }));
  }
}
