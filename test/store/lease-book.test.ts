/** What a fee is computed from (docs/protocol/store.md, "Leases"). Golden bytes of the stored form. */
import { describe, expect, test } from 'vitest';
import { toHex } from '../../src/core/bytes.ts';
import type { LmdbDb } from '../../src/db/lmdb.ts';
import { type NodeId, nodeIdFrom, nodeIdKey } from '../../src/identity/node-id.ts';
import type { Holding } from '../../src/store/holding.ts';
import { type Lease, LeaseBook, leaseValue } from '../../src/store/lease-book.ts';
import { temporaryDirectory } from '../db/directories.ts';
import { memoryStore, objectAnd } from './holdings-scene.ts';

const HOUR = 3_600_000;
const STRANGER = nodeIdFrom(new Uint8Array(16).fill(2));
const CONTACT = nodeIdFrom(new Uint8Array(16).fill(1));
const isTrusted = (id: NodeId) => nodeIdKey(id) === nodeIdKey(CONTACT);

const held = (from: number, size: number, since: number): Holding =>
  objectAnd({ from, stranger: from !== 1, size, since }).holding;

function handedOn(taker: NodeId, size: number, since: number): Holding {
  const { holding } = objectAnd({ size, since });
  if (holding.trace.state !== 'held') throw new Error('it is held');
  return { ...holding, trace: { ...holding.trace, state: 'handed-on', taker: nodeIdKey(taker) } };
}

async function scene(): Promise<{ db: LmdbDb; book: LeaseBook; directory: string }> {
  const directory = temporaryDirectory();
  const db = await memoryStore(directory);
  return { db, book: new LeaseBook(db, isTrusted), directory };
}

describe('a lease', () => {
  test('begins with the first object of a stranger, free of charge, and adds up bytes times time', async () => {
    const { book, db } = await scene();
    await db.commit((tx) => book.begin(tx, held(2, 300, HOUR), HOUR));
    expect(book.of('taker', STRANGER)).toEqual({
      ...{ role: 'taker', rate: 0, limit: 0, since: HOUR, ended: undefined, objects: 0, byteMs: 0n },
    });
    await db.commit((tx) => book.left(tx, held(2, 300, HOUR), 3 * HOUR));
    await db.commit((tx) => book.left(tx, held(2, 1000, 2 * HOUR), 3 * HOUR));
    expect(book.of('taker', STRANGER)).toMatchObject({ objects: 2, byteMs: BigInt((600 + 1000) * HOUR) });
  });

  test('is of the giver where a stranger keeps something for us', async () => {
    const { book, db } = await scene();
    await db.commit((tx) => book.begin(tx, handedOn(STRANGER, 300, 0), 0));
    await db.commit((tx) => book.left(tx, handedOn(STRANGER, 300, 0), HOUR));
    expect(book.of('giver', STRANGER)).toMatchObject({ objects: 1, byteMs: BigInt(300 * HOUR) });
    expect(book.of('taker', STRANGER)).toBeUndefined();
  });

  test('is not made with contacts', async () => {
    const { book, db } = await scene();
    for (const holding of [held(1, 300, 0), handedOn(CONTACT, 300, 0)])
      await db.commit((tx) => {
        book.begin(tx, holding, 0);
        book.left(tx, holding, HOUR);
      });
    expect([book.of('taker', CONTACT), book.of('giver', CONTACT)]).toEqual([undefined, undefined]);
  });

  test('ends once; what is still held goes on being counted, and the next object begins a new one', async () => {
    const { book, db } = await scene();
    await db.commit((tx) => book.begin(tx, held(2, 300, 0), 0));
    await db.commit((tx) => book.end(tx, 'taker', STRANGER, HOUR));
    await db.commit((tx) => book.end(tx, 'taker', STRANGER, 2 * HOUR));
    await db.commit((tx) => book.left(tx, held(2, 300, 0), 3 * HOUR));
    expect(book.of('taker', STRANGER)).toMatchObject({ ended: HOUR, objects: 1, byteMs: BigInt(900 * HOUR) });
    await db.commit((tx) => book.begin(tx, held(2, 300, 4 * HOUR), 4 * HOUR));
    expect(book.of('taker', STRANGER)).toMatchObject({ since: 4 * HOUR, ended: undefined, objects: 0 });
  });

  test('is found again after a restart', async () => {
    const { book, db, directory } = await scene();
    await db.commit((tx) => book.begin(tx, held(2, 300, 0), 0));
    await db.commit((tx) => book.end(tx, 'taker', STRANGER, HOUR));
    await db.commit((tx) => book.begin(tx, held(2, 300, 0), 2 * HOUR));
    await db.commit((tx) => book.left(tx, held(2, 300, 0), 3 * HOUR));
    const before = book.of('taker', STRANGER);
    await db.close();
    const again = await memoryStore(directory);
    expect(new LeaseBook(again, isTrusted).of('taker', STRANGER)).toEqual(before);
  });

  test('is forgotten, the oldest first, once there are 4,096', async () => {
    const { book, db } = await scene();
    const from = (i: number) => {
      const id = new Uint8Array(16).fill(9);
      new DataView(id.buffer).setUint32(0, i);
      return nodeIdFrom(id);
    };
    await db.commit((tx) => {
      for (let i = 0; i < 4097; i++) book.begin(tx, { ...held(2, 300, 0), from: from(i) }, i);
    });
    expect(book.of('taker', from(0))).toBeUndefined();
    expect(book.of('taker', from(1))).toBeDefined();
    expect(book.of('taker', from(4096))).toBeDefined();
  });
});

describe('the stored form of a lease', () => {
  const lease: Lease = {
    ...{ role: 'giver', rate: 1, limit: 2, since: 3, ended: undefined, objects: 5 },
    byteMs: (6n << 64n) | 7n,
  };
  const u64 = (n: number) => n.toString(16).padStart(2, '0').padEnd(16, '0');
  const GOLDEN = `01${u64(1)}${u64(2)}${u64(3)}${'ff'.repeat(8)}${u64(5)}${u64(6)}${u64(7)}`;

  test('is byte for byte as written', () => {
    expect(toHex(leaseValue.encode(lease))).toBe(GOLDEN);
    expect(leaseValue.decode(leaseValue.encode(lease))).toEqual(lease);
    const ended = { ...lease, ended: 4 };
    expect(leaseValue.decode(leaseValue.encode(ended))).toEqual(ended);
  });
  test('of another role or length is refused', () => {
    const bytes = leaseValue.encode(lease);
    expect(() => leaseValue.decode(bytes.subarray(1))).toThrow();
    bytes[0] = 2;
    expect(() => leaseValue.decode(bytes)).toThrow();
  });
});
