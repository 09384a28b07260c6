/**
 * The steps of the own chain that mailboxes hold, and may have released (docs/protocol/mesh.md, "Standing in"): on
 * disk before they are handed out, so that a node that was away resumes beyond them.
 */
import { counter, text } from '../db/codecs.ts';
import { type Db, isDurable, type Table } from '../db/db.ts';
import type { Order, OwnFreshness } from './freshness.ts';

const KEY = 'newest';

export class HandedSteps {
  readonly #db: Db;
  readonly #freshness: OwnFreshness;
  readonly #table: Table<string, number>;
  #newest: Order;

  constructor(db: Db, freshness: OwnFreshness) {
    this.#db = db;
    this.#freshness = freshness;
    this.#table = db.table({ name: 'handed-steps', key: text, value: counter });
    this.#newest = db.read((tx) => tx.get(this.#table, KEY)) ?? 0;
  }

  /** A step for a mailbox; undefined where the disk does not take it. */
  async next(): Promise<Uint8Array | undefined> {
    const { order, value } = this.#freshness.ahead();
    if (order > this.#newest && !(await this.#write(order))) return undefined;
    return value;
  }

  /** The order of a value ahead of this node's own, which only a mailbox can have released; undefined for any other. */
  orderOf(value: Uint8Array): Order | undefined {
    return this.#newest > this.#freshness.order ? this.#freshness.orderAhead(value, this.#newest) : undefined;
  }

  /** Goes on beyond an order that a mailbox has released; false where it cannot have, or the disk does not take it. */
  async resumeBeyond(order: Order): Promise<boolean> {
    return order <= this.#newest && this.#freshness.resumeBeyond(order);
  }

  async #write(order: Order): Promise<boolean> {
    if (!(await isDurable(this.#db.commit((tx) => tx.put(this.#table, KEY, order))))) return false;
    this.#newest = Math.max(order, this.#newest);
    return true;
  }
}
