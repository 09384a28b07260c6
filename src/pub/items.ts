/** Published items that this box keeps for subscribers: until their time is over, and only so many of them. */
import { concat, toHex } from '../core/bytes.ts';
import { minutesOf } from '../core/log-byte.ts';
import { counter } from '../db/codecs.ts';
import type { Db, ReadTx, Table, Tx, ValueCodec } from '../db/db.ts';
import { NODE_ID_LENGTH, type NodeId, nodeIdFrom, nodeIdKey } from '../identity/node-id.ts';
import {
  type DataObject,
  decodeHeader,
  encodeHeader,
  HEADER_LENGTH,
  objectIdOf,
  shortIdOf,
} from '../store/object.ts';
import { decodeItem, type Item } from './records.ts';

const MINUTE = 60_000;
/** Bytes of all of them; of one neighbour's; how many. */
const MOST_BYTES = 4 * 2 ** 20;
const MOST_OF_ONE = MOST_BYTES / 8;
const MOST = 8_192;

interface Stored {
  readonly from: NodeId;
  /** Own time, ms. */
  readonly expiresAt: number;
  readonly object: DataObject;
}

/** from 16 | expires at u64 | header 60 | bytes. */
const storedValue: ValueCodec<Stored> = {
  encode: ({ expiresAt, from, object }) =>
    concat(from, counter.encode(Math.ceil(expiresAt)), encodeHeader(object.header), object.bytes),
  decode(b) {
    const at = NODE_ID_LENGTH + counter.width;
    const header = decodeHeader(b.subarray(at, at + HEADER_LENGTH));
    if (typeof header === 'string') throw new Error(`a damaged item in the database: ${header}`);
    return {
      from: nodeIdFrom(b.slice(0, NODE_ID_LENGTH)),
      expiresAt: counter.decode(b.subarray(NODE_ID_LENGTH, at)),
      object: { header, bytes: b.slice(at + HEADER_LENGTH) },
    };
  },
};

/** One that is kept. */
export interface KeptItem {
  /** Grows: later ones have larger numbers. */
  readonly n: number;
  /** Short id in hex. */
  readonly key: string;
  readonly from: NodeId;
  readonly item: Pick<Item, 'kind' | 'name'>;
  readonly size: number;
  readonly expiresAt: number;
}

export class Items {
  readonly #table: Table<number, Stored>;
  /** In the order they came. */
  readonly #kept = new Map<number, KeptItem>();
  readonly #numbers = new Map<string, number>();
  readonly #bytesOf = new Map<string, number>();
  #bytes = 0;
  #next = 1;

  constructor(db: Db) {
    this.#table = db.table({ name: 'item', key: counter, value: storedValue });
    db.read((tx) => {
      for (const { key, value } of tx.range(this.#table)) {
        this.#index(key, value);
        this.#next = key + 1;
      }
    });
  }

  all(): Iterable<KeptItem> {
    return this.#kept.values();
  }

  /** The number of the newest. */
  get newest(): number {
    return this.#next - 1;
  }

  has(key: string): boolean {
    return this.#numbers.has(key);
  }

  /** By its short id in hex. */
  get(key: string): KeptItem | undefined {
    const n = this.#numbers.get(key);
    return n === undefined ? undefined : this.#kept.get(n);
  }

  object(tx: ReadTx, n: number): DataObject | undefined {
    return tx.get(this.#table, n)?.object;
  }

  hasRoom(from: NodeId, bytes: number): boolean {
    const own = this.#bytesOf.get(nodeIdKey(from)) ?? 0;
    return this.#kept.size < MOST && this.#bytes + bytes <= MOST_BYTES && own + bytes <= MOST_OF_ONE;
  }

  /** Keeps one whose bytes are an item. */
  add(tx: Tx, from: NodeId, object: DataObject, now: number): number {
    const n = this.#next++;
    const expiresAt = now + (minutesOf(object.header.ttl) ?? 0) * MINUTE;
    const stored = { from, expiresAt, object };
    tx.put(this.#table, n, stored);
    tx.afterCommit(() => this.#index(n, stored));
    return n;
  }

  /** Forgets those whose time is over. */
  expire(tx: Tx, now: number): void {
    for (const kept of this.#kept.values()) {
      if (kept.expiresAt > now) continue;
      tx.remove(this.#table, kept.n);
      tx.afterCommit(() => this.#drop(kept));
    }
  }

  #index(n: number, { expiresAt, from, object }: Stored): void {
    const item = decodeItem(object.bytes);
    if (!item) throw new Error('an item in the database is none');
    const { kind, name } = item;
    const key = toHex(shortIdOf(objectIdOf(object.header)));
    const size = object.bytes.length;
    this.#kept.set(n, { n, key, from, item: { kind, name }, size, expiresAt });
    this.#numbers.set(key, n);
    this.#book(from, size);
  }

  #drop({ from, key, n, size }: KeptItem): void {
    this.#kept.delete(n);
    this.#numbers.delete(key);
    this.#book(from, -size);
  }

  #book(from: NodeId, bytes: number): void {
    const key = nodeIdKey(from);
    const own = (this.#bytesOf.get(key) ?? 0) + bytes;
    this.#bytes += bytes;
    if (own > 0) this.#bytesOf.set(key, own);
    else this.#bytesOf.delete(key);
  }
}
