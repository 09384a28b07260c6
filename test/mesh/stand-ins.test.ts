/** docs/protocol/mesh.md, "Standing in": whose steps a mailbox releases, when, and how far. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Db } from '../../src/db/db.ts';
import { openDatabase } from '../../src/db/open.ts';
import { Identity } from '../../src/identity/keys.ts';
import { nodeIdKey } from '../../src/identity/node-id.ts';
import { decodeAnnounce, encodeAnnounce } from '../../src/mesh/announce.ts';
import { Destinations } from '../../src/mesh/destinations.ts';
import { OwnChain, OwnFreshness, orderOf, stepBefore } from '../../src/mesh/freshness.ts';
import { HandedSteps } from '../../src/mesh/handed-steps.ts';
import { OWN_COST } from '../../src/mesh/metric.ts';
import { RouteTable } from '../../src/mesh/route-table.ts';
import { StandIns } from '../../src/mesh/stand-ins.ts';
import { temporaryDirectory } from '../db/directories.ts';
import { Simulation } from '../simulation.ts';

const MINUTE = 60_000;
const T0 = 30 * MINUTE;
const secret = new Uint8Array(32).fill(9);
const away = new Identity(new Uint8Array(32).fill(1));
const key = nodeIdKey(away.nodeId);
const chain = new OwnChain(away.nodeId, secret, 1n);

let sim: Simulation;
let db: Db;
let directory: string;
let isUp: boolean;
let destinations: Destinations;
let table: RouteTable;
let standIns: StandIns;

/** The mailbox as it is after a start. */
async function start(): Promise<void> {
  const durability = { kind: 'simulated', clock: sim, delay: () => 1 } as const;
  db = await sim.resolve(openDatabase(directory, { durability }), 1_000);
  destinations = new Destinations({ db, isKept: () => true, spokenOfBy: () => undefined });
  const linkCost = () => ({ ms: 1, bandwidth: 1 });
  table = new RouteTable({ linkCost, lastCost: () => undefined, distance: () => undefined });
  standIns = new StandIns({ db, destinations, table, isUp: () => isUp, t0: () => T0, clock: sim });
  standIns.start();
}
const end = () => {
  standIns.stop();
  return sim.resolve(db.close(), 1_000);
};
const heard = () =>
  table.update(key, { via: key, cost: OWN_COST, order: known(), expiresAt: sim.monotonic() + 3 * T0 });
const known = () => destinations.get(key)?.chain.order ?? 0;
const take = (steps: number, of = chain) => sim.resolve(standIns.take(away.nodeId, of.step(steps)), 1_000);

beforeEach(async () => {
  sim = new Simulation(1);
  directory = temporaryDirectory();
  isUp = true;
  await start();
  const frame = encodeAnnounce(away, { sequence: 1n, anchor: chain.step(0), booted: true, capabilities: 0 });
  const announce = decodeAnnounce(frame);
  if (typeof announce === 'string') throw new Error(announce);
  destinations.learn(announce, frame);
  heard();
});
afterEach(end);

describe('a mailbox', () => {
  test('takes a step of the chain of an announce that it knows, and says what it knows of that', async () => {
    expect(await take(1500)).toBe(4096);
    expect(await take(1500, new OwnChain(away.nodeId, secret, 2n))).toBe('unknown');
    const stranger = new Identity(new Uint8Array(32).fill(2)).nodeId;
    expect(await sim.resolve(standIns.take(stranger, chain.step(5)), 1_000)).toBe('unknown');
  });

  test('releases one step every T0 while the node is away, as far as it can, and none while it is there', async () => {
    await take(4);
    await sim.run(3 * T0);
    expect(known()).toBe(orderOf(1n, 0));
    isUp = false;
    expect(standIns.standsFor(key)).toBe(true);
    await sim.run(T0);
    expect(known()).toBe(orderOf(1n, 1));
    await sim.run(T0);
    expect(known()).toBe(orderOf(1n, 2));
    expect(table.routes(key)).toMatchObject([{ via: key, order: orderOf(1n, 2), cost: { away: true } }]);
    await sim.run(9 * T0);
    expect(known()).toBe(orderOf(1n, 4));
  });

  test('goes on after a restart where it was, at once; but waits for those it had not stood in for', async () => {
    await take(100);
    await sim.run(MINUTE);
    await end();
    await start();
    isUp = false;
    await sim.run(62 * MINUTE);
    expect(known()).toBe(orderOf(1n, 0));
    await sim.run(4 * MINUTE);
    expect(known()).toBe(orderOf(1n, 1));
    await end();
    await start();
    await sim.run(2 * MINUTE);
    expect(known()).toBe(orderOf(1n, 2));
  });

  test('ends it where the node is heard of elsewhere: by a newer path without the mark, and by no other', async () => {
    await take(100);
    isUp = false;
    await sim.run(MINUTE);
    const word = { via: 'ab', expiresAt: sim.monotonic() + 3 * T0 };
    table.update(key, { ...word, cost: { ...OWN_COST, hops: 3, away: true }, order: known() + 5 });
    expect(standIns.standsFor(key)).toBe(true);
    table.update(key, { ...word, cost: { ...OWN_COST, hops: 3 }, order: known() + 6 });
    expect(standIns.standsFor(key)).toBe(false);
    await sim.run(4 * T0);
    expect(standIns.standsFor(key)).toBe(true);
  });

  test('stands down when it is told so', async () => {
    await take(100);
    isUp = false;
    await sim.run(2 * MINUTE);
    await sim.resolve(standIns.drop(away.nodeId), 1_000);
    expect([standIns.standsFor(key), standIns.knows(key)]).toEqual([false, false]);
  });
});

describe('a node that was away', () => {
  let position: number;
  const own = () =>
    new OwnFreshness({
      ...{ nodeId: away.nodeId, chainSecret: secret, nextPosition: () => position++ },
      skipTo: async (n) => {
        position = n;
      },
    });

  test('goes on beyond what its mailbox released, and believes no more than it has handed out', async () => {
    position = 10;
    const freshness = own();
    const handed = new HandedSteps(db, freshness);
    const step = await sim.resolve(handed.next(), 1_000);
    expect(step).toEqual(chain.step(1510));
    const released = stepBefore(away.nodeId, 1n, step ?? new Uint8Array(8), 1400);
    expect(released).toEqual(chain.step(110));
    expect(handed.orderOf(released)).toBe(orderOf(1n, 110));
    expect(handed.orderOf(chain.step(1511))).toBeUndefined();
    expect(handed.orderOf(chain.step(9))).toBeUndefined();
    expect(await handed.resumeBeyond(orderOf(1n, 1511))).toBe(false);
    expect(await handed.resumeBeyond(orderOf(1n, 110))).toBe(true);
    expect(freshness.order).toBe(orderOf(1n, 111));
  });

  test('remembers over a restart what it has handed out', async () => {
    position = 10;
    await sim.resolve(new HandedSteps(db, own()).next(), 1_000);
    await end();
    await start();
    position = 26;
    expect(new HandedSteps(db, own()).orderOf(chain.step(1510))).toBe(orderOf(1n, 1510));
  });

  test('issues its next announce where that was beyond 7/8 of the chain', async () => {
    position = 3583;
    const freshness = own();
    const handed = new HandedSteps(db, freshness);
    expect(await sim.resolve(handed.next(), 1_000)).toEqual(chain.step(4095));
    expect(await handed.resumeBeyond(orderOf(1n, 4000))).toBe(true);
    expect([freshness.sequence, freshness.steps]).toEqual([2n, 0]);
  });
});
