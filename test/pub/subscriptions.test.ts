/** What is kept for neighbours is bounded, durable and has an end: docs/protocol/store.md, "NXS-Pub". */
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Db } from '../../src/db/db.ts';
import { openDatabase } from '../../src/db/open.ts';
import { nodeIdFrom } from '../../src/identity/node-id.ts';
import { type Subscription, Subscriptions } from '../../src/pub/subscriptions.ts';
import { temporaryDirectory } from '../db/directories.ts';
import { Simulation } from '../simulation.ts';

let sim: Simulation;
let db: Db;
let directory: string;
const open = () => {
  const durability = { kind: 'simulated', clock: sim, delay: () => 1 } as const;
  return sim.resolve(openDatabase(directory, { durability }), 1_000);
};
beforeEach(async () => {
  sim = new Simulation(1);
  directory = temporaryDirectory();
  db = await open();
});
afterEach(() => sim.resolve(db.close(), 1_000));

const node = (n: number) => nodeIdFrom(Uint8Array.from({ length: 16 }, (_, i) => (n >> (8 * i)) & 0xff));
const subscription = (n: number, number: number, stranger: boolean): Subscription => ({
  ...{ subscriber: node(n), number, topic: { kind: 'key', name: `topic ${number}` }, delivery: 'digest' },
  ...{ stranger, expiresAt: 1_000_000, cursor: 7 },
});

/** Offers them one after the other; how many were kept. */
async function offer(subscriptions: Subscriptions, offered: Iterable<Subscription>): Promise<number> {
  let kept = 0;
  const change = db.commit((tx) => {
    for (const s of offered) {
      if (!subscriptions.hasRoom(s.subscriber, s.stranger)) continue;
      subscriptions.put(tx, s);
      kept++;
      if (kept > 600) throw new Error('no bound');
    }
  });
  await sim.resolve(change, 1_000);
  return kept;
}

test('of 100,000 offered by as many strangers 128 are kept, and contacts find room beside them', async () => {
  const subscriptions = new Subscriptions(db);
  for (let n = 0; n < 100_000; n += 1) {
    const s = subscription(n, 1, true);
    if (subscriptions.hasRoom(s.subscriber, true)) await offer(subscriptions, [s]);
  }
  expect(subscriptions.size).toBe(128);
  for (let n = 200_000; n < 200_400; n++) await offer(subscriptions, [subscription(n, 1, false)]);
  expect(subscriptions.size).toBe(512);
});

test('they outlive a restart as they were, and free their places when removed', async () => {
  const mail: Subscription = { ...subscription(1, 0, true), topic: { kind: 'node' }, delivery: 'pull-hint' };
  const first = new Subscriptions(db);
  await offer(first, [mail, subscription(1, 3, true)]);
  await sim.resolve(db.close(), 1_000);
  db = await open();
  const again = new Subscriptions(db);
  expect([...again.all()]).toEqual([mail, subscription(1, 3, true)]);
  expect(again.hasMail(node(1))).toBe(true);
  await sim.resolve(
    db.commit((tx) => again.remove(tx, mail)),
    1_000,
  );
  expect(again.hasMail(node(1))).toBe(false);
  expect(again.size).toBe(1);
});
