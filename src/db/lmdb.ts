/**
 * The database in one LMDB environment. A commit's closure runs at once, in memory, over everything committed before
 * it; what it wrote joins the group that is forming. One group at a time is written as one LMDB transaction while
 * the next forms, so that a busy box pays for one fdatasync per group and an idle one waits for nobody.
 */
import { utf8 } from '../core/bytes.ts';
import type { Clock } from '../core/clock.ts';
import { Event } from '../core/events.ts';
import {
  type CommitOptions,
  type DamagedRecord,
  type Db,
  type ReadTx,
  StorageFailed,
  type Table,
  type TableSpec,
  type Tx,
} from './db.ts';
import { freeBytesOf, reserveReached, writeFailed } from './disk.ts';
import { type DiskState, diskStateAfter } from './disk-state.ts';
import { Environment, fromBytes, MAX_KEY_BYTES } from './environment.ts';
import { Marks } from './marks.ts';
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
/** Parts of the reserve that are open to what is one's own, and to housekeeping. */
const OWN_PART = 1 / 2;
const HOUSEKEEPING_PART = 1 / 4;
/** Records that could not be read back, as they were, under their table's name, a space and their key. */
const DAMAGED = 'damaged';

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
  readonly onDamaged = new Event<DamagedRecord>();
  readonly marks: Marks;
  readonly setAside: string | undefined;
  /** By table and key: those that were told. */
  readonly #damaged = new Set<string>();
  /** Those found by the closure that runs. */
  readonly #unkept: { readonly table: string; readonly key: string; readonly value: Uint8Array }[] = [];
  #disk: Exclude<DiskState, 'failed'> = 'ok';
  #failed: StorageFailed | undefined;
  #closing: Promise<void> | undefined;

  /**
   * The database in `directory`, through `environment` where that is open already. What is there is not checked:
   * `openDatabase` does that first; `setAside` is its sentence about what was there before.
   */
  constructor(directory: string, options: LmdbOptions, environment?: Environment, setAside?: string) {
    this.setAside = setAside;
    this.marks = new Marks(`${directory}.marks`, options.durability.kind === 'disk');
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
    return this.refusalOf({});
  }

  refusalOf(options: CommitOptions): StorageFailed | undefined {
    return this.#refusal(this.#reserveBytes * partOf(options));
  }

  get disk(): DiskState {
    const free = this.#failed ?? this.#free();
    if (typeof free !== 'number') return 'failed';
    this.#disk = diskStateAfter(this.#disk, free, this.#reserveBytes);
    return this.#disk;
  }

  #refusal(reserveBytes: number): StorageFailed | undefined {
    const free = this.#failed ?? this.#free();
    if (typeof free !== 'number') return free;
    return free < reserveBytes ? reserveReached(this.#directory, free, reserveBytes) : undefined;
  }

  #free(): number | StorageFailed {
    try {
      return this.#freeBytes();
    } catch (e) {
      if (e instanceof StorageFailed) return e;
      throw e;
    }
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
    const refusal = this.refusalOf(options);
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

  count<K, V>({ spec }: Table<K, V>): number {
    this.#check();
    return this.#environment.count(spec.name);
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
      (record, key, value) => this.#foundDamaged(record, key, value),
    );
  }

  /** Tells of it, and moves it where it is in nobody's way. */
  #foundDamaged(record: DamagedRecord, key: string, value: Uint8Array): void {
    const { table } = record;
    const name = `${table} ${key}`;
    if (this.#damaged.has(name)) return;
    this.#damaged.add(name);
    this.#unkept.push({ table, key, value });
    this.onDamaged.emit(record);
  }

  #keepDamaged(): void {
    const found = this.#unkept.splice(0);
    if (found.length === 0 || this.refusalOf({ housekeeping: true })) return;
    this.#environment.openTable(DAMAGED);
    for (const { table, key, value } of found) {
      const { changes } = this.#group();
      changes.set(DAMAGED, `${fromBytes(utf8(table))} ${key}`.slice(0, MAX_KEY_BYTES), value);
      changes.set(table, key, undefined);
    }
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
      this.#keepDamaged();
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

function partOf({ housekeeping, own }: CommitOptions): number {
  if (housekeeping) return HOUSEKEEPING_PART;
  return own ? OWN_PART : 1;
}

function ignore(): void {}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as PromiseLike<unknown> | null | undefined)?.then === 'function';
}
