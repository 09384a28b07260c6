/** A relay that dies with what it took, over the routes that the mesh finds: docs/protocol/store.md, "Asking". */
import { afterEach, expect, test } from 'vitest';
import { type Box, World } from '../../world.ts';
import { MINUTE, message, statesOf, textsOf } from '../messages.ts';
import { HOUR } from './air-log.ts';
import { isDelivered, type Letter, waitFor, write } from './waiting.ts';

let world: World;
afterEach(() => world.end());

interface Scene {
  readonly a: Box;
  readonly d: Box;
  readonly letter: Letter;
  readonly dead: Box;
  readonly alive: Box;
}

/** a – b – d and a – c – d: one of the two relays has a's letter, cannot reach d, and dies. */
async function takenToTheGrave(seed: number): Promise<Scene> {
  world = new World({ seed, apart: true });
  const [a, b, c, d] = await world.boxes('a', 'b', 'c', 'd');
  for (const relay of [b, c]) for (const end of [a, d]) world.join(relay, end);
  await world.settle(a.node.addContact('d', d.contact));
  await world.sim.run(HOUR);
  await message(world, a, 'd', 'before');
  for (const relay of [b, c]) world.part(relay, d);
  const letter = await write(world, a, d, 'once');
  await waitFor(world, () => statesOf(a, letter.id).at(-1) === 'in custody', 5 * MINUTE, 'custody');
  const [dead, alive] = b.node.status().store.objects === 1 ? [b, c] : [c, b];
  expect(dead.node.status().store.objects).toBe(1);
  dead.pullThePlug();
  return { a, d, letter, dead, alive };
}

test('dead for good: asked in vain after an hour, the letter goes the other way', async () => {
  const { a, alive, d, letter } = await takenToTheGrave(1);
  world.join(alive, d);
  const took = await waitFor(world, () => isDelivered(letter), 3 * HOUR, 'delivery', MINUTE);
  expect(took).toBeGreaterThan(50 * MINUTE);
  expect(textsOf(d)).toEqual(['before', 'once']);
  expect(statesOf(a, letter.id).slice(2)).toEqual(['in custody', 'stored', 'in custody', 'delivered']);
});

test('back a day later, when it has long arrived: nothing comes twice, and nobody keeps it', async () => {
  const { alive, d, dead, letter } = await takenToTheGrave(2);
  world.join(alive, d);
  await world.sim.run(24 * HOUR);
  expect(isDelivered(letter)).toBe(true);
  world.join(dead, d);
  await world.settle(dead.start());
  await world.sim.run(3 * HOUR);
  expect(textsOf(d)).toEqual(['before', 'once']);
  expect(dead.node.status().store.objects).toBe(0);
});

test('back a day later, the only way there is: its old copy and the new one arrive as one', async () => {
  const { a, d, dead, letter } = await takenToTheGrave(3);
  await world.sim.run(24 * HOUR);
  expect(textsOf(d)).toEqual(['before']);
  world.join(dead, d);
  await world.settle(dead.start());
  await waitFor(world, () => isDelivered(letter), 10 * MINUTE, 'delivery');
  await world.sim.run(6 * HOUR);
  expect(textsOf(d)).toEqual(['before', 'once']);
  expect([a, dead].map((box) => box.node.status().store.objects)).toEqual([0, 0]);
});
