/**
 * The database in one LMDB environment. A commit's closure runs at once, in memory, over everything committed before
 * it; what it wrote joins the group that is forming. One group at a time is written as one LMDB transaction while
 * the next forms, so that a busy box pays for one fdatasync per group and an idle one waits for nobody.
 */
import type { Clock } from '../core/clock.ts';
import type { CommitOptions, Db, ReadTx, StorageFailed, Table, TableSpec, Tx } from './db.ts';
import { freeBytesOf, reserveReached, writeFailed } from './disk.ts';
import { Environment } from './environment.ts';
import { Layer } from './overlay.ts';
import { Transaction } from './transaction.ts';

/**
 * When a group counts as durable: `disk`: when LMDB has synced it, on a thread of its own. `simulated`: `delay()` ms
 * of the clock after its write began, at the end of which it is handed to the operating system unsynced; for virtual
 * time, where it makes latency and crash points a matter of the seed.
 */
export type Durability =
  | { readonly kind: 'disk' }
  | { readonly kind: 'simulated'; readonly clock: Clock; readonly delay: () => number };

export interface LmdbOptions {
  readonly durability: Durability;
  /** Commits are refused while the file system has fewer bytes free than this; 16 MiB by default. */
  readonly reserveBytes?: number;
  /** Free bytes of the file system; by default what it says itself (statfs). */
  readonly freeBytes?: () => number;
}

const DEFAULT_RESERVE_BYTES = 16 * 1024 * 1024;

interface Waiting {
  readonly afterCommits: readonly (() => void)[];
  readonly resolve: () => void;
  readonly reject: (e: StorageFailed) => void;
}

/** Commits that become durable together. */
class Group {
  readonly changes = new Layer();
  readonly waiting: Waiting[] = [];
}

export class LmdbDb implements Db {
  readonly #directory: string;
  readonly #environment: Environment;
  readonly #durability: Durability;
  readonly #reserveBytes: number;
  readonly #freeBytes: () => number;
  readonly #tables = new Map<string, Table<unknown, unknown>>();
  readonly #unplugged = new AbortController();
  #forming: Group | undefined;
  #writing: Group | undefined;
  #running = false;
  /** A closure runs. */
  #inside = false;
  #failed: StorageFailed | undefined;
  #closing: Promise<void> | undefined;

  /**
   * The database in `directory`, through `environment` where that is open already. What is there is not checked:
   * `openDatabase` does that first.
   */
  constructor(directory: string, options: LmdbOptions, environment?: Environment) {
    this.#environment = environment ?? new Environment(directory, options.durability.kind === 'disk');
    this.#directory = directory;
    this.#durability = options.durability;
    this.#reserveBytes = options.reserveBytes ?? DEFAULT_RESERVE_BYTES;
    this.#freeBytes = options.freeBytes ?? (() => freeBytesOf(directory));
  }

  get failed(): StorageFailed | undefined {
    return this.#failed;
  }

  get refusal(): StorageFailed | undefined {
    return this.#refusal(this.#reserveBytes);
  }

  #refusal(reserveBytes: number): StorageFailed | undefined {
    if (this.#failed) return this.#failed;
    const free = this.#freeBytes();
    return free < reserveBytes ? reserveReached(this.#directory, free, reserveBytes) : undefined;
  }

  table<K, V>(spec: TableSpec<K, V>): Table<K, V> {
    const known = this.#tables.get(spec.name);
    if (known) {
      if (known.spec !== spec) throw new Error(`two tables are named ${spec.name}`);
      return known as Table<K, V>;
    }
    this.#environment.openTable(spec.name);
    const table: Table<K, V> = { spec };
    this.#tables.set(spec.name, table as Table<unknown, unknown>);
    return table;
  }

  async commit<T>(change: (tx: Tx) => T, options: CommitOptions = {}): Promise<T> {
    if (this.#unplugged.signal.aborted) return new Promise(() => {});
    this.#check();
    const refusal = this.#refusal(options.housekeeping ? this.#reserveBytes / 4 : this.#reserveBytes);
    if (refusal) throw refusal;
    const tx = this.#begin();
    const value = this.#run(tx, change);
    const group = this.#group();
    group.changes.absorb(tx.changes);
    await new Promise<void>((resolve, reject) => {
      group.waiting.push({ afterCommits: tx.afterCommits, resolve, reject });
    });
    return value;
  }

  read<T>(query: (tx: ReadTx) => T): T {
    this.#check();
    return this.#run(this.#begin(), query);
  }

  /** Waits for the commits under way, then closes. Later commits and reads throw. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  /**
   * Pulls the plug: what is not durable at this moment is lost and its promises stay pending for ever, as do those
   * of later commits; the files can be opened again once the returned promise has resolved. For simulations of a
   * power cut (with `disk`, a group that is being written may or may not be on the disk afterwards).
   */
  abandon(): Promise<void> {
    this.#unplugged.abort();
    this.#forming = undefined;
    this.#closing = this.#closeEnvironment();
    return this.#closing;
  }

  async #close(): Promise<void> {
    const last = this.#forming ?? this.#writing;
    if (last)
      await new Promise<void>((done) => {
        last.waiting.push({ afterCommits: [], resolve: done, reject: () => done() });
      });
    await this.#closeEnvironment();
  }

  /** After a failed write LMDB's state is unsafe to close, and is left to the end of the process. */
  async #closeEnvironment(): Promise<void> {
    if (!this.#failed) await this.#environment.close();
  }

  #check(): void {
    if (this.#closing) throw new Error('the database is closed');
    if (this.#inside) throw new Error('within a closure of the database, its own transaction is used');
  }

  #begin(): Transaction {
    const earlier = [this.#forming, this.#writing].flatMap((group) => group?.changes ?? []);
    return new Transaction(
      this.#environment,
      earlier,
      (table) => this.#tables.get(table.spec.name) === table,
    );
  }

  #run<T, X extends ReadTx>(tx: Transaction & X, closure: (tx: X) => T): T {
    this.#inside = true;
    try {
      const value = closure(tx);
      if (isThenable(value)) {
        value.then(ignore, ignore);
        throw new TypeError('a closure of the database must be synchronous, and this one returned a promise');
      }
      return value;
    } finally {
      this.#inside = false;
      tx.end();
    }
  }

  /** The group that is forming; the first commit of one sets the writer going. */
  #group(): Group {
    this.#forming ??= new Group();
    if (!this.#running) {
      this.#running = true;
      void this.#writeGroups();
    }
    return this.#forming;
  }

  /** Writes group after group until none is left. What a callback throws is a programmer's error, and crashes. */
  async #writeGroups(): Promise<void> {
    await null; // whatever else commits in this turn joins
    for (let group = this.#forming; group; group = this.#forming) {
      this.#writing = group;
      this.#forming = undefined;
      try {
        if (!group.changes.empty) await this.#write(group.changes);
      } catch (e) {
        if (!this.#unplugged.signal.aborted) this.#fail(e);
        return;
      }
      if (this.#unplugged.signal.aborted) return;
      this.#writing = undefined;
      for (const { afterCommits, resolve } of group.waiting) {
        for (const run of afterCommits) run();
        resolve();
      }
      await null; // those who waited may commit again, in the next group
    }
    this.#running = false;
  }

  async #write(changes: Layer): Promise<void> {
    if (this.#durability.kind === 'disk') return this.#environment.write(changes);
    const { clock, delay } = this.#durability;
    await clock.sleep(delay(), this.#unplugged.signal);
    this.#environment.writeSync(changes);
  }

  /** Later commits were built on what is lost now: all are rejected, and reads see what is durable. */
  #fail(cause: unknown): void {
    const failed = writeFailed(this.#directory, this.#freeBytes, cause);
    const groups = [this.#writing, this.#forming];
    this.#failed = failed;
    this.#writing = undefined;
    this.#forming = undefined;
    for (const group of groups) for (const { reject } of group?.waiting ?? []) reject(failed);
  }
}

function ignore(): void {}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as PromiseLike<unknown> | null | undefined)?.then === 'function';
}
