/**
 * Chunks on disk, each stored once however many objects have it, counted by who refers to it. Nothing of them is kept
 * in memory.
 */
import { concat } from '../../core/bytes.ts';
import { bytes as bytesCodec, counter, fixed, u32 } from '../../db/codecs.ts';
import type { Db, ReadTx, Table, Tx, ValueCodec } from '../../db/db.ts';
import { CHUNK_LENGTH, HASH_LENGTH } from '../merkle.ts';

/**
 * What fits one overflow page of LMDB beside its head of 24 bytes and the value's checksum of 4. A whole chunk in one
 * value would take two pages, so that its last 28 bytes lie with its leaf.
 */
const PAGE_ROOM = 4068;
const TAIL = CHUNK_LENGTH - PAGE_ROOM;

interface Leaf {
  readonly n: number;
  /** Places in objects where this chunk is. */
  readonly references: number;
  /** Bytes from `PAGE_ROOM` on. */
  readonly tail: Uint8Array;
}

/** n u64 | references u32 | tail. */
const leafValue: ValueCodec<Leaf> = {
  encode: ({ n, references, tail }) => concat(counter.encode(n), u32.encode(references), tail),
  decode(bytes) {
    if (bytes.length > 12 + TAIL) throw new Error('a damaged leaf in the database');
    return {
      n: counter.decode(bytes.subarray(0, 8)),
      references: u32.decode(bytes.subarray(8, 12)),
      tail: bytes.subarray(12),
    };
  },
};

export class Chunks {
  readonly #leaves: Table<Uint8Array, Leaf>;
  /** Keys that grow, so that writing one costs little. */
  readonly #chunks: Table<number, Uint8Array>;
  #next = 1;

  constructor(db: Db) {
    this.#leaves = db.table({ name: 'leaf', key: fixed(HASH_LENGTH), value: leafValue });
    this.#chunks = db.table({ name: 'chunk', key: counter, value: bytesCodec(PAGE_ROOM) });
    db.read((tx) => {
      for (const { key } of tx.range(this.#chunks, { reverse: true, limit: 1 })) this.#next = key + 1;
    });
  }

  has(tx: ReadTx, leaf: Uint8Array): boolean {
    return tx.get(this.#leaves, leaf) !== undefined;
  }

  /** The chunk with this leaf, as the disk has it. */
  get(tx: ReadTx, leaf: Uint8Array): Uint8Array | undefined {
    const found = tx.get(this.#leaves, leaf);
    const head = found && tx.get(this.#chunks, found.n);
    return head && (found.tail.length > 0 ? concat(head, found.tail) : head);
  }

  /** One more place has this chunk, whose leaf this is. */
  add(tx: Tx, leaf: Uint8Array, chunk: Uint8Array): void {
    if (this.refer(tx, leaf)) return;
    const n = this.#next++;
    tx.put(this.#chunks, n, chunk.subarray(0, PAGE_ROOM));
    tx.put(this.#leaves, leaf, { n, references: 1, tail: chunk.subarray(PAGE_ROOM) });
  }

  /** One more place has a chunk that is here; false where it is not. */
  refer(tx: Tx, leaf: Uint8Array): boolean {
    const found = tx.get(this.#leaves, leaf);
    if (!found) return false;
    tx.put(this.#leaves, leaf, { ...found, references: found.references + 1 });
    return true;
  }

  /** One place less; with the last one its bytes go. */
  release(tx: Tx, leaf: Uint8Array): void {
    const found = tx.get(this.#leaves, leaf);
    if (!found) return;
    if (found.references > 1) {
      tx.put(this.#leaves, leaf, { ...found, references: found.references - 1 });
      return;
    }
    tx.remove(this.#leaves, leaf);
    tx.remove(this.#chunks, found.n);
  }
}
