/** docs/protocol/mesh.md, "Route digests". */
import { afterEach, describe, expect, test } from 'vitest';
import { logByteOf } from '../../src/core/log-byte.ts';
import { Identity } from '../../src/identity/keys.ts';
import { announceThrough, encodeAnnounce } from '../../src/mesh/announce.ts';
import { OwnChain } from '../../src/mesh/freshness.ts';
import { believedT0, lifetime, refreshInterval } from '../../src/mesh/learner.ts';
import { OWN_COST, RETRACTED } from '../../src/mesh/metric.ts';
import { type Liar, nodeBehind, Village } from './routing-stations.ts';

const HOUR = 3_600_000;
const COST = { ...OWN_COST, metric: 9_000, hops: 1 };

test('a route is said every T0 by its own end and those next to it, ever more rarely farther away, and lasts three times as long', () => {
  expect([0, 1, 2, 3, 4, 40].map((hops) => refreshInterval(HOUR, hops) / HOUR)).toEqual([1, 1, 2, 4, 8, 8]);
  expect([0, 1, 2, 3, 4, 40].map((hops) => lifetime(HOUR, hops) / HOUR)).toEqual([3, 3, 6, 12, 24, 24]);
});

test('a neighbour that says a T0 of weeks is believed twelve hours: what it leads to is forgotten within days', () => {
  expect(believedT0(logByteOf(31)) / HOUR).toBeCloseTo(31 / 60, 1);
  expect(believedT0(246)).toBe(12 * HOUR);
});

describe('a neighbour whose entries prove nothing', () => {
  let village: Village;
  afterEach(() => village.end());

  test('is believed near the newest step only, for an hour; others as before', async () => {
    village = new Village('unproven');
    const { router } = await village.router('b');
    const [liar, honest] = [await village.liar('liar'), await village.liar('honest')];
    const { random } = village.stations.sim;
    const identity = new Identity(random.bytes(32));
    const { nodeId } = identity;
    const chain = new OwnChain(nodeId, random.bytes(32), 1n);
    const facts = { sequence: 1n, anchor: chain.step(0), booted: false, capabilities: 0 };
    const announce = announceThrough(encodeAnnounce(identity, facts), COST);
    await (await village.stations.outsider('outsider')).send(announce);
    const entry = { prefix: nodeId.subarray(0, 4), cost: COST };
    const junk = () => ({ ...entry, freshness: random.bytes(8) });
    const say = (by: Liar, step: number) => by.say({ ...entry, freshness: chain.step(step) });
    const newest = () => router.sequenceOf(nodeId);
    await say(liar, 1);
    for (let i = 0; i < 8; i++) await liar.say(...Array.from({ length: 8 }, junk));
    await say(liar, 100);
    expect(newest()).toBe(4096 + 1);
    await say(liar, 20);
    expect(newest()).toBe(4096 + 20);
    await say(honest, 100);
    expect(newest()).toBe(4096 + 100);
    await village.run(HOUR);
    await say(liar, 200);
    expect(newest()).toBe(4096 + 200);
  });
});

describe('an entry whose announce is lacking', () => {
  let village: Village;
  afterEach(() => village.end());

  /** A neighbour with a T0 of 31 min speaks of a node three hops behind it; its announce comes when it is told to. */
  async function spokenOf() {
    village = new Village('lacking');
    const { router } = await village.router('b');
    const liar = await village.liar('liar');
    const outsider = await village.stations.outsider('outsider');
    const { announce, entry, nodeId } = nodeBehind(village.stations.sim.random);
    const say = (metric: number) => liar.say({ ...entry, cost: { ...entry.cost, metric, hops: 3 } });
    const known = () => router.routes().find((r) => r.nodeId.join() === nodeId.join())?.known;
    await say(9_000);
    return { announced: () => outsider.send(announce), known, say };
  }

  test('waits for it as long as the route would have lasted', async () => {
    const { announced, known } = await spokenOf();
    await village.run(5 * HOUR);
    await announced();
    expect(known()).toBe(1);
  });

  test('no longer', async () => {
    const { announced, known } = await spokenOf();
    await village.run(7 * HOUR);
    await announced();
    expect(known()).toBe(0);
  });

  test('nor where it was taken back meanwhile', async () => {
    const { announced, known, say } = await spokenOf();
    await say(RETRACTED);
    await announced();
    expect(known()).toBe(0);
  });

  test('waits on while another neighbour speaks of more such nodes than are waited for', async () => {
    const { announced, known } = await spokenOf();
    const flood = await village.liar('flood');
    const random = village.stations.sim.random.fork('flood');
    const ofNobody = () => ({ ...nodeBehind(random).entry, prefix: random.bytes(4) });
    for (let i = 0; i < 110; i++) await flood.say(...Array.from({ length: 10 }, ofNobody));
    await announced();
    expect(known()).toBe(1);
  });
});
