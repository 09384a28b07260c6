/**
 * Counters that never give a number twice, whatever happens to the box: blocks of numbers are reserved durably ahead,
 * and a number is only given out of a reserved block. A crash skips the rest of the block. Blocks are reserved in two
 * places, the database and a mark beside it, and the higher counts: the counter outlives either.
 */

import { messageOf } from '../core/errors.ts';
import { counter, text } from './codecs.ts';
import { type Db, StorageFailed, type Table, type TableSpec } from './db.ts';

/** First number that is not reserved, by the counter's name. */
const COUNTERS: TableSpec<string, number> = { name: 'counters', key: text, value: counter };

const DEFAULT_BLOCK = 1024;

export class PersistedCounter {
  readonly #db: Db;
  readonly #table: Table<string, number>;
  readonly #name: string;
  readonly #block: number;
  #next: number;
  /** Durable. */
  #reservedTo: number;
  #reserving: Promise<void> | undefined;
  /** Why the latest block could not be reserved. */
  #refusal: unknown;

  private constructor(db: Db, table: Table<string, number>, name: string, block: number, start: number) {
    this.#db = db;
    this.#table = table;
    this.#name = name;
    this.#block = block;
    this.#next = start;
    this.#reservedTo = start;
  }

  /**
   * Opens the counter `name`, whose first number ever is 0, with its first block of `block` numbers reserved.
   * Rejects with `StorageFailed`.
   */
  static async open(db: Db, name: string, block = DEFAULT_BLOCK): Promise<PersistedCounter> {
    const table = db.table(COUNTERS);
    const start = Math.max(db.read((tx) => tx.get(table, name)) ?? 0, db.marks.get(name));
    const opened = new PersistedCounter(db, table, name, block, start);
    await opened.ready();
    return opened;
  }

  /**
   * The next number, in increasing order. Throws `StorageFailed` where the reserved ones are used up and the disk
   * has not taken more yet, so that a caller that can wait awaits `ready` first.
   */
  next(): number {
    // early enough that the disk is done before the block is used up
    if (this.#reservedTo - this.#next <= this.#block / 2) void this.#reserve();
    if (this.#next >= this.#reservedTo) {
      throw (
        this.#refusal ??
        new StorageFailed('io', `The disk is too slow for the counter ${this.#name}: check the disk or card.`)
      );
    }
    return this.#next++;
  }

  /** Gives no number below `n` any more; resolves once that is durable. Rejects with `StorageFailed`. */
  async skipTo(n: number): Promise<void> {
    while (this.#reserving) await this.#reserving;
    if (n > this.#reservedTo) await this.#reserve(n);
    if (n > this.#reservedTo) throw this.#refusal;
    this.#next = Math.max(this.#next, n);
  }

  /** Resolves once `next` has a number; rejects with `StorageFailed`. */
  async ready(): Promise<void> {
    while (this.#next >= this.#reservedTo) {
      await this.#reserve();
      if (this.#next >= this.#reservedTo && this.#refusal) throw this.#refusal;
    }
  }

  /** Reserves a block from `from` on unless one is being reserved; never rejects. */
  #reserve(from = this.#reservedTo): Promise<void> {
    this.#reserving ??= this.#reserveBlock(from).finally(() => {
      this.#reserving = undefined;
    });
    return this.#reserving;
  }

  async #reserveBlock(from: number): Promise<void> {
    await null; // `next` may be called within another commit
    const to = from + this.#block;
    try {
      await this.#db.commit((tx) => tx.put(this.#table, this.#name, to), { housekeeping: true });
      await this.#db.marks.set(this.#name, to).catch((cause: unknown) => {
        throw markFailed(cause);
      });
      this.#reservedTo = to;
      this.#refusal = undefined;
    } catch (e) {
      this.#refusal = e;
    }
  }
}

function markFailed(cause: unknown): StorageFailed {
  const what = `The disk of the state directory fails (${messageOf(cause)}): check the disk or card.`;
  return new StorageFailed('io', what, { cause });
}
