/**
 * What of a node's links outlives a restart (docs/protocol/link.md, "After a restart"): rows in one table, which
 * sessions and shared frames write and read for themselves. A change is saved within two seconds, all changes in one
 * commit; what only moved on (receive windows, the age of all) with the next save, every ten minutes at least. A disk
 * that fails is no failure of the link, which is then not restored.
 */
import { decode, equal, type Reader, Writer } from '../core/bytes.ts';
import { type Cancel, type Clock, every } from '../core/clock.ts';
import type { Counters } from '../core/counters.ts';
import { wipe } from '../crypto/secret.ts';
import { bytes, text } from '../db/codecs.ts';
import { type Db, isDurable, type Table, type TableSpec } from '../db/db.ts';
import { NODE_ID_LENGTH, type NodeId } from '../identity/node-id.ts';
import { Epochs } from './epochs.ts';

const SAVE_WITHIN = 2_000;
const SAVE_EVERY = 600_000;
/** A neighbourhood with all its members. */
const LONGEST_ROW = 1024;

/** Exported for those who look at what is on the disk. */
export const LINKS: TableSpec<string, Uint8Array> = {
  name: 'link.memory',
  key: text,
  value: bytes(LONGEST_ROW),
};

/** The row that says whose links these are and for how long the node had run, in ms, when they were saved. */
const HEAD = 'head';

export interface LinkEpochs {
  readonly sessions: Epochs;
  readonly shared: Epochs;
}

/** Draws this start's epochs. Rejects with `StorageFailed`. */
export async function openLinkEpochs(db: Db): Promise<LinkEpochs> {
  const [sessions, shared] = await Promise.all([
    Epochs.open(db, 'session-epochs'),
    Epochs.open(db, 'shared-epochs'),
  ]);
  return { sessions, shared };
}

export interface LinkMemoryOptions {
  readonly db: Db;
  readonly self: NodeId;
  readonly epochs: LinkEpochs;
  readonly clock: Clock;
  readonly counters: Counters;
}

/** Whatever has rows here. */
export interface Kept {
  /** What the names of its rows begin with. */
  readonly prefix: string;
  /** All that is worth keeping now, by the rest of the name. The bytes are wiped once they are written. */
  rows(now: number): Iterable<readonly [name: string, row: Uint8Array]>;
}

export class LinkMemory {
  readonly epochs: LinkEpochs;
  readonly #o: LinkMemoryOptions;
  readonly #table: Table<string, Uint8Array>;
  readonly #kept: Kept[] = [];
  readonly #startedAt: number;
  /** ms that the node had run before this start, as far as it was saved; undefined where nothing can be restored. */
  readonly #ranBefore: number | undefined;
  readonly #periodic: Cancel;
  #soon: Cancel | undefined;
  #closing: Promise<void> | undefined;

  constructor(options: LinkMemoryOptions) {
    this.#o = options;
    this.epochs = options.epochs;
    this.#table = options.db.table(LINKS);
    this.#startedAt = options.clock.monotonic();
    const rows = this.#rows();
    const { sessions, shared } = options.epochs;
    const head = sessions.continued && shared.continued ? rows.get(HEAD) : undefined;
    this.#ranBefore = head && decode(head, (r) => readHead(r, options.self));
    if (this.#ranBefore === undefined) this.#refused(rows.size);
    wipe(...rows.values());
    this.#periodic = every(options.clock, SAVE_EVERY, () => this.#save());
  }

  /**
   * What `read` makes of the rows of `prefix` that were there at the start; those it gives undefined for, or that are
   * not read to their end, are dropped and counted. The bytes are wiped afterwards.
   */
  restore<T>(prefix: string, read: (r: Reader) => T | undefined): T[] {
    if (this.#ranBefore === undefined) return [];
    const restored: T[] = [];
    const rows = this.#rows();
    for (const [name, row] of rows) {
      if (!name.startsWith(prefix)) continue;
      const value = decode(row, read);
      if (value === undefined) this.#refused(1);
      else restored.push(value);
    }
    wipe(...rows.values());
    return restored;
  }

  /** Saves the rows of `kept` from now on. Rows that nobody keeps are removed. */
  keep(kept: Kept): void {
    this.#kept.push(kept);
    this.changed();
  }

  /** Something came about, ended, or got another key: saves soon. */
  changed(): void {
    if (this.#closing) return;
    this.#soon ??= this.#o.clock.after(SAVE_WITHIN, () => void this.#save());
  }

  /** ms that the node had run at `at` of this start's `Clock.monotonic()`: what a row says a time in. */
  stampOf(at: number): bigint {
    return BigInt(Math.max(0, Math.floor((this.#ranBefore ?? 0) + at - this.#startedAt)));
  }

  /** `Clock.monotonic()` of a stamp; undefined for one that had not come when it was saved. */
  timeOf(stamp: bigint): number | undefined {
    const before = this.#ranBefore ?? 0;
    return stamp <= BigInt(before) ? this.#startedAt + Number(stamp) - before : undefined;
  }

  /** Saves everything; later changes are not saved. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#periodic();
    await this.#save();
  }

  async #save(): Promise<void> {
    const { clock, counters, db, self } = this.#o;
    this.#soon?.();
    this.#soon = undefined;
    const now = clock.monotonic();
    const rows = new Map<string, Uint8Array>();
    for (const kept of this.#kept)
      for (const [name, row] of kept.rows(now)) rows.set(`${kept.prefix}${name}`, row);
    if (rows.size > 0) rows.set(HEAD, new Writer().raw(self).u64(this.stampOf(now)).bytes());
    const saved = db.commit(
      (tx) => {
        const before = new Map(Array.from(tx.range(this.#table), ({ key, value }) => [key, value]));
        for (const name of before.keys()) if (!rows.has(name)) tx.remove(this.#table, name);
        for (const [name, row] of rows) {
          const known = before.get(name);
          if (!known || !equal(known, row)) tx.put(this.#table, name, row);
        }
        wipe(...before.values());
      },
      // rewritten in place, and it is small
      { housekeeping: true },
    );
    wipe(...rows.values());
    if (!(await isDurable(saved))) counters.count('link.memory-not-saved');
  }

  #rows(): Map<string, Uint8Array> {
    return this.#o.db.read(
      (tx) => new Map(Array.from(tx.range(this.#table), ({ key, value }) => [key, value])),
    );
  }

  #refused(rows: number): void {
    if (rows > 0) this.#o.counters.count('link.refused.memory', rows);
  }
}

/** The running time of this node's head row; undefined for another node's. */
function readHead(r: Reader, self: NodeId): number | undefined {
  const own = equal(r.raw(NODE_ID_LENGTH), self);
  const ran = Number(r.u64());
  return own && Number.isSafeInteger(ran) ? ran : undefined;
}
