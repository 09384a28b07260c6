/** How announces travel that nobody has asked for: docs/protocol/mesh.md, "Announce". */
import { afterEach, describe, expect, test } from 'vitest';
import { SeededRandom } from '../../src/core/random.ts';
import { nodeIdFrom } from '../../src/identity/node-id.ts';
import { KIND } from '../../src/link/frame.ts';
import { decodeAnnounce } from '../../src/mesh/announce.ts';
import { Gossip } from '../../src/mesh/gossip.ts';
import { OWN_COST } from '../../src/mesh/metric.ts';
import { Stations } from '../link/stations.ts';
import { Liar, Village } from './routing-stations.ts';

const MINUTE = 60_000;
let end: () => unknown = () => {};
afterEach(() => end());

/** A node that announces itself now and then, in earshot of routers. */
async function scene(...names: string[]) {
  const village = new Village('gossip');
  end = () => village.end();
  const { stations } = village;
  const routers = [];
  for (const name of names) routers.push(await village.router(name));
  const node = await village.liar('node');
  // who is heard, and has not spoken of it
  const other = await village.liar('other');
  const passedOn = (of = node) =>
    stations
      .sent(undefined, KIND.announce)
      .filter(({ from }) => names.includes(from))
      .map(({ bytes }) => decodeAnnounce(bytes))
      .filter((a) => typeof a !== 'string' && Buffer.from(a.nodeId).equals(of.id));
  return { village, node, other, passedOn, routers };
}

/** What a neighbour of that node says of it. */
const entryOf = ({ chain, id }: Liar) => ({
  ...{ prefix: id.subarray(0, 4), freshness: chain.step(0) },
  cost: { ...OWN_COST, metric: 9_000, hops: 1 },
});

describe('an announce that is news', () => {
  test('is passed on once, as by somebody else than its own node', async () => {
    const { node, passedOn, village } = await scene('a');
    await village.run(20 * MINUTE);
    node.announce(1n);
    await village.run(20 * MINUTE);
    expect(passedOn()).toEqual([expect.objectContaining({ cost: expect.objectContaining({ hops: 1 }) })]);
  });

  test('is not where all who are heard have spoken of it', async () => {
    const { node, other, passedOn, village } = await scene('a');
    const late = new Liar(village, await village.stations.station('late'));
    late.announce(1n);
    await village.run(1000);
    for (const neighbour of [node, other]) await neighbour.say(entryOf(late));
    await village.run(20 * MINUTE);
    expect(passedOn(late)).toEqual([]);
  });

  test('is passed on by one of those that hear each other', async () => {
    const { passedOn, village } = await scene('a', 'b', 'c', 'd');
    await village.run(20 * MINUTE);
    expect(passedOn()).toHaveLength(1);
  });

  test('is news again with a new sequence', async () => {
    const { node, passedOn, village } = await scene('a');
    await village.run(20 * MINUTE);
    node.announce(2n);
    await village.run(20 * MINUTE);
    expect(passedOn()).toHaveLength(2);
  });
});

describe('what waits to be passed on', () => {
  async function gossip({ isShared = true, seed = 1, lacking = (_first: number): number => 1 } = {}) {
    const stations = new Stations('gossip');
    const clock = stations.sim;
    const { link } = await stations.station('a');
    const airtime = () => link.airtime(125) ?? 0;
    const said: { readonly id: Uint8Array; readonly at: number }[] = [];
    const made = new Gossip({
      ...{
        clock,
        airtime,
        random: new SeededRandom(`gossip ${seed}`),
        hears: () => 20,
        isShared: () => isShared,
      },
      say: async (_how, choose) => {
        const id = choose();
        if (id) said.push({ id, at: clock.monotonic() });
        return id;
      },
      lacking: ([first = 0]) => lacking(first),
      isTrusted: () => false,
    });
    end = () => made.stop();
    return { clock, airtime, said, made };
  }
  const id = (n: number) => nodeIdFrom(new Uint8Array(16).fill(n));

  test('leaves nine tenths of the channel to others, where all in earshot pass on as much', async () => {
    const { airtime, clock, made, said } = await gossip();
    for (let n = 0; n < 20; n++) made.add(id(n), 'lora');
    await clock.run(20 * MINUTE);
    expect(said).toHaveLength(20);
    const [first, last] = [said[0], said.at(-1)];
    const pause = ((last?.at ?? 0) - (first?.at ?? 0)) / 19;
    expect(airtime() / pause).toBeGreaterThan(0.08 / 20);
    expect(airtime() / pause).toBeLessThan(0.12 / 20);
  });

  test('waits while links come about', async () => {
    const { airtime, clock, made, said } = await gossip();
    made.add(id(1), 'lora');
    await clock.run(1000 * airtime());
    expect(said).toEqual([]);
    await clock.run((20 * airtime()) / 0.1);
    expect(said).toHaveLength(1);
  });

  test('goes in another order at every box', async () => {
    const orders = [];
    for (const seed of [1, 2]) {
      const { clock, made, said } = await gossip({ seed });
      for (let n = 0; n < 20; n++) made.add(id(n), 'lora');
      await clock.run(20 * MINUTE);
      orders.push(said.map((s) => s.id));
    }
    expect(orders[0]).not.toEqual(orders[1]);
    expect(orders[0]).toEqual(expect.arrayContaining(orders[1] ?? []));
  });

  test('is first what the most neighbours lack, and not what none does', async () => {
    const { clock, made, said } = await gossip({ lacking: (n) => n % 4 });
    for (let n = 0; n < 20; n++) made.add(id(n), 'lora');
    await clock.run(20 * MINUTE);
    expect(said.map((s) => (s.id[0] ?? 0) % 4)).toEqual([3, 3, 3, 3, 3, 2, 2, 2, 2, 2, 1, 1, 1, 1, 1]);
    expect(made.hasNews).toBe(false);
  });

  test('is heard from others meanwhile, and not said', async () => {
    const { clock, made, said } = await gossip();
    made.add(id(1), 'lora');
    expect(made.hasNews).toBe(true);
    made.heard(id(1), 'lora');
    expect(made.hasNews).toBe(false);
    await clock.run(20 * MINUTE);
    expect(said).toEqual([]);
  });

  test('is nothing that came over connections', async () => {
    const { made } = await gossip({ isShared: false });
    made.add(id(1), 'lan');
    expect(made.hasNews).toBe(false);
  });

  test('is bounded', async () => {
    const { clock, made, said } = await gossip();
    for (let n = 0; n < 256; n++) made.add(id(n), 'lora');
    await clock.run(3 * 60 * MINUTE);
    expect(said).toHaveLength(128);
  });
});
