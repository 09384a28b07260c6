/** What a box remembers of the messages it opened: docs/protocol/store.md, "Trace" and "Bounds". */
import { expect, test } from 'vitest';
import { Writer } from '../../src/core/bytes.ts';
import { lockOf } from '../../src/crypto/lock.ts';
import { GivenReceipts } from '../../src/store/receipts.ts';
import { temporaryDirectory } from '../db/directories.ts';
import { memoryInUse } from '../memory.ts';
import { memoryStore } from './holdings-scene.ts';

const DAY = 86_400_000;

const secret = (n: number) => new Writer(16).u64(BigInt(n)).u64(0n).bytes();
const lock = (n: number) => lockOf(secret(n));

test('a receipt that was given is found by its lock once it is durable, over restarts too, and by no other', async () => {
  const directory = temporaryDirectory();
  const db = await memoryStore(directory);
  const receipts = new GivenReceipts(db);
  const committed = db.commit((tx) => receipts.add(tx, lock(1), secret(1), 0));
  expect(receipts.secretOf(lock(1))).toBeUndefined();
  await committed;
  expect(receipts.secretOf(lock(1))).toEqual(secret(1));
  // whoever makes locks can make them begin alike
  const alike = lock(1);
  alike[15] = (alike[15] ?? 0) ^ 1;
  expect(receipts.secretOf(alike)).toBeUndefined();
  await db.commit((tx) => receipts.add(tx, alike, secret(2), 0));
  await db.close();
  const reopened = await memoryStore(directory);
  const again = new GivenReceipts(reopened);
  expect([again.secretOf(lock(1)), again.secretOf(alike)]).toEqual([secret(1), secret(2)]);
  await reopened.close();
});

test('it is forgotten after 60 days of own time, those that came first at first', async () => {
  const db = await memoryStore();
  const receipts = new GivenReceipts(db);
  await db.commit((tx) => {
    for (const day of [0, 1, 2]) receipts.add(tx, lock(day), secret(day), day * DAY);
  });
  const there = () => [0, 1, 2].filter((day) => receipts.secretOf(lock(day)));
  await db.commit((tx) => receipts.expire(tx, 61 * DAY - 1, 100));
  expect(there()).toEqual([1, 2]);
  await db.commit((tx) => receipts.expire(tx, 63 * DAY, 1));
  expect(there()).toEqual([2]);
  await db.close();
});

test('50,000 of them take less than 10 MB of memory, after a restart too', async () => {
  const directory = temporaryDirectory();
  let db = await memoryStore(directory);
  const before = memoryInUse();
  const receipts = new GivenReceipts(db);
  for (let i = 0; i < 50_000; i += 1_000)
    await db.commit((tx) => {
      for (let n = i; n < i + 1_000; n++) receipts.add(tx, lock(n), secret(n), 0);
    });
  expect(memoryInUse() - before).toBeLessThan(1e7);
  expect(receipts.secretOf(lock(49_999))).toEqual(secret(49_999));
  await db.close();
  db = await memoryStore(directory);
  const again = new GivenReceipts(db);
  expect(memoryInUse() - before).toBeLessThan(1e7);
  expect(again.secretOf(lock(7))).toEqual(secret(7));
  await db.close();
});
