/** What goes to make room, and in which order (docs/protocol/store.md, "Garbage"). */
import { describe, expect, test } from 'vitest';
import type { ReadTx } from '../../src/db/db.ts';
import { nodeIdFrom, nodeIdKey } from '../../src/identity/node-id.ts';
import { Garbage } from '../../src/store/garbage.ts';
import type { Holding } from '../../src/store/holding.ts';
import { Holdings } from '../../src/store/holdings.ts';
import { OBJECT_PRIORITY } from '../../src/store/object.ts';
import { GRACE_MS, garbageClass } from '../../src/store/unpaid.ts';
import { type Kept, keep, memoryStore } from './holdings-scene.ts';

const { critical, lazy, normal } = OBJECT_PRIORITY;
const HOUR = 3_600_000;
const NOW = 100 * HOUR;
const old = NOW - GRACE_MS;
const young = NOW - GRACE_MS + 1;

const kept: Record<string, Kept> = {
  'own, written long ago': { since: 0 },
  "a contact's, old and lazy": { from: 1, since: 0, priority: lazy },
  "a stranger's, old": { from: 2, stranger: true, since: old },
  "a stranger's, older": { from: 2, stranger: true, since: old - 1 },
  "another stranger's, old and critical": { from: 3, stranger: true, since: old, priority: critical },
  "a stranger's, young": { from: 2, stranger: true, since: young },
  "a stranger's, young and lazy": { from: 3, stranger: true, since: young, priority: lazy },
};

async function scene(isMail: (holding: Holding) => boolean = () => false) {
  const db = await memoryStore();
  const holdings = new Holdings(db);
  const names = new Map<number, string>();
  for (const [name, k] of Object.entries(kept)) names.set(await keep(db, holdings, k), name);
  const garbage = new Garbage(holdings, isMail);
  const victims = (disk: 'ok' | 'tight' | 'full' | 'failed', limit = 100) =>
    db.read((tx) => garbage.victims(tx, NOW, disk, limit)).map((n) => names.get(n));
  return { db, holdings, garbage, victims };
}

const UNPAID = ["a stranger's, old", "a stranger's, older", "another stranger's, old and critical"];

describe('garbage', () => {
  test('is nothing while the disk is ok and every part has room', async () => {
    expect((await scene()).victims('ok')).toEqual([]);
  });

  test('is what strangers gave, past its grace, where the disk is tight: in the order it came', async () => {
    expect((await scene()).victims('tight')).toEqual(UNPAID);
  });

  test('is then what strangers call lazy, where the disk is full; never what a contact gave or was written here', async () => {
    expect((await scene()).victims('full')).toEqual([...UNPAID, "a stranger's, young and lazy"]);
  });

  test('is nothing where nothing can be written', async () => {
    expect((await scene()).victims('failed')).toEqual([]);
  });

  test('goes by and by: no more than the limit at a time', async () => {
    expect((await scene()).victims('full', 2)).toEqual(UNPAID.slice(0, 2));
  });

  test('of a part that was full is an eighth of it, once', async () => {
    const { garbage, victims } = await scene();
    garbage.want({ part: 'strangers', neighbour: 'whoever' });
    expect(victims('ok')).toEqual(UNPAID.slice(0, 1));
    expect(victims('ok')).toEqual([]);
  });

  test('is no mail that this box keeps for others, unless the disk itself has no room', async () => {
    const isMail = ({ from }: Holding) => from !== undefined && from[0] === 2;
    const { garbage, victims } = await scene(isMail);
    garbage.want({ part: 'strangers', neighbour: 'whoever' });
    expect(victims('ok')).toEqual(UNPAID.slice(2));
    expect(victims('tight')).toEqual(UNPAID);
  });

  test("of one neighbour's part is that neighbour's own", async () => {
    const { garbage, victims } = await scene();
    const neighbour = nodeIdKey(nodeIdFrom(new Uint8Array(16).fill(3)));
    garbage.want({ part: 'neighbour', neighbour });
    expect(victims('ok')).toEqual(UNPAID.slice(2));
  });
});

test('is found without reading what may not go yet', async () => {
  const { db, garbage } = await scene();
  const reads = (disk: 'tight' | 'full', now: number) =>
    db.read((tx) => {
      let count = 0;
      const get: ReadTx['get'] = (table, key) => {
        count++;
        return tx.get(table, key);
      };
      garbage.victims({ get, range: tx.range.bind(tx) }, now, disk, 100);
      return count;
    });
  const before = old - 1 + GRACE_MS - 1; // the older one's grace is not over
  expect([reads('tight', before), reads('full', before)]).toEqual([0, 1]);
  expect([reads('tight', NOW), reads('full', NOW)]).toEqual([UNPAID.length, UNPAID.length + 1]);
});

test('only what is held is garbage: what was handed on has no bytes to free', () => {
  const held = { from: nodeIdFrom(new Uint8Array(16)), priority: normal, since: 0, stranger: true } as const;
  const in_ = (state: string) => garbageClass({ ...held, trace: { state } } as Holding, NOW);
  expect(['held', 'handed-on', 'dropped', 'receipted'].map(in_)).toEqual([
    'unpaid',
    undefined,
    undefined,
    undefined,
  ]);
});
