/** RFC 8966, section 3.5.1. */
import { expect, test } from 'vitest';
import { openDatabase } from '../../src/db/open.ts';
import { nodeIdFrom, nodeIdKey } from '../../src/identity/node-id.ts';
import { FeasibilityDistances, isFeasible, nearest, steady } from '../../src/mesh/feasibility.ts';
import { OWN_COST, TWICE } from '../../src/mesh/metric.ts';
import { temporaryDirectory } from '../db/directories.ts';
import { Simulation } from '../simulation.ts';

const id = nodeIdFrom(new Uint8Array(16).fill(3));
const key = nodeIdKey(id);

test.each([
  ['anything, where nothing was advertised', { order: 1, metric: 900 }, undefined, true],
  ['a newer word, whatever it costs', { order: 6, metric: 900 }, { order: 5, metric: 10 }, true],
  ['the same word at a lower metric', { order: 5, metric: 9 }, { order: 5, metric: 10 }, true],
  ['not the same at the same metric', { order: 5, metric: 10 }, { order: 5, metric: 10 }, false],
  ['not an older word', { order: 4, metric: 1 }, { order: 5, metric: 10 }, false],
])('feasible is %s', (_what, path, own, feasible) => {
  expect(isFeasible(path, own)).toBe(feasible);
});

test('the best that was ever advertised counts', () => {
  expect(nearest({ order: 5, metric: 20 }, { order: 5, metric: 10 })).toEqual({ order: 5, metric: 10 });
  expect(nearest({ order: 6, metric: 20 }, { order: 5, metric: 10 })).toEqual({ order: 6, metric: 20 });
});

test.each([
  ['as it is, where nothing was said', 900, undefined, 900],
  ['as it is under a newer order', 900, { order: 4, metric: 100 }, 900],
  ['as it is where it is better', 900, { order: 5, metric: 1000 }, 900],
  ['as it was said, where it is worse', 1000, { order: 5, metric: 900 }, 900],
  ['as it is where it takes twice as long', 900 + TWICE, { order: 5, metric: 900 }, 900 + TWICE],
])('a path is said %s', (_what, metric, own, said) => {
  expect(steady({ ...OWN_COST, metric }, 5, own)).toEqual({ ...OWN_COST, metric: said });
});

test('distances survive a reboot, and no time ends them', async () => {
  const directory = temporaryDirectory();
  let db = await openDatabase(directory, { durability: { kind: 'disk' } });
  let distances = new FeasibilityDistances(db);
  distances.advertise(id, { order: 5, metric: 10 });
  distances.advertise(id, { order: 5, metric: 20 });
  expect(await distances.save()).toBe(true);
  await db.close();

  db = await openDatabase(directory, { durability: { kind: 'disk' } });
  distances = new FeasibilityDistances(db);
  expect(distances.of(key)).toMatchObject({ order: 5, metric: 10 });
  await db.close();
});

test('whoever has nothing new to save waits for what is being saved', async () => {
  const sim = new Simulation();
  const durability = { kind: 'simulated', clock: sim, delay: () => 50 } as const;
  const db = await openDatabase(temporaryDirectory(), { durability });
  const distances = new FeasibilityDistances(db);
  const saved: string[] = [];
  distances.advertise(id, { order: 5, metric: 10 });
  void distances.save().then(() => saved.push('the digest may go'));
  void distances.save().then(() => saved.push('the answer may go'));
  await sim.run(40);
  expect(saved).toEqual([]);
  await sim.run(20);
  expect(saved).toEqual(['the digest may go', 'the answer may go']);
  expect(await distances.save()).toBe(true);
  await sim.resolve(db.close(), 1_000);
});

test('beyond 4,096 the one advertised longest ago goes, from the disk too', async () => {
  const db = await openDatabase(temporaryDirectory(), { durability: { kind: 'disk' } });
  const distances = new FeasibilityDistances(db);
  const nth = (n: number) =>
    nodeIdFrom(
      new Uint8Array(16)
        .fill(1)
        .fill(n >> 8, 0, 1)
        .fill(n & 255, 1, 2),
    );
  for (let n = 0; n < 4096; n++) distances.advertise(nth(n), { order: 5, metric: 10 });
  distances.advertise(nth(0), { order: 5, metric: 10 });
  distances.advertise(id, { order: 5, metric: 10 });
  expect(await distances.save()).toBe(true);
  for (const kept of [distances, new FeasibilityDistances(db)]) {
    expect(kept.size).toBe(4096);
    expect(kept.of(nodeIdKey(nth(1)))).toBeUndefined();
    for (const there of [nth(0), nth(2), id]) expect(kept.of(nodeIdKey(there))).toBeDefined();
  }
  await db.close();
});
