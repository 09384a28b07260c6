/** The database as the rooms see it: typed tables, atomic durable commits. LMDB answers it (`lmdb.ts`). */
import type { Event } from '../core/events.ts';
import type { DiskState } from './disk-state.ts';
import type { Marks } from './marks.ts';

/** Turns a key into bytes whose lexicographic order is the key's order. */
export interface KeyCodec<K> {
  encode(key: K): Uint8Array;
  decode(bytes: Uint8Array): K;
}

/** `decode` throws on bytes that are not a value of this table: the database is damaged. */
export interface ValueCodec<V> {
  encode(value: V): Uint8Array;
  decode(bytes: Uint8Array): V;
}

/** Declared by the room that owns the table. Names are unique over the environment. */
export interface TableSpec<K, V> {
  readonly name: string;
  readonly key: KeyCodec<K>;
  readonly value: ValueCodec<V>;
  /**
   * What a reader meets in place of a record that cannot be read back: nothing (it is told in `Db.onDamaged` and set
   * aside), unless a missing record would be taken for a safe beginning: then `DamagedRecord` is thrown.
   */
  readonly damaged?: 'thrown';
}

export interface Range<K> {
  /** Inclusive. */
  readonly from?: K;
  /** Exclusive. */
  readonly to?: K;
  readonly reverse?: boolean;
  readonly limit?: number;
}

export interface ReadTx {
  get<K, V>(table: Table<K, V>, key: K): V | undefined;
  /** Entries in key order. Do not change the table while iterating: collect first. */
  range<K, V>(table: Table<K, V>, range?: Range<K>): Iterable<{ readonly key: K; readonly value: V }>;
}

export interface Tx extends ReadTx {
  put<K, V>(table: Table<K, V>, key: K, value: V): void;
  remove<K, V>(table: Table<K, V>, key: K): void;
  /** Runs after this commit is durable, before its promise resolves; not at all where it fails. */
  afterCommit(run: () => void): void;
}

export interface Table<K, V> {
  readonly spec: TableSpec<K, V>;
}

/** A record of a table cannot be read back: the disk or card is failing, or another program wrote to the file. */
export class DamagedRecord extends Error {
  override name = 'DamagedRecord';
  readonly table: string;
  constructor(table: string, what: string, options?: { cause?: unknown }) {
    super(`damaged record in the table ${table}: ${what}`, options);
    this.table = table;
  }
}

/**
 * A commit was refused or lost. The message says what to do. Where `Db.failed` is set, a write has failed and
 * nothing more is written until the daemon is started again; where it is not, the disk's reserve was reached before
 * anything had run, and commits are accepted again once there is room.
 */
export class StorageFailed extends Error {
  override name = 'StorageFailed';
  readonly code: 'disk-full' | 'io';
  constructor(code: 'disk-full' | 'io', sentence: string, options?: { cause?: unknown }) {
    super(sentence, options);
    this.code = code;
  }
}

/** Whether a commit, or what waits for one, became durable: `StorageFailed` is false, every other error goes on. */
export async function isDurable(committed: Promise<unknown>): Promise<boolean> {
  try {
    await committed;
    return true;
  } catch (e) {
    if (!(e instanceof StorageFailed)) throw e;
    return false;
  }
}

export interface CommitOptions {
  /** Mail of one's own, written here or for this box, and what it needs to find its way: goes on into the disk's reserve, down to half of it. */
  readonly own?: boolean;
  /** Frees room, or rewrites what is there already: goes on into the disk's reserve, down to a quarter of it. */
  readonly housekeeping?: boolean;
}

export interface Db {
  table<K, V>(spec: TableSpec<K, V>): Table<K, V>;
  /**
   * Runs `change` at once and synchronously over the newest state (earlier commits included, durable or not), and
   * resolves with its value when everything it wrote is on the disk. Nothing of it is kept where it throws: the
   * promise then rejects with that error. Refuses a closure that returns a thenable, and a commit or read within
   * another. Commits become durable in order; after a write failed, that commit and every later one rejects with
   * `StorageFailed`. Below the disk's reserve it rejects with `StorageFailed` without running `change`.
   */
  commit<T>(change: (tx: Tx) => T, options?: CommitOptions): Promise<T>;
  /** The newest state, durable or not: what must be durable before it is told waits for its own commit. */
  read<T>(query: (tx: ReadTx) => T): T;
  /** How many entries of a table are on the disk, damaged ones included: known without reading them. */
  count<K, V>(table: Table<K, V>): number;
  /** Set once a write has failed: for good. */
  readonly failed: StorageFailed | undefined;
  /** Why a commit (other than housekeeping) would be refused now: a failed write, or a disk down to its reserve. */
  readonly refusal: StorageFailed | undefined;
  /** Why one with these options would be. */
  refusalOf(options: CommitOptions): StorageFailed | undefined;
  /** How much room there is, with hysteresis: what is taken on for others follows it. */
  readonly disk: DiskState;
  /** Numbers kept beside the database, which outlive it. */
  readonly marks: Pick<Marks, 'get' | 'set'>;
  /** Where the database that was here was damaged: the sentence that says what was done with it. */
  readonly setAside: string | undefined;
  /** Told of each record that could not be read back, once. */
  readonly onDamaged: Event<DamagedRecord>;
  /** Waits for commits under way, then closes; later commits reject and reads throw. */
  close(): Promise<void>;
}
