/** RFC 8966, section 3.5.1. */
import { expect, test } from 'vitest';
import { openDatabase } from '../../src/db/open.ts';
import { nodeIdFrom, nodeIdKey } from '../../src/identity/node-id.ts';
import { FeasibilityDistances, isFeasible, nearest } from '../../src/mesh/feasibility.ts';
import { temporaryDirectory } from '../db/directories.ts';

const id = nodeIdFrom(new Uint8Array(16).fill(3));
const key = nodeIdKey(id);
const MINUTE = 60_000;

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

test('distances survive a reboot, until everybody has forgotten, however long that is', async () => {
  const directory = temporaryDirectory();
  let db = await openDatabase(directory, { durability: { kind: 'disk' } });
  let distances = new FeasibilityDistances(db, 0);
  distances.advertise(id, { order: 5, metric: 10 }, 50, 60 * MINUTE);
  expect(await distances.save()).toBe(true);
  distances.advertise(id, { order: 5, metric: 10 }, 60, 90 * MINUTE);
  distances.advertise(id, { order: 5, metric: 10 }, 70, 30 * MINUTE);
  expect(await distances.save()).toBe(true);
  await db.close();

  db = await openDatabase(directory, { durability: { kind: 'disk' } });
  distances = new FeasibilityDistances(db, 1000);
  expect(distances.of(key)).toMatchObject({ order: 5, metric: 10 });
  distances.expire(999 + 90 * MINUTE);
  expect(distances.of(key)).toBeDefined();
  distances.expire(1000 + 90 * MINUTE);
  expect(distances.of(key)).toBeUndefined();
  await distances.save();
  expect(new FeasibilityDistances(db, 1000).size).toBe(0);
  await db.close();
});
