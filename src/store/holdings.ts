/**
 * What a box holds and remembers: objects and traces on disk, their indexes in memory (docs/protocol/store.md,
 * "Trace"). Keys grow, so that a commit costs little. The indexes follow what is durable, take a hundred bytes for an
 * object, and are rebuilt at start.
 */
import { EMPTY, equal } from '../core/bytes.ts';
import { Event } from '../core/events.ts';
import { counter } from '../db/codecs.ts';
import type { Db, ReadTx, Table, Tx } from '../db/db.ts';
import { nodeIdKey } from '../identity/node-id.ts';
import { ComingIn } from './coming-in.ts';
import { Expiry, expiryKey } from './expiry.ts';
import { type Holding, hasBytes, holdingValue, TRACE_STATES } from './holding.ts';
import { lineOf } from './line.ts';
import { NumberIndex } from './number-index.ts';
import { type DataObject, objectValue } from './object.ts';
import { OrderedNumbers } from './ordered-numbers.ts';
import { PrefixIndex } from './prefix-index.ts';
import { Shares } from './shares.ts';
import type { Trace } from './trace.ts';
import { Unpaid } from './unpaid.ts';

export interface Amount {
  readonly objects: number;
  readonly bytes: number;
}

export class Holdings {
  /** Nothing is held in this line any more. */
  readonly onNoneHeld = new Event<string>();
  readonly #objects: Table<number, DataObject>;
  readonly #traces: Table<number, Holding>;
  readonly #expiry: Expiry;
  readonly #byShortId = new PrefixIndex();
  readonly #byLock = new PrefixIndex();
  readonly #heldIn = new OrderedNumbers();
  /** Of strangers' lines. */
  readonly #comingIn = new ComingIn();
  readonly #unpaid = new Unpaid();
  readonly #owedTo = new NumberIndex();
  readonly #asking = new Set<number>();
  readonly #shares = new Shares();
  readonly #amounts = new Map<Trace['state'], { objects: number; bytes: number }>(
    TRACE_STATES.map((state) => [state, { objects: 0, bytes: 0 }]),
  );
  #next = 1;
  #objectCount = 0;
  #objectBytes = 0;

  constructor(db: Db) {
    this.#objects = db.table({ name: 'object', key: counter, value: objectValue });
    this.#traces = db.table({ name: 'trace', key: counter, value: holdingValue });
    this.#expiry = new Expiry(db);
    db.read((tx) => {
      for (const { key, value } of tx.range(this.#traces)) {
        this.#index(key, value);
        this.#book(value, bytesOf(value), 1);
        this.#next = key + 1;
      }
      this.#next = Math.max(this.#next, this.#highest(tx) + 1);
    });
  }

  /** Objects held, and their bytes. */
  get size(): Amount {
    return { objects: this.#objectCount, bytes: this.#objectBytes };
  }

  /** How many there are in each state, and the bytes of those objects, here or not. */
  get amounts(): ReadonlyMap<Trace['state'], Amount> {
    return this.#amounts;
  }

  /** How much of the store neighbours fill. */
  get shares(): Pick<Shares, 'refusal' | 'unpaid'> {
    return this.#shares;
  }

  /** What is held for strangers. */
  get unpaid(): Pick<Unpaid, 'garbageOf' | 'givers'> {
    return this.#unpaid;
  }

  /**
   * Keeps a new object for a recipient. It counts at once, durable or not, so that nobody brings more than its part
   * during one slow commit; what goes counts until that is durable. After a failed write nothing is taken any more.
   */
  add(tx: Tx, object: DataObject, holding: Holding): number {
    const n = this.#next++;
    tx.put(this.#objects, n, object);
    tx.put(this.#traces, n, holding);
    this.#expiry.add(tx, expiryKey(n, holding));
    this.#book(holding, bytesOf(holding), 1);
    this.#comeIn(tx, holding);
    tx.afterCommit(() => this.#index(n, holding));
    return n;
  }

  get(tx: ReadTx, n: number): Holding | undefined {
    return tx.get(this.#traces, n);
  }

  object(tx: ReadTx, n: number): DataObject | undefined {
    return tx.get(this.#objects, n);
  }

  /** Sets what became of it; its bytes go where its new state needs none, and come where it needs them. */
  update(tx: Tx, n: number, before: Holding, after: Holding, object?: DataObject): void {
    tx.put(this.#traces, n, after);
    if (!hasBytes(after)) tx.remove(this.#objects, n);
    else if (!hasBytes(before) && object) tx.put(this.#objects, n, object);
    const more = bytesOf(after) - bytesOf(before);
    if (more > 0) this.#book(after, more, 0);
    if (before.trace.state !== 'held' && after.trace.state === 'held') this.#comeIn(tx, after);
    tx.afterCommit(() => {
      if (more < 0) this.#book(before, more, 0);
      this.#reindex(n, before, after);
    });
  }

  /** Forgets it altogether. */
  remove(tx: Tx, n: number, holding: Holding): void {
    tx.remove(this.#traces, n);
    this.#expiry.remove(tx, expiryKey(n, holding));
    tx.remove(this.#objects, n);
    tx.afterCommit(() => {
      this.#byShortId.remove(holding.id, n);
      if (hasLock(holding)) this.#byLock.remove(holding.lock, n);
      this.#book(holding, -bytesOf(holding), -1);
      this.#reindex(n, holding, undefined);
    });
  }

  /** By the first 8 bytes of its id. */
  byShortId(id: Uint8Array): readonly number[] {
    return this.#byShortId.get(id);
  }

  byLock(tx: ReadTx, lock: Uint8Array): readonly number[] {
    return this.#byLock.get(lock).filter((n) => equal(tx.get(this.#traces, n)?.lock ?? EMPTY, lock));
  }

  /** Those held in a line (`lineOf`), in the order they first came. To be looked at, not kept. */
  heldIn(line: string): readonly number[] {
    return this.#heldIn.of(line);
  }

  /** How many a strangers' line has, those included that are not durable yet. */
  countIn(line: string): number {
    return this.heldIn(line).length + this.#comingIn.of(line);
  }

  /** The first of those after `n`. */
  heldAfter(line: string, n: number): number | undefined {
    return this.#heldIn.after(line, n);
  }

  /** All in which something is held. */
  lines(): readonly string[] {
    return this.#heldIn.groups();
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

  /** Up to `limit` of those whose time is over by `now` (own time, ms). What has lost its trace is cleared away. */
  due(tx: Tx, now: number, limit: number): readonly { readonly n: number; readonly holding: Holding }[] {
    const found: { n: number; holding: Holding }[] = [];
    for (const key of this.#expiry.due(tx, now, limit)) {
      const [minute, n] = key;
      const holding = tx.get(this.#traces, n);
      if (holding && expiryKey(n, holding)[0] === minute) found.push({ n, holding });
      else this.#expiry.remove(tx, key);
      if (!holding) tx.remove(this.#objects, n);
    }
    return found;
  }

  /** Up to `limit` of them above `after`, in order. */
  page(
    tx: ReadTx,
    after: number,
    limit: number,
  ): readonly { readonly n: number; readonly holding: Holding }[] {
    const page = tx.range(this.#traces, { from: after + 1, limit });
    return Array.from(page, ({ key, value }) => ({ n: key, holding: value }));
  }

  /** The highest number under which anything was kept, for a damaged trace is not read. It is not given out again. */
  #highest(tx: ReadTx): number {
    const [last] = tx.range(this.#objects, { reverse: true, limit: 1 });
    return Math.max(this.#expiry.highest(tx), last?.key ?? 0);
  }

  #index(n: number, holding: Holding): void {
    this.#byShortId.add(holding.id, n);
    if (hasLock(holding)) this.#byLock.add(holding.lock, n);
    this.#indexState(n, holding);
  }
  #reindex(n: number, before: Holding, after: Holding | undefined): void {
    if (before.trace.state === 'held' && after?.trace.state === 'held') return;
    this.#unindexState(n, before);
    if (after) this.#indexState(n, after);
    const line = lineOf(before);
    if (before.trace.state === 'held' && this.#heldIn.of(line).length === 0) this.onNoneHeld.emit(line);
  }
  #indexState(n: number, holding: Holding): void {
    const { from, trace } = holding;
    if (trace.state === 'held') this.#heldIn.add(lineOf(holding), n);
    this.#unpaid.add(n, holding);
    if (trace.state === 'handed-on' && !from) this.#asking.add(n);
    if (trace.state === 'receipted' || trace.state === 'unreadable')
      for (const giver of trace.givers) this.#owedTo.add(giver, n);
    this.#bookState(holding, 1);
  }
  #unindexState(n: number, holding: Holding): void {
    const { from, trace } = holding;
    this.#heldIn.remove(lineOf(holding), n);
    if (from) this.#unpaid.remove(n, from);
    this.#asking.delete(n);
    for (const giver of trace.givers) this.#owedTo.remove(giver, n);
    this.#bookState(holding, -1);
  }

  #book({ from, stranger }: Holding, bytes: number, traces: number): void {
    if (from) this.#shares.book(nodeIdKey(from), stranger, bytes, traces);
  }
  #comeIn(tx: Tx, holding: Holding): void {
    if (holding.stranger) this.#comingIn.add(tx, lineOf(holding));
  }
  #bookState(holding: Holding, sign: 1 | -1): void {
    const { size, trace } = holding;
    const amount = this.#amounts.get(trace.state);
    if (amount) {
      amount.objects += sign;
      amount.bytes += sign * size;
    }
    if (!hasBytes(holding)) return;
    this.#objectCount += sign;
    this.#objectBytes += sign * size;
  }
}

/** How many of its bytes are here. */
function bytesOf(holding: Holding): number {
  return hasBytes(holding) ? holding.size : 0;
}

/** Objects without a lock get no receipt: there is nothing to find them by. */
function hasLock({ lock }: Holding): boolean {
  return lock.some((byte) => byte !== 0);
}
