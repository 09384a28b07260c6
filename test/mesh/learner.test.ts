/** docs/protocol/mesh.md, "Route digests". */
import { afterEach, describe, expect, test } from 'vitest';
import { logByteOf } from '../../src/core/log-byte.ts';
import { believedT0, lifetime, refreshInterval } from '../../src/mesh/learner.ts';
import { RETRACTED } from '../../src/mesh/metric.ts';
import { nodeBehind, Village } from './routing-stations.ts';

const HOUR = 3_600_000;

test('a route is said every T0 by its own end and those next to it, ever more rarely farther away, and lasts three times as long', () => {
  expect([0, 1, 2, 3, 4, 40].map((hops) => refreshInterval(HOUR, hops) / HOUR)).toEqual([1, 1, 2, 4, 8, 8]);
  expect([0, 1, 2, 3, 4, 40].map((hops) => lifetime(HOUR, hops) / HOUR)).toEqual([3, 3, 6, 12, 24, 24]);
});

test('a neighbour that says a T0 of weeks is believed twelve hours: what it leads to is forgotten within days', () => {
  expect(believedT0(logByteOf(31)) / HOUR).toBeCloseTo(31 / 60, 1);
  expect(believedT0(246)).toBe(12 * HOUR);
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
