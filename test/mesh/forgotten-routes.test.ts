/** A linked neighbour that speaks of ever new nodes: routes are bounded as announces are (docs/protocol/mesh.md). */
import { afterEach, expect, test } from 'vitest';
import { MOST_STRANGERS } from '../../src/mesh/destinations.ts';
import { nodeBehind, Village } from './routing-stations.ts';

const EXTRA = 40;
let village: Village;
afterEach(() => village.end());

test('whose announce has lost its place has lost its routes', async () => {
  village = new Village('forgotten');
  const { router } = await village.router('b');
  const liar = await village.liar('liar');
  const outsider = await village.stations.outsider('outsider');
  const random = village.stations.sim.random.fork('nodes');
  const spokenOf = Array.from({ length: MOST_STRANGERS + EXTRA }, () => nodeBehind(random));
  for (let i = 0; i < spokenOf.length; i += 10) {
    const some = spokenOf.slice(i, i + 10);
    for (const { announce } of some) await outsider.send(announce);
    await liar.say(...some.map((s) => s.entry));
  }
  const reached = spokenOf.filter(({ nodeId }) => router.candidates(nodeId, 0).length > 0);
  expect(reached.length).toBeLessThanOrEqual(MOST_STRANGERS);
  expect(reached.length).toBeGreaterThan(MOST_STRANGERS - 10);
});
