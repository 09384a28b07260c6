/** A linked neighbour that speaks of ever new nodes: routes are bounded as announces are (docs/protocol/mesh.md). */
import { afterEach, expect, test } from 'vitest';
import { Identity } from '../../src/identity/keys.ts';
import { encodeAnnounce } from '../../src/mesh/announce.ts';
import { MOST_STRANGERS } from '../../src/mesh/destinations.ts';
import { previousStep } from '../../src/mesh/freshness.ts';
import { OWN_COST } from '../../src/mesh/metric.ts';
import { Village } from './routing-stations.ts';

const EXTRA = 40;
let village: Village;
afterEach(() => village.end());

test('whose announce has lost its place has lost its routes', async () => {
  village = new Village('forgotten');
  const { router } = await village.router('b');
  const liar = await village.liar('liar');
  const outsider = await village.stations.outsider('outsider');
  const random = village.stations.sim.random.fork('nodes');
  const spokenOf = Array.from({ length: MOST_STRANGERS + EXTRA }, () => {
    const identity = new Identity(random.bytes(32));
    const freshness = random.bytes(8);
    const anchor = previousStep(identity.nodeId, 1n, freshness);
    const announce = encodeAnnounce(identity, { sequence: 1n, anchor, booted: false, capabilities: 0 });
    announce.set([0, 0x40, 0, 0, 90, 2], announce.length - 6);
    const cost = { ...OWN_COST, metric: 9_000, hops: 1 };
    return { identity, announce, entry: { prefix: identity.nodeId.subarray(0, 4), freshness, cost } };
  });
  for (let i = 0; i < spokenOf.length; i += 10) {
    const some = spokenOf.slice(i, i + 10);
    for (const { announce } of some) await outsider.send(announce);
    await liar.say(...some.map((s) => s.entry));
  }
  const reached = spokenOf.filter(({ identity }) => router.candidates(identity.nodeId, 0).length > 0);
  expect(reached.length).toBeLessThanOrEqual(MOST_STRANGERS);
  expect(reached.length).toBeGreaterThan(MOST_STRANGERS - 10);
});
