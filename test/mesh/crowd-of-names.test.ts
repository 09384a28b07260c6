/**
 * One hostile radio that says ever new names, which cost nothing: docs/protocol/mesh.md, "Beacon", "Announce",
 * "Freshness". A neighbour that is linked, and no contact, stays what it is.
 */

import { afterEach, expect, test } from 'vitest';
import { Identity } from '../../src/identity/keys.ts';
import { nodeIdFrom } from '../../src/identity/node-id.ts';
import { encodeAnnounce } from '../../src/mesh/announce.ts';
import { encodeBeacon, type Started } from '../../src/mesh/beacon.ts';
import { UNSAID } from '../../src/mesh/channel-shares.ts';
import { MOST_STRANGERS } from '../../src/mesh/destinations.ts';
import { OwnChain } from '../../src/mesh/freshness.ts';
import { nodeBehind, Village } from './routing-stations.ts';

let village: Village;
afterEach(() => village.end());

async function scene() {
  village = new Village('names');
  const { router, station } = await village.router('b');
  const honest = await village.liar('honest');
  const outsider = await village.stations.outsider('outsider');
  const random = village.stations.sim.random.fork('names');
  const beacon = (id: Uint8Array, started?: Started) => {
    const facts = { capabilities: 0, tariffTier: 0, load: 0, crowd: UNSAID, started };
    return outsider.send(encodeBeacon({ nodeId: nodeIdFrom(id), ...facts }));
  };
  /** Announces of so many who are far away, as they say. */
  const invent = async (count: number) => {
    for (let i = 0; i < count; i++) {
      const own = { sequence: 1n, anchor: random.bytes(8), booted: false, capabilities: 0 };
      const frame = encodeAnnounce(new Identity(random.bytes(32)), own);
      frame.set([0, 0x40, 0, 0, 90, 2], frame.length - 6);
      await outsider.send(frame);
    }
  };
  return { router, station, honest, outsider, random, beacon, invent };
}

test('beacons of invented nodes do not push a linked neighbour out of earshot, nor fill memory', async () => {
  const { beacon, honest, random, router } = await scene();
  expect(router.candidates(honest.id, 0)).toHaveLength(1);
  for (let i = 0; i < 450; i++) await beacon(random.bytes(16));
  expect(router.candidates(honest.id, 0)).toMatchObject([{ neighbour: honest.id, direct: true }]);
  expect(router.neighbours().length).toBeGreaterThan(300);
  expect(router.neighbours().length).toBeLessThan(400);
});

test('announces of invented nodes do not make it forget the key and the chain of a linked neighbour', async () => {
  const { honest, invent, router } = await scene();
  await invent(MOST_STRANGERS + 50);
  expect(router.routes()).toHaveLength(MOST_STRANGERS + 1);
  expect(router.keyOf(honest.id)).toEqual(honest.station.identity.publicKey);
  await honest.say({
    prefix: honest.id.subarray(0, 4),
    freshness: honest.chain.step(1),
    cost: { metric: 0, price: 0, bottleneck: 255, hops: 0 },
  });
  expect(router.candidates(honest.id, 0)).toHaveLength(1);
});

test('nor those whom neighbours speak of, however they were heard of', async () => {
  const { honest, invent, outsider, random, router } = await scene();
  const nodes = Array.from({ length: 20 }, () => nodeBehind(random));
  for (const { announce } of nodes) await outsider.send(announce);
  for (const { entry } of nodes) await honest.say(entry);
  await invent(MOST_STRANGERS + 50);
  for (const { nodeId } of nodes) expect(router.candidates(nodeId, 0)).toHaveLength(1);
});

test('a step of a start is looked for as far as the chain can have gone since the last one, and no farther', async () => {
  const { beacon, honest, station } = await scene();
  const chain = new OwnChain(honest.id, new Uint8Array(32), 1n);
  const refused = () => station.counters.get('mesh.refused.unproven-beacon');
  await beacon(honest.id, { how: 'resumed', step: honest.chain.step(1) });
  expect(refused()).toBe(0);
  // a minute has not gone by: 256 steps and not one more
  await beacon(honest.id, { how: 'resumed', step: honest.chain.step(1 + 257) });
  await beacon(honest.id, { how: 'booted', step: chain.step(9) });
  expect(refused()).toBe(2);
  await beacon(honest.id, { how: 'resumed', step: honest.chain.step(1 + 256) });
  expect(refused()).toBe(2);
});
