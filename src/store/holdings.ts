/**
 * What a box holds and remembers: objects and traces on disk, their indexes in memory (docs/protocol/store.md,
 * "Trace"). Keys grow, so that a commit costs little. The indexes follow what is durable and are rebuilt at start.
 */
import { concat, EMPTY, equal, toHex } from '../core/bytes.ts';
import { counter, fixed, tuple, u32 } from '../db/codecs.ts';
import type { Db, ReadTx, Table, TableSpec, Tx } from '../db/db.ts';
import { nodeIdKey } from '../identity/node-id.ts';
import { type Holding, holdingValue } from './holding.ts';
import { NumberIndex } from './number-index.ts';
import { type DataObject, decodeHeader, encodeHeader, HEADER_LENGTH, shortIdOf } from './object.ts';
import { Shares } from './shares.ts';

const MINUTE = 60_000;
/** Of a lock: enough to find it by. */
const LOCK_PREFIX = 8;

const objectValue: TableSpec<number, DataObject>['value'] = {
  encode: (object) => concat(encodeHeader(object.header), object.bytes),
  decode(bytes) {
    const header = decodeHeader(bytes.subarray(0, HEADER_LENGTH));
    if (typeof header === 'string') throw new Error(`a damaged object in the database: ${header}`);
    return { header, bytes: bytes.subarray(HEADER_LENGTH) };
  },
};

export class Holdings {
  readonly #objects: Table<number, DataObject>;
  readonly #traces: Table<number, Holding>;
  readonly #expiry: Table<[number, number], Uint8Array>;
  readonly #byShortId = new NumberIndex();
  readonly #byLock = new NumberIndex();
  readonly #heldFor = new NumberIndex();
  readonly #owedTo = new NumberIndex();
  readonly #asking = new Set<number>();
  readonly #shares = new Shares();
  #next = 1;
  #objectCount = 0;
  #objectBytes = 0;

  constructor(db: Db) {
    this.#objects = db.table({ name: 'object', key: counter, value: objectValue });
    this.#traces = db.table({ name: 'trace', key: counter, value: holdingValue });
    this.#expiry = db.table({ name: 'expiry', key: tuple<[number, number]>(u32, counter), value: fixed(0) });
    db.read((tx) => {
      const withBytes = new Set<number>();
      for (const { key, value } of tx.range(this.#objects)) {
        withBytes.add(key);
        this.#count(1, value.bytes.length);
      }
      for (const { key, value } of tx.range(this.#traces)) {
        this.#index(key, value);
        this.#book(value, 1, withBytes.has(key));
        this.#next = key + 1;
      }
    });
  }

  /** Objects held, and their bytes. */
  get size(): { readonly objects: number; readonly bytes: number } {
    return { objects: this.#objectCount, bytes: this.#objectBytes };
  }

  /** How much of the store neighbours fill. */
  get shares(): Pick<Shares, 'refusal'> {
    return this.#shares;
  }

  /** Keeps a new object for a recipient. */
  add(tx: Tx, object: DataObject, holding: Holding): number {
    const n = this.#next++;
    tx.put(this.#objects, n, object);
    tx.put(this.#traces, n, holding);
    tx.put(this.#expiry, expiryKey(n, Math.min(holding.keptUntil, holding.expiresAt)), EMPTY);
    tx.afterCommit(() => {
      this.#index(n, holding);
      this.#book(holding, 1, true);
      this.#count(1, object.bytes.length);
    });
    return n;
  }

  get(tx: ReadTx, n: number): Holding | undefined {
    return tx.get(this.#traces, n);
  }

  object(tx: ReadTx, n: number): DataObject | undefined {
    return tx.get(this.#objects, n);
  }

  /** Sets what became of it; its bytes go once nobody needs them any more (`keepBytes` false). */
  update(tx: Tx, n: number, before: Holding, after: Holding, keepBytes: boolean): void {
    tx.put(this.#traces, n, after);
    tx.afterCommit(() => {
      this.#unindexState(n, before);
      this.#indexState(n, after);
    });
    if (!keepBytes) this.#dropBytes(tx, n, after);
  }

  /** It is here again, with its bytes: until when custody lasts now is in `after`. */
  restore(tx: Tx, n: number, before: Holding, after: Holding, object: DataObject): void {
    this.update(tx, n, before, after, true);
    this.#moveExpiry(tx, n, before, Math.min(after.keptUntil, after.expiresAt));
    if (tx.get(this.#objects, n)) return;
    tx.put(this.#objects, n, object);
    tx.afterCommit(() => {
      this.#bookBytes(after, 1);
      this.#count(1, object.bytes.length);
    });
  }

  /** It was due and is to be looked at again when its trace goes. */
  postpone(tx: Tx, n: number, holding: Holding): void {
    this.#moveExpiry(tx, n, holding, holding.expiresAt);
  }

  /** Forgets it altogether. */
  remove(tx: Tx, n: number, holding: Holding): void {
    tx.remove(this.#traces, n);
    tx.remove(this.#expiry, expiryKey(n, holding.expiresAt));
    tx.remove(this.#expiry, expiryKey(n, holding.keptUntil));
    this.#dropBytes(tx, n, holding);
    tx.afterCommit(() => {
      this.#unindexState(n, holding);
      this.#byShortId.remove(toHex(shortIdOf(holding.id)), n);
      this.#byLock.remove(lockKey(holding.lock), n);
      this.#book(holding, -1, false);
    });
  }

  byShortId(id: Uint8Array): readonly number[] {
    return this.#byShortId.get(toHex(id));
  }

  byLock(tx: ReadTx, lock: Uint8Array): readonly number[] {
    const found = this.#byLock.get(lockKey(lock));
    return found.filter((n) => equal(tx.get(this.#traces, n)?.lock ?? EMPTY, lock));
  }

  /** Those held for a recipient (NodeId in hex), mostly oldest first. */
  heldFor(recipient: string): readonly number[] {
    return this.#heldFor.get(recipient);
  }

  /** How many these are. */
  heldCount(recipient: string): number {
    return this.#heldFor.count(recipient);
  }

  /** Everybody for whom something is held (NodeIds in hex). */
  recipients(): readonly string[] {
    return [...this.#heldFor.keys()].sort();
  }

  /** One whose receipt, or word that it is unreadable, is owed to a giver (NodeId in hex). */
  owedTo(giver: string): number | undefined {
    return this.#owedTo.first(giver);
  }
  /** Everybody to whom something is owed. */
  creditors(): readonly string[] {
    return [...this.#owedTo.keys()].sort();
  }

  /** Own objects that takers have. */
  asking(): Iterable<number> {
    return this.#asking;
  }

  /** Up to `limit` of those whose custody or trace ends by `now` (own time, ms). */
  due(tx: ReadTx, now: number, limit: number): readonly { readonly n: number; readonly holding: Holding }[] {
    const found: { n: number; holding: Holding }[] = [];
    const to: [number, number] = [Math.floor(now / MINUTE) + 1, 0];
    for (const { key } of tx.range(this.#expiry, { to, limit })) {
      const [, n] = key;
      const holding = tx.get(this.#traces, n);
      if (holding) found.push({ n, holding });
    }
    return found;
  }

  #moveExpiry(tx: Tx, n: number, before: Holding, at: number): void {
    tx.remove(this.#expiry, expiryKey(n, before.expiresAt));
    tx.remove(this.#expiry, expiryKey(n, before.keptUntil));
    tx.put(this.#expiry, expiryKey(n, at), EMPTY);
  }

  #index(n: number, holding: Holding): void {
    this.#byShortId.add(toHex(shortIdOf(holding.id)), n);
    this.#byLock.add(lockKey(holding.lock), n);
    this.#indexState(n, holding);
  }
  #indexState(n: number, { from, recipient, trace }: Holding): void {
    if (trace.state === 'held') this.#heldFor.add(nodeIdKey(recipient), n);
    if (trace.state === 'handed-on' && !from) this.#asking.add(n);
    if (trace.state === 'receipted' || trace.state === 'unreadable')
      for (const giver of trace.givers) this.#owedTo.add(giver, n);
  }
  #unindexState(n: number, { recipient, trace }: Holding): void {
    this.#heldFor.remove(nodeIdKey(recipient), n);
    this.#asking.delete(n);
    for (const giver of trace.givers) this.#owedTo.remove(giver, n);
  }

  #book(holding: Holding, sign: 1 | -1, withBytes: boolean): void {
    const { from, stranger } = holding;
    if (from) this.#shares.book(nodeIdKey(from), stranger, 0, sign);
    if (withBytes) this.#bookBytes(holding, sign);
  }
  #bookBytes({ from, size, stranger }: Holding, sign: 1 | -1): void {
    if (from) this.#shares.book(nodeIdKey(from), stranger, sign * size, 0);
  }
  #dropBytes(tx: Tx, n: number, holding: Holding): void {
    const object = tx.get(this.#objects, n);
    if (!object) return;
    tx.remove(this.#objects, n);
    tx.afterCommit(() => {
      this.#bookBytes(holding, -1);
      this.#count(-1, object.bytes.length);
    });
  }
  #count(sign: 1 | -1, bytes: number): void {
    this.#objectCount += sign;
    this.#objectBytes += sign * bytes;
  }
}

/** The minute in which it has ended for certain. */
function expiryKey(n: number, at: number): [number, number] {
  return [Math.ceil(at / MINUTE), n];
}

function lockKey(lock: Uint8Array): string {
  return toHex(lock.subarray(0, LOCK_PREFIX));
}
