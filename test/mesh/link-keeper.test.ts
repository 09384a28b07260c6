/** Links to those in earshot, before there is mail: docs/protocol/mesh.md, "Links". */
import { afterEach, expect, test } from 'vitest';
import { encodeAnnounce } from '../../src/mesh/announce.ts';
import { encodeBeacon } from '../../src/mesh/beacon.ts';
import { OwnChain } from '../../src/mesh/freshness.ts';
import { nodeBehind, Village } from './routing-stations.ts';

const MINUTE = 60_000;
let village: Village;
afterEach(() => village.end());

/** A router, with a linked neighbour that has told of so many nodes: it has their announces to pass on for hours. */
async function routerWithNews(seed: string, nodes: number) {
  village = new Village(seed);
  const { station } = await village.router('b');
  const liar = await village.liar('liar');
  const outsider = await village.stations.outsider('outsider');
  const random = village.stations.sim.random.fork('nodes');
  for (let i = 0; i < nodes; i += 10) {
    const some = Array.from({ length: 10 }, () => nodeBehind(random));
    for (const { announce } of some) await outsider.send(announce);
    await liar.say(...some.map((s) => s.entry));
  }
  // where thirty share the channel little of it is left to each
  const facts = { capabilities: 0, tariffTier: 0, load: 0, hears: 30, started: undefined };
  await outsider.send(encodeBeacon({ nodeId: liar.id, ...facts }));
  return station;
}

test('a newcomer is linked within the hour, though the budget is spent for hours by what others have to say', async () => {
  const station = await routerWithNews('news', 120);
  await village.run(40 * MINUTE);
  const newcomer = await village.liar('newcomer');
  await village.run(60 * MINUTE);
  expect(station.link.shared.isMutual(newcomer.id)).toBe(true);
});

test('a link that a neighbour has begun lasts when its first announce is heard only then', async () => {
  village = new Village('late announce');
  const { station } = await village.router('b');
  const newcomer = await village.stations.station('newcomer');
  const { identity, link } = newcomer;
  link.shared.onOffer(() => true);
  const isLinked = () => station.link.shared.isMutual(identity.nodeId);
  await village.stations.resolve(link.shared.admit(station.identity.nodeId, { priority: 0 }));
  expect(isLinked()).toBe(true);
  await village.run(30 * MINUTE);
  const chain = (sequence: bigint) => new OwnChain(identity.nodeId, new Uint8Array(32).fill(7), sequence);
  const announce = (sequence: bigint) => {
    const own = { sequence, anchor: chain(sequence).step(0), booted: true, capabilities: 0 };
    void link.broadcast(encodeAnnounce(identity, own), 0);
  };
  announce(1n);
  await village.run(10_000);
  expect(isLinked()).toBe(true);
  // but not over a boot that is known to be one
  announce(2n);
  await village.run(3_000);
  expect(isLinked()).toBe(false);
});
