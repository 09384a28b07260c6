/**
 * The only file that speaks to lmdb-js 3.5. It is wrapped once, because some of its ways lose data:
 * - a `transactionSync` whose closure returns a promise (as `put` does) stays open: the closure here returns nothing;
 * - with its default `overlappingSync` a promise resolves before the data is on the disk: it is off here, so that
 *   a transaction ends with fdatasync and a synchronously written meta page (O_DSYNC) before it is reported;
 * - a write after a failed one, or closing after it, corrupts the heap: `LmdbDb` does neither;
 * - buffers it returns may be views of memory it uses again: everything handed out is a copy.
 */
import { type Database, open, type RootDatabase } from 'lmdb';
import { utf8 } from '../core/bytes.ts';
import { sealed, unsealed } from './checksum.ts';
import { type Entry, type KeyRange, Layer } from './overlay.ts';

type Store = Database<Uint8Array, Uint8Array>;

/** Longest key, in bytes: LMDB's own limit for pages of 4 KiB. */
export const MAX_KEY_BYTES = 511;

/** The table that describes the others, and what the names of its records of them begin with. */
export const META = 'meta';
const TABLE = 'table ';

const BINARY = { encoding: 'binary', keyEncoding: 'binary' } as const;

/** The bytes of a value that is not what was written under its key. */
export class Damaged {
  readonly bytes: Uint8Array;
  constructor(bytes: Uint8Array) {
    this.bytes = new Uint8Array(bytes);
  }
}

export class Environment {
  readonly #root: RootDatabase<Uint8Array, Uint8Array>;
  readonly #stores = new Map<string, Store>();
  /** The lowest key of a table, undefined where it is empty; forgotten with every write to it. */
  readonly #firstKeys = new Map<string, string | undefined>();
  #closed: Promise<void> | undefined;

  /**
   * Opens the LMDB environment in `directory`, creating it where it is missing. With `synced` every write is on the
   * disk when it is reported; without, the operating system writes when it likes.
   */
  constructor(directory: string, synced: boolean) {
    const options = {
      ...BINARY,
      noSubdir: false,
      overlappingSync: false,
      noSync: !synced,
      // a group of ours is one transaction of LMDB's, begun only when the whole group has been handed over
      eventTurnBatching: false,
      batchStartThreshold: Number.MAX_SAFE_INTEGER,
      maxDbs: 64,
      permissionsMode: 0o600,
    };
    this.#root = open<Uint8Array, Uint8Array>(directory, options);
  }

  /**
   * Opens a table, creating it where it is missing unless `create` is false; whether it is there now. A table that is
   * created is written down in another one, so that a lost name is missed.
   */
  openTable(name: string, create = true): boolean {
    if (this.#stores.has(name) || this.#openStore(name, false)) return true;
    if (!create) return false;
    this.#openStore(name, true);
    if (name === META) return true;
    this.openTable(META);
    const written = new Layer();
    written.set(META, fromBytes(utf8(TABLE + name)), new Uint8Array(0));
    this.writeSync(written);
    return true;
  }

  /** Whether every table that was ever created is still there. */
  get isComplete(): boolean {
    const from = fromBytes(utf8(TABLE));
    if (!this.openTable(META, false)) return false;
    const names = Array.from(this.range(META, { from, to: undefined, reverse: false }), ({ key }) => key);
    return names.every((key) => !key.startsWith(from) || this.openTable(key.slice(from.length), false));
  }

  #openStore(name: string, create: boolean): boolean {
    // lmdb-js gives undefined for a table that is missing and not to be created
    const store: Store | undefined = this.#root.openDB(name, { ...BINARY, create } as typeof BINARY);
    if (store) this.#stores.set(name, store);
    return store !== undefined;
  }

  /** The value, or what stands in its place where it is not what was written. */
  get(table: string, key: string): Uint8Array | Damaged | undefined {
    const bytes = toBytes(key);
    const value = this.#store(table).get(bytes);
    return value && (unsealed(bytes, value) ?? new Damaged(value));
  }

  *range(table: string, { from, to, reverse }: KeyRange): Generator<Entry<Uint8Array | Damaged>> {
    const first = this.#firstKey(table);
    if (first === undefined || (to !== undefined && to <= first)) return;
    const low = from ? toBytes(from) : undefined;
    const high = to === undefined ? undefined : toBytes(to);
    // lmdb-js reads backwards from `start`, and leaves its lowest key out unless `end` is named
    const bounds = reverse
      ? { start: high, exclusiveStart: true, end: low, inclusiveEnd: true }
      : { ...(low && { start: low }), end: high };
    const options = { ...bounds, reverse } as NonNullable<Parameters<Store['getRange']>[0]>;
    for (const { key, value } of this.#store(table).getRange(options))
      yield { key: fromBytes(key), value: unsealed(key, value) ?? new Damaged(value) };
  }

  /** How many entries a table has, without a look at them. */
  count(table: string): number {
    return (this.#store(table).getStats() as { readonly entryCount: number }).entryCount;
  }

  /** Looked up once: what is due is asked for every minute, and mostly nothing is. */
  #firstKey(table: string): string | undefined {
    if (!this.#firstKeys.has(table)) {
      const [first] = this.#store(table).getKeys({ limit: 1 });
      this.#firstKeys.set(table, first && fromBytes(first));
    }
    return this.#firstKeys.get(table);
  }

  /** Writes a layer as one transaction on a thread of its own; resolves once it is on the disk. */
  async write(layer: Layer): Promise<void> {
    try {
      await this.#root.batch(() => {
        this.#put(layer);
      });
    } catch (e) {
      // lmdb-js rejects with "Commit failed" and tells why in a second promise
      await (e as { commitError?: Promise<never> }).commitError;
      throw e;
    } finally {
      this.#forgetFirstKeys(layer);
    }
  }

  /** Writes a layer as one transaction at once, on this thread. */
  writeSync(layer: Layer): void {
    this.#root.transactionSync(() => {
      this.#put(layer);
    });
    this.#forgetFirstKeys(layer);
  }

  #forgetFirstKeys(layer: Layer): void {
    for (const [table] of layer.tables) this.#firstKeys.delete(table);
  }

  close(): Promise<void> {
    this.#closed ??= this.#root.close();
    return this.#closed;
  }

  #put(layer: Layer): void {
    for (const [table, changes] of layer.tables) {
      const store = this.#store(table);
      for (const [key, value] of changes.entries()) {
        const bytes = toBytes(key);
        if (value) store.put(bytes, sealed(bytes, value));
        else store.remove(bytes);
      }
    }
  }

  #store(table: string): Store {
    const store = this.#stores.get(table);
    if (!store) throw new Error(`the table ${table} is not open`);
    return store;
  }
}

/** The form in which overlays hold a key: a character per byte. */
export function fromBytes(key: Uint8Array): string {
  return Buffer.from(key.buffer, key.byteOffset, key.byteLength).toString('latin1');
}

export function toBytes(key: string): Uint8Array {
  return new Uint8Array(Buffer.from(key, 'latin1'));
}
