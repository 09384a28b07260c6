/** docs/protocol/mesh.md, "After a restart". */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { LmdbDb } from '../../src/db/lmdb.ts';
import { openDatabase } from '../../src/db/open.ts';
import { Identity } from '../../src/identity/keys.ts';
import { nodeIdKey } from '../../src/identity/node-id.ts';
import { decodeAnnounce, encodeAnnounce } from '../../src/mesh/announce.ts';
import { Destinations } from '../../src/mesh/destinations.ts';
import { chainSecretOf, OwnChain, orderOf } from '../../src/mesh/freshness.ts';
import { type PathCost, RETRACTED } from '../../src/mesh/metric.ts';
import { RouteMemory } from '../../src/mesh/route-memory.ts';
import { RouteTable } from '../../src/mesh/route-table.ts';
import { temporaryDirectory } from '../db/directories.ts';

const MINUTE = 60_000;
const T0 = 30 * MINUTE;
const COST: PathCost = { metric: 9000, price: 0, bottleneck: 80, hops: 2 };
const via = (n: number) => n.toString(16).padStart(2, '0').repeat(16);

/** A destination with a chain of its own. */
class Far {
  readonly identity: Identity;
  readonly key: string;
  readonly #secret: Uint8Array;
  constructor(n: number) {
    this.identity = new Identity(new Uint8Array(32).fill(n));
    this.key = nodeIdKey(this.identity.nodeId);
    this.#secret = chainSecretOf(new Uint8Array(32).fill(n));
  }
  chain(sequence: bigint): OwnChain {
    return new OwnChain(this.identity.nodeId, this.#secret, sequence);
  }
}

const [D, E] = [new Far(1), new Far(2)];

let db: LmdbDb;
let directory: string;
beforeEach(async () => {
  directory = temporaryDirectory();
  db = await openDatabase(directory, { durability: { kind: 'disk' } });
});
afterEach(() => db.close());

/** What a box knows, begun at `now` on what the disk has. */
function box(now: number) {
  const destinations = new Destinations({ db, isKept: () => true, spokenOfBy: () => undefined });
  const linkCost = () => ({ ms: 100, bandwidth: 1000 });
  const table = new RouteTable({ linkCost, lastCost: () => undefined, distance: () => undefined });
  const memory = new RouteMemory({ db, destinations, table }, now);
  const dueAt = new Map(memory.said?.dueAt);
  const save = (at: number, t0 = T0) => memory.save(at, { t0, dueAt, around: 72 });
  const announce = (far: Far, sequence = 1n) => {
    const own = { sequence, anchor: far.chain(sequence).step(0), booted: false, capabilities: 0 };
    const frame = encodeAnnounce(far.identity, own);
    const read = decodeAnnounce(frame);
    if (typeof read === 'string') throw new Error(read);
    destinations.learn(read, frame);
  };
  /** A neighbour's word, of step `step`. */
  const learn = (far: Far, step: number, neighbour: string, expiresAt: number, cost = COST) => {
    const order = destinations.get(far.key)?.chain.prove(far.chain(1n).step(step), 4096);
    if (order === undefined) throw new Error('not proven');
    table.update(far.key, { via: neighbour, cost, order, expiresAt });
  };
  return { destinations, table, memory, dueAt, save, announce, learn };
}

/** The writes of a test's box from now on. */
function written(): { readonly commits: number } {
  const counted = { commits: 0 };
  const commit = db.commit.bind(db);
  db.commit = (change, options) => {
    counted.commits++;
    return commit(change, options);
  };
  return counted;
}

describe('over a restart', () => {
  test('routes go on with what was left of their lifetime, as new as they were, ready to be said', async () => {
    const before = box(0);
    before.announce(D);
    before.learn(D, 7, via(8), 90 * MINUTE);
    before.learn(D, 9, via(9), 150 * MINUTE, { ...COST, away: true });
    await before.save(50 * MINUTE);

    const after = box(1_000_000);
    expect(after.table.routes(D.key)).toEqual([
      { via: via(8), cost: COST, order: orderOf(1n, 7), expiresAt: 1_000_000 + 40 * MINUTE },
      {
        via: via(9),
        cost: { ...COST, away: true },
        order: orderOf(1n, 9),
        expiresAt: 1_000_000 + 100 * MINUTE,
      },
    ]);
    const chain = after.destinations.get(D.key)?.chain;
    expect(chain?.order).toBe(orderOf(1n, 9));
    for (const step of [0, 7, 9]) expect(chain?.valueOf(orderOf(1n, step))).toEqual(D.chain(1n).step(step));
    expect(chain?.prove(D.chain(1n).step(10), 1)).toBe(orderOf(1n, 10));
  });

  test('what was said is due when it would have been, and T0 and the share of the channel are what they were', async () => {
    const before = box(0);
    for (const far of [D, E]) before.announce(far);
    before.learn(D, 1, via(8), 90 * MINUTE);
    before.learn(E, 1, via(8), 90 * MINUTE);
    before.table.select(D.key, via(8));
    before.dueAt.set(D.key, 70 * MINUTE);
    await before.save(60 * MINUTE, 2 * T0);

    const after = box(5_000);
    expect(after.memory.said).toEqual({
      t0: 2 * T0,
      dueAt: new Map([[D.key, 5_000 + 10 * MINUTE]]),
      around: 72,
    });
    expect([...after.table.advertised()]).toEqual([D.key]);
    expect(after.table.selected(D.key)).toBe(via(8));
  });

  test('twice: running time adds up, and what has expired is gone from the disk', async () => {
    const first = box(0);
    first.announce(D);
    first.announce(E);
    first.learn(D, 1, via(8), 80 * MINUTE);
    first.learn(E, 1, via(8), 170 * MINUTE);
    await first.save(50 * MINUTE);
    const second = box(0);
    second.learn(E, 2, via(8), 120 * MINUTE);
    await second.save(30 * MINUTE);
    const third = box(0);
    expect(third.table.routes(D.key)).toEqual([]);
    expect(third.table.routes(E.key)).toMatchObject([{ order: orderOf(1n, 2), expiresAt: 90 * MINUTE }]);
    await third.save(0);
    expect([...box(0).table.destinations()]).toEqual([E.key]);
  });

  test('a neighbour’s T0 of weeks does not keep a route for longer than this box’s own would', async () => {
    const before = box(0);
    before.announce(D);
    before.learn(D, 1, via(8), 100_000 * MINUTE);
    await before.save(0);
    expect(box(0).table.routes(D.key)).toMatchObject([{ expiresAt: 3 * 2 * T0 }]);
  });

  test('routes to a neighbour itself are not kept: they are there once it is heard', async () => {
    const before = box(0);
    before.announce(D);
    before.learn(D, 1, D.key, 90 * MINUTE);
    before.table.select(D.key, D.key);
    before.dueAt.set(D.key, 0);
    await before.save(0);
    const after = box(0);
    expect(after.table.routes(D.key)).toEqual([]);
    expect(after.table.selected(D.key)).toBe(D.key);
  });

  test('under a newer announce routes are as they were, and the chain begins anew', async () => {
    const before = box(0);
    before.announce(D);
    before.learn(D, 5, via(8), 90 * MINUTE);
    await before.save(0);
    before.announce(D, 2n);
    const after = box(0);
    expect(after.table.routes(D.key)).toMatchObject([{ order: orderOf(1n, 5) }]);
    expect(after.destinations.get(D.key)?.chain.order).toBe(orderOf(2n, 0));
  });
});

describe('the disk', () => {
  test('is written once for all that has changed, and not where nothing has', async () => {
    const it = box(0);
    it.announce(D);
    it.announce(E);
    const disk = written();
    it.learn(D, 1, via(8), 90 * MINUTE);
    it.learn(E, 1, via(8), 90 * MINUTE);
    await it.save(0);
    expect(disk.commits).toBe(1);
    await it.save(5 * MINUTE);
    expect(disk.commits).toBe(1);
    it.table.update(D.key, { via: via(8), cost: { ...COST, metric: RETRACTED }, order: 0, expiresAt: 0 });
    await it.save(10 * MINUTE);
    expect(disk.commits).toBe(2);
    expect([...box(0).table.destinations()]).toEqual([E.key]);
  });

  /** A box that has written one route, of 90 minutes, and what it writes from then on. */
  async function saved() {
    const it = box(0);
    it.announce(D);
    it.learn(D, 1, via(8), 90 * MINUTE);
    await it.save(0);
    return { it, disk: written() };
  }

  test('is spared refreshes that bring nothing but time, until half of it would be lost', async () => {
    const { disk, it } = await saved();
    it.learn(D, 1, via(8), (30 + 90) * MINUTE);
    await it.save(30 * MINUTE);
    expect(disk.commits).toBe(0);
    it.learn(D, 1, via(8), (60 + 90) * MINUTE);
    await it.save(60 * MINUTE);
    expect(disk.commits).toBe(1);
    expect(box(0).table.routes(D.key)).toMatchObject([{ expiresAt: 90 * MINUTE }]);
  });

  test('is not spared a refresh for ever, though nothing is said after it', async () => {
    const { disk, it } = await saved();
    it.learn(D, 1, via(8), 120 * MINUTE);
    for (const minute of [30, 45, 60]) await it.save(minute * MINUTE);
    expect(disk.commits).toBe(0);
    await it.save(61 * MINUTE);
    expect(disk.commits).toBe(1);
    expect(box(0).table.routes(D.key)).toMatchObject([{ expiresAt: 59 * MINUTE }]);
  });

  test('that fails is tried again with the next save', async () => {
    const full = { free: 1e9 };
    await db.close();
    db = await openDatabase(directory, { durability: { kind: 'disk' }, freeBytes: () => full.free });
    const it = box(0);
    it.announce(D);
    it.learn(D, 1, via(8), 90 * MINUTE);
    full.free = 0;
    await db.commit(() => {}, { housekeeping: true }).catch(() => {});
    await it.save(0);
    expect([...box(0).table.destinations()]).toEqual([]);
    full.free = 1e9;
    await it.save(5 * MINUTE);
    expect([...box(0).table.destinations()]).toEqual([D.key]);
  });

  test('keeps 1,024 destinations, whoever comes first', async () => {
    const it = box(0);
    const table = it.table;
    const far = Array.from({ length: 1030 }, (_, n) => {
      const seed = new Uint8Array(32)
        .fill(3)
        .fill(n >> 8, 0, 1)
        .fill(n & 255, 1, 2);
      const identity = new Identity(seed);
      const frame = encodeAnnounce(identity, {
        ...{ sequence: 1n, anchor: new Uint8Array(8), booted: false, capabilities: 0 },
      });
      const read = decodeAnnounce(frame);
      if (typeof read === 'string') throw new Error(read);
      it.destinations.learn(read, frame);
      return nodeIdKey(identity.nodeId);
    });
    for (const key of far)
      table.update(key, { via: via(8), cost: COST, order: orderOf(1n, 0), expiresAt: 90 * MINUTE });
    await it.save(0);
    expect([...box(0).table.destinations()].sort()).toEqual(far.slice(0, 1024).sort());
    const [first = '', , , , , last = ''] = [far[0], ...far.slice(-5)];
    table.retract(first, via(8));
    await it.save(5 * MINUTE);
    const kept = new Set(box(0).table.destinations());
    expect([kept.size, kept.has(first), kept.has(last)]).toEqual([1024, false, false]);
    expect(kept.has(far[1024] ?? '')).toBe(true);
  });
});
