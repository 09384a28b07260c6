/**
 * What a box holds and remembers: objects and traces on disk, their indexes in memory (docs/protocol/store.md,
 * "Trace"). Keys grow, so that a commit costs little. The indexes follow what is durable and are rebuilt at start.
 */
import { compare, concat, decode, EMPTY, toHex, Writer } from '../core/bytes.ts';
import { LOCK_LENGTH, SECRET_LENGTH } from '../crypto/lock.ts';
import { counter, fixed, tuple, u32 } from '../db/codecs.ts';
import type { Db, ReadTx, Table, TableSpec, Tx } from '../db/db.ts';
import { NODE_ID_LENGTH, type NodeId, nodeIdFrom, nodeIdFromKey, nodeIdKey } from '../identity/node-id.ts';
import {
  type DataObject,
  decodeHeader,
  encodeHeader,
  HEADER_LENGTH,
  type ObjectId,
  objectIdFrom,
  shortIdOf,
} from './object.ts';
import type { Trace } from './trace.ts';

/** One object for one recipient. `n` grows with every new one. */
export interface Holding {
  readonly id: ObjectId;
  readonly lock: Uint8Array;
  readonly recipient: NodeId;
  /** Own time, ms. */
  readonly expiresAt: number;
  /** Written here, not taken from a neighbour. */
  readonly own: boolean;
  readonly trace: Trace;
}

const STATES = ['held', 'handed-on', 'receipted', 'unreadable', 'expired'] as const;

/**
 * state u8 | own u8 | id 32 | lock 16 | recipient 16 | expires at u64 | taker 16 or secret 16 or nothing |
 * givers 16 each.
 */
const holdingValue: TableSpec<number, Holding>['value'] = {
  encode(h) {
    const { trace } = h;
    const w = new Writer(96)
      .u8(STATES.indexOf(trace.state))
      .u8(h.own ? 1 : 0)
      .raw(h.id)
      .raw(h.lock)
      .raw(h.recipient)
      .u64(BigInt(Math.ceil(h.expiresAt)));
    if (trace.state === 'handed-on') w.raw(nodeIdFromKey(trace.taker));
    if (trace.state === 'receipted') w.raw(trace.secret);
    if ('givers' in trace) for (const giver of trace.givers) w.raw(nodeIdFromKey(giver));
    return w.bytes();
  },
  decode(bytes) {
    const holding = decode(bytes, (r) => {
      const state = STATES[r.u8()];
      const own = r.u8() === 1;
      const id = objectIdFrom(r.raw(32));
      const lock = r.raw(LOCK_LENGTH);
      const recipient = nodeIdFrom(r.raw(NODE_ID_LENGTH));
      const expiresAt = Number(r.u64());
      const givers = (): string[] => {
        const all: string[] = [];
        while (r.left > 0) all.push(toHex(r.raw(NODE_ID_LENGTH)));
        return all;
      };
      const traceOf = (): Trace | undefined => {
        switch (state) {
          case 'held':
            return { state, givers: givers() };
          case 'handed-on':
            return { state, taker: toHex(r.raw(NODE_ID_LENGTH)), givers: givers() };
          case 'receipted':
            return { state, secret: r.raw(SECRET_LENGTH), givers: givers() };
          case 'unreadable':
          case 'expired':
            return { state };
          case undefined:
            return undefined;
        }
      };
      const trace = traceOf();
      return trace && { id, lock, recipient, own, expiresAt, trace };
    });
    if (!holding) throw new Error('a damaged trace in the database');
    return holding;
  },
};

const objectValue: TableSpec<number, DataObject>['value'] = {
  encode: (object) => concat(encodeHeader(object.header), object.bytes),
  decode(bytes) {
    const header = decodeHeader(bytes.subarray(0, HEADER_LENGTH));
    if (typeof header === 'string') throw new Error(`a damaged object in the database: ${header}`);
    return { header, bytes: bytes.subarray(HEADER_LENGTH) };
  },
};

const HOUR_MS = 3_600_000;

/** Several numbers under one name. */
class Index {
  readonly #sets = new Map<string, Set<number>>();
  add(key: string, n: number): void {
    const set = this.#sets.get(key);
    if (set) set.add(n);
    else this.#sets.set(key, new Set([n]));
  }
  remove(key: string, n: number): void {
    const set = this.#sets.get(key);
    set?.delete(n);
    if (set?.size === 0) this.#sets.delete(key);
  }
  get(key: string): readonly number[] {
    return [...(this.#sets.get(key) ?? [])];
  }
  keys(): IterableIterator<string> {
    return this.#sets.keys();
  }
}

export class Holdings {
  readonly #objects: Table<number, DataObject>;
  readonly #traces: Table<number, Holding>;
  readonly #expiry: Table<[number, number], Uint8Array>;
  readonly #byShortId = new Index();
  readonly #byLock = new Index();
  readonly #heldFor = new Index();
  readonly #owing = new Set<number>();
  #next = 1;
  #objectCount = 0;
  #objectBytes = 0;

  constructor(db: Db) {
    this.#objects = db.table({ name: 'object', key: counter, value: objectValue });
    this.#traces = db.table({ name: 'trace', key: counter, value: holdingValue });
    this.#expiry = db.table({ name: 'expiry', key: tuple<[number, number]>(u32, counter), value: fixed(0) });
    db.read((tx) => {
      for (const { key, value } of tx.range(this.#traces)) {
        this.#index(key, value);
        this.#next = key + 1;
      }
      for (const { value } of tx.range(this.#objects)) this.#counted(1, value);
    });
  }

  /** Objects held, and their bytes. */
  get size(): { readonly objects: number; readonly bytes: number } {
    return { objects: this.#objectCount, bytes: this.#objectBytes };
  }

  /** Keeps a new object for a recipient. */
  add(tx: Tx, object: DataObject, holding: Holding): number {
    const n = this.#next++;
    tx.put(this.#objects, n, object);
    tx.put(this.#traces, n, holding);
    tx.put(this.#expiry, [Math.floor(holding.expiresAt / HOUR_MS), n], EMPTY);
    tx.afterCommit(() => {
      this.#index(n, holding);
      this.#counted(1, object);
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
    if (!keepBytes) this.#dropBytes(tx, n);
  }

  /** Forgets it altogether. */
  remove(tx: Tx, n: number, holding: Holding): void {
    tx.remove(this.#traces, n);
    tx.remove(this.#expiry, [Math.floor(holding.expiresAt / HOUR_MS), n]);
    this.#dropBytes(tx, n);
    tx.afterCommit(() => {
      this.#unindexState(n, holding);
      this.#byShortId.remove(toHex(shortIdOf(holding.id)), n);
      this.#byLock.remove(toHex(holding.lock), n);
    });
  }

  byShortId(id: Uint8Array): readonly number[] {
    return this.#byShortId.get(toHex(id));
  }
  byLock(lock: Uint8Array): readonly number[] {
    return this.#byLock.get(toHex(lock));
  }
  /** Oldest first. */
  heldFor(recipient: NodeId): readonly number[] {
    return [...this.#heldFor.get(nodeIdKey(recipient))].sort((a, b) => a - b);
  }
  /** Everybody for whom something is held. */
  recipients(): readonly NodeId[] {
    return [...this.#heldFor.keys()].map((key) => nodeIdFromKey(key)).sort(compare);
  }

  /** Up to `limit` of those whose time has come at `now` (own time, ms). */
  due(tx: ReadTx, now: number, limit: number): readonly { readonly n: number; readonly holding: Holding }[] {
    const found: { n: number; holding: Holding }[] = [];
    const to: [number, number] = [Math.floor(now / HOUR_MS) + 1, 0];
    for (const { key } of tx.range(this.#expiry, { to })) {
      const [, n] = key;
      const holding = tx.get(this.#traces, n);
      if (holding && holding.expiresAt <= now) found.push({ n, holding });
      if (found.length >= limit) break;
    }
    return found;
  }

  /** All for which a receipt is still owed, and to whom (NodeIds in hex). */
  *owed(tx: ReadTx): Iterable<{ readonly n: number; readonly givers: readonly string[] }> {
    for (const n of this.#owing) {
      const trace = tx.get(this.#traces, n)?.trace;
      if (trace?.state === 'receipted') yield { n, givers: trace.givers };
    }
  }

  #index(n: number, holding: Holding): void {
    this.#byShortId.add(toHex(shortIdOf(holding.id)), n);
    this.#byLock.add(toHex(holding.lock), n);
    this.#indexState(n, holding);
  }
  #indexState(n: number, { recipient, trace }: Holding): void {
    if (trace.state === 'held') this.#heldFor.add(nodeIdKey(recipient), n);
    if (trace.state === 'receipted' && trace.givers.length > 0) this.#owing.add(n);
  }
  #unindexState(n: number, { recipient }: Holding): void {
    this.#heldFor.remove(nodeIdKey(recipient), n);
    this.#owing.delete(n);
  }
  #dropBytes(tx: Tx, n: number): void {
    const object = tx.get(this.#objects, n);
    if (!object) return;
    tx.remove(this.#objects, n);
    tx.afterCommit(() => this.#counted(-1, object));
  }
  #counted(sign: 1 | -1, object: DataObject): void {
    this.#objectCount += sign;
    this.#objectBytes += sign * object.bytes.length;
  }
}
