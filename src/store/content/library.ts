/**
 * The objects that a box keeps by name: entries, the leaves of their chunks, and the chunks (docs/protocol/store.md,
 * "Content on disk"). In memory is one number for each object, however large it is.
 */
import { concat, EMPTY, equal, toHex } from '../../core/bytes.ts';
import { minutesOf } from '../../core/log-byte.ts';
import { counter, fixed, tuple, u32 } from '../../db/codecs.ts';
import type { Db, ReadTx, Table, Tx } from '../../db/db.ts';
import { type NodeId, nodeIdKey } from '../../identity/node-id.ts';
import { CHUNK_LENGTH, chunkCount, HASH_LENGTH, PAGE_LEAVES, pageCount, treeRoot } from '../merkle.ts';
import { NumberIndex } from '../number-index.ts';
import {
  CONTENT_TYPE,
  MOST_OBJECT_BYTES,
  type ObjectHeader,
  type ObjectId,
  objectIdOf,
  shortIdOf,
} from '../object.ts';
import { Chunks } from './chunks.ts';
import { type Entry, type EntryState, entryValue, type Origin } from './entry.ts';
import { isMutable } from './mutable.ts';
import type { Owners } from './owners.ts';

const MINUTE = 60_000;
const HOUSEKEEPING = { housekeeping: true } as const;
/** Rows of an object that are removed in one commit. */
const REMOVED_AT_ONCE = 256;
const EXPIRED_AT_ONCE = 64;
/** Of what there is room for, neighbours fill at most this part, one of them at most a part of that. */
const PART_OF_NEIGHBOURS = 1 / 2;
const PART_OF_ONE = 1 / 4;

/** Where a chunk of an object belongs: its leaf 32 | whether it is here u8. */
type Place = readonly [leaf: Uint8Array, here: number];

export interface Found {
  readonly n: number;
  readonly entry: Entry;
}

export class Library {
  readonly #db: Db;
  readonly #owners: Owners;
  readonly #ownTime: () => number;
  readonly #maxBytes: () => number;
  readonly #chunks: Chunks;
  readonly #entries: Table<number, Entry>;
  readonly #places: Table<[number, number], Place>;
  readonly #expiry: Table<[number, number], Uint8Array>;
  readonly #byShortId = new NumberIndex();
  /** Bytes promised to objects, by whom they are kept for (NodeId in hex; empty: this box). */
  readonly #reserved = new Map<string, number>();
  /** Those that were being removed, or cannot be kept over a start. */
  readonly #leftOver: number[] = [];
  #next = 1;
  #count = 0;

  constructor(db: Db, owners: Owners, maxBytes: () => number, ownTime: () => number) {
    this.#db = db;
    this.#owners = owners;
    this.#maxBytes = maxBytes;
    this.#ownTime = ownTime;
    this.#chunks = new Chunks(db);
    this.#entries = db.table({ name: 'content', key: counter, value: entryValue });
    const place = tuple<[Uint8Array, number]>(fixed(HASH_LENGTH), u32);
    this.#places = db.table({
      name: 'content-place',
      key: tuple<[number, number]>(counter, u32),
      value: place,
    });
    const expiryKey = tuple<[number, number]>(u32, counter);
    this.#expiry = db.table({ name: 'content-expiry', key: expiryKey, value: fixed(0) });
    db.read((tx) => {
      for (const { key, value } of tx.range(this.#entries)) {
        this.#next = key + 1;
        this.#book(key, value, 1);
        if (isLeftOver(value)) this.#leftOver.push(key);
      }
    });
  }

  /** Objects here, the bytes that are promised to them, and of these those of shards that neighbours placed. */
  get size(): { readonly objects: number; readonly bytes: number; readonly placedBytes: number } {
    const bytes = sum(this.#reserved.values());
    return { objects: this.#count, bytes, placedBytes: bytes - (this.#reserved.get('') ?? 0) };
  }

  /** Removes what an earlier run left behind. */
  async sweep(): Promise<void> {
    for (const n of this.#leftOver.splice(0)) await this.remove(n);
  }

  /** Why an object of `size` bytes is not kept, decided before any of it is asked for. */
  refusal(size: number, origin: Origin): 'too-large' | 'full' | undefined {
    if (size > MOST_OBJECT_BYTES) return 'too-large';
    const cost = costOf(size);
    if (this.size.bytes + cost > this.#maxBytes()) return 'full';
    if (typeof origin === 'string') return undefined;
    const most = this.#maxBytes() * PART_OF_NEIGHBOURS;
    const one = this.#reserved.get(nodeIdKey(origin)) ?? 0;
    return one + cost > most * PART_OF_ONE || this.size.placedBytes + cost > most ? 'full' : undefined;
  }

  /** The live entry of this object. */
  find(tx: ReadTx, id: ObjectId): Found | undefined {
    return this.#live(tx, shortIdOf(id)).find(({ entry }) => equal(objectIdOf(entry.header), id));
  }

  /** A live and whole entry whose id begins so, that may be given to others. */
  wholeByShortId(tx: ReadTx, shortId: Uint8Array): Found | undefined {
    return this.#live(tx, shortId).find(
      ({ entry: { header, state } }) =>
        state === 'whole' && !(isMutable(header) && this.#owners.isBlocked(tx, header.ownership.owner)),
    );
  }

  get(tx: ReadTx, n: number): Entry | undefined {
    return tx.get(this.#entries, n);
  }

  /** Live entries, in the order they came. */
  *all(tx: ReadTx): Iterable<Found> {
    const now = this.#ownTime();
    for (const { key: n, value: entry } of tx.range(this.#entries))
      if (entry.state !== 'leaving' && now < entry.expiresAt) yield { n, entry };
  }

  /** A new entry without any chunk; `ageMs` is how much of its ttl is over. */
  create(tx: Tx, header: ObjectHeader, origin: Origin, ageMs: number): number {
    const minutes = minutesOf(header.ttl);
    if (minutes === undefined) throw new RangeError(`a ttl of ${header.ttl}`);
    const n = this.#next++;
    const expiresAt = this.#ownTime() + minutes * MINUTE - ageMs;
    const entry: Entry = { state: 'partial', origin, expiresAt, header, pageRoots: [] };
    tx.put(this.#entries, n, entry);
    tx.put(this.#expiry, expiryKey(n, expiresAt), EMPTY);
    this.#book(n, entry, 1);
    return n;
  }

  /** ms of its ttl that are over. */
  ageMs({ expiresAt, header }: Entry): number {
    return Math.max(0, (minutesOf(header.ttl) ?? 0) * MINUTE - (expiresAt - this.#ownTime()));
  }

  /** Writes down a proven page of leaves. Chunks that other objects have brought here already count at once. */
  addPage(tx: Tx, n: number, page: number, leaves: readonly Uint8Array[]): void {
    for (const [i, leaf] of leaves.entries()) {
      const key: [number, number] = [n, page * PAGE_LEAVES + i];
      if (!tx.get(this.#places, key)) tx.put(this.#places, key, [leaf, this.#chunks.refer(tx, leaf) ? 1 : 0]);
    }
  }

  /** Writes down all leaves of an object, in commits that stay short. */
  async addLeaves(n: number, leaves: readonly Uint8Array[]): Promise<void> {
    for (let page = 0; page * PAGE_LEAVES < leaves.length; page++)
      await this.#db.commit((tx) =>
        this.addPage(tx, n, page, leaves.slice(page * PAGE_LEAVES, (page + 1) * PAGE_LEAVES)),
      );
  }

  /** Keeps a proven chunk at its place. */
  addChunk(tx: Tx, n: number, index: number, chunk: Uint8Array): void {
    const [leaf, here] = tx.get(this.#places, [n, index]) ?? [EMPTY, 1];
    if (here) return;
    this.#chunks.add(tx, leaf, chunk);
    tx.put(this.#places, [n, index], [leaf, 1]);
  }

  /** Where the chunk is here by way of another object, takes it for this one too. */
  link(tx: Tx, n: number, index: number): void {
    const [leaf, here] = tx.get(this.#places, [n, index]) ?? [EMPTY, 1];
    if (!here && this.#chunks.refer(tx, leaf)) tx.put(this.#places, [n, index], [leaf, 1]);
  }

  /** The chunk for this place is on the disk, whether it counts for this object yet or not. */
  canLink(tx: ReadTx, n: number, index: number): boolean {
    const place = tx.get(this.#places, [n, index]);
    return place !== undefined && this.#chunks.has(tx, place[0]);
  }

  /** All chunks are here: gives it to others from now on. */
  finish(tx: Tx, n: number): void {
    const entry = tx.get(this.#entries, n);
    if (entry?.state !== 'partial' && entry?.state !== 'away') return;
    const pages = Array.from({ length: pageCount(entry.header.size) }, (_, page) => page);
    const pageRoots = pages.map((page) => treeRoot(this.leaves(tx, n, page)));
    tx.put(this.#entries, n, { ...entry, state: 'whole', pageRoots });
  }

  /** The leaves of a page, as far as they are known. */
  leaves(tx: ReadTx, n: number, page: number): Uint8Array[] {
    return this.places(tx, n, page * PAGE_LEAVES, PAGE_LEAVES).map(([leaf]) => leaf);
  }

  /** Up to `count` places from one on, in order, as far as they are known. */
  places(tx: ReadTx, n: number, from: number, count: number): Place[] {
    const range = tx.range(this.#places, { from: [n, from], to: [n, from + count] });
    return Array.from(range, ({ value }) => value);
  }

  chunk(tx: ReadTx, n: number, index: number): Uint8Array | undefined {
    const [leaf, here] = tx.get(this.#places, [n, index]) ?? [EMPTY, 0];
    return here ? this.#chunks.get(tx, leaf) : undefined;
  }

  /** All bytes of a whole object. */
  bytes(tx: ReadTx, n: number): Uint8Array | undefined {
    const entry = tx.get(this.#entries, n);
    if (entry?.state !== 'whole') return undefined;
    const chunks = Array.from({ length: chunkCount(entry.header.size) }, (_, i) => this.chunk(tx, n, i));
    return chunks.every((c) => c !== undefined) ? concat(...chunks) : undefined;
  }

  /** Removes it, in commits that stay short however large it is. */
  async remove(n: number): Promise<void> {
    await this.#db.commit((tx) => this.#move(tx, n, 'leaving'), HOUSEKEEPING);
    await this.#removePlaces(n);
    await this.#db.commit((tx) => {
      const entry = tx.get(this.#entries, n);
      if (!entry) return;
      tx.remove(this.#entries, n);
      tx.remove(this.#expiry, expiryKey(n, entry.expiresAt));
      if (isMutable(entry.header)) this.#owners.gone(tx, entry.header.ownership.owner, n);
      this.#book(n, entry, -1);
    }, HOUSEKEEPING);
  }

  /** Lets its bytes go and keeps its entry. */
  async unload(n: number): Promise<void> {
    await this.#db.commit((tx) => this.#move(tx, n, 'away'), HOUSEKEEPING);
    await this.#removePlaces(n);
  }

  /** Removes up to 64 of those that are over; whether there are more. */
  async expire(): Promise<boolean> {
    const to: [number, number] = [Math.floor(this.#ownTime() / MINUTE) + 1, 0];
    const due = this.#db.read((tx) => [...tx.range(this.#expiry, { to, limit: EXPIRED_AT_ONCE })]);
    for (const { key } of due) await this.remove(key[1]);
    await this.#db.commit((tx) => this.#owners.expire(tx), HOUSEKEEPING);
    return due.length === EXPIRED_AT_ONCE;
  }

  async #removePlaces(n: number): Promise<void> {
    for (let more = true; more; ) {
      more = await this.#db.commit((tx) => {
        const range = { from: [n, 0] as [number, number], to: [n + 1, 0] as [number, number] };
        const rows = [...tx.range(this.#places, { ...range, limit: REMOVED_AT_ONCE })];
        for (const { key, value } of rows) {
          const [leaf, here] = value;
          if (here) this.#chunks.release(tx, leaf);
          tx.remove(this.#places, key);
        }
        return rows.length === REMOVED_AT_ONCE;
      }, HOUSEKEEPING);
    }
  }

  #move(tx: Tx, n: number, state: EntryState): void {
    const entry = tx.get(this.#entries, n);
    if (entry) tx.put(this.#entries, n, { ...entry, state, pageRoots: [] });
  }

  #live(tx: ReadTx, shortId: Uint8Array): Found[] {
    const now = this.#ownTime();
    return this.#byShortId.get(toHex(shortId)).flatMap((n) => {
      const entry = tx.get(this.#entries, n);
      return entry && entry.state !== 'leaving' && now < entry.expiresAt ? [{ n, entry }] : [];
    });
  }

  #book(n: number, { header, origin }: Entry, sign: 1 | -1): void {
    const key = toHex(shortIdOf(objectIdOf(header)));
    if (sign > 0) this.#byShortId.add(key, n);
    else this.#byShortId.remove(key, n);
    const whose = holderKey(origin);
    const reserved = (this.#reserved.get(whose) ?? 0) + sign * costOf(header.size);
    if (reserved === 0) this.#reserved.delete(whose);
    else this.#reserved.set(whose, reserved);
    this.#count += sign;
  }
}

/**
 * What does not outlive a start: what was leaving; what was being written, whose author was never told its id; and what
 * is ephemeral, for a box that was off does not know for how long.
 */
function isLeftOver({ header, origin, state }: Entry): boolean {
  return (
    state === 'leaving' ||
    (state === 'partial' && origin === 'own') ||
    header.contentType === CONTENT_TYPE.ephemeral
  );
}

/** Small ones count as a whole chunk, which also bounds their number. */
function costOf(size: number): number {
  return Math.max(size, CHUNK_LENGTH);
}

function holderKey(origin: NodeId | string): string {
  return typeof origin === 'string' ? '' : nodeIdKey(origin);
}

/** The minute in which it has ended for certain. */
function expiryKey(n: number, at: number): [number, number] {
  return [Math.ceil(at / MINUTE), n];
}

function sum(values: Iterable<number>): number {
  let total = 0;
  for (const value of values) total += value;
  return total;
}
