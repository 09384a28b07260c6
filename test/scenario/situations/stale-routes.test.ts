/** Two relays that each believe the recipient to be reached through the other: docs/protocol/store.md, "Forwarding". */
import { afterEach, expect, test } from 'vitest';
import { nodeIdKey } from '../../../src/identity/node-id.ts';
import { KIND } from '../../../src/link/frame.ts';
import { type Box, World } from '../../world.ts';
import { MINUTE, message, textsOf } from '../messages.ts';
import { AirLog, HOUR } from './air-log.ts';
import { isDelivered, waitFor, write } from './waiting.ts';

let world: World;
afterEach(() => world.end());

/** s hears b and c, which hear each other; d hears both of them, until it goes. All routes are warm. */
async function scene(seed: number) {
  world = new World({ seed, apart: true });
  const air = new AirLog(world.air);
  const [s, b, c, d] = await world.boxes('s', 'b', 'c', 'd');
  world.join(s, b);
  world.join(s, c);
  world.join(b, c);
  world.join(b, d);
  world.join(c, d);
  await world.settle(s.node.addContact('d', d.contact));
  await world.sim.run(2 * HOUR);
  await message(world, s, 'd', 'before');
  return { air, s, b, c, d };
}

/** Copies that somebody has custody of: what its writer keeps beside one that it has handed on does not count. */
const held = (boxes: readonly Box[]) =>
  boxes.reduce((sum, x) => sum + x.node.store(0, 0).amounts.held.objects, 0);

/** Through how many others a box has been told that `target` is reached, beside the way it would take. */
const besides = (box: Box, target: Box) =>
  box.node.routes().find((r) => r.nodeId === nodeIdKey(target.nodeId))?.alternatives;

test.each([1, 2])(
  'it vanishes for ten hours: no ping-pong, a holder all the while, and delivery at its return (seed %i)',
  async (seed) => {
    const { air, s, b, c, d } = await scene(seed);
    const at = world.sim.monotonic();
    const letters = await Promise.all(['one', 'two'].map((text) => write(world, s, d, text)));
    d.pullThePlug();
    // each of the two has the other's word that it is a way, and that of s
    expect([besides(b, d), besides(c, d)]).toEqual([2, 2]);
    for (let h = 0; h < 10; h++) {
      await world.sim.run(HOUR);
      expect(held([s, b, c])).toBeGreaterThanOrEqual(letters.length);
    }
    const sealed = air.frames.filter((f) => f.kind === KIND.sealed && f.at > at);
    // two letters, each tried where it was last heard, and then held: no more than a letter every other hour
    expect(sealed.reduce((ms, f) => ms + f.ms, 0)).toBeLessThan(10_000);
    await world.settle(d.start());
    await waitFor(world, () => letters.every(isDelivered), 20 * MINUTE, 'delivery');
    expect(textsOf(d).toSorted()).toEqual(['before', 'one', 'two']);
  },
);

test.each([1, 2])('it moves to the other end of the mesh: the letters follow (seed %i)', async (seed) => {
  const { air, s, b, c, d } = await scene(seed);
  const far = world.box('far');
  world.join(far, s);
  await world.settle(far.start());
  await world.sim.run(HOUR);
  const at = world.sim.monotonic();
  for (const x of [b, c]) world.part(x, d);
  const letters = [await write(world, s, d, 'one'), await write(world, s, d, 'two')];
  await world.sim.run(20 * MINUTE);
  world.join(far, d);
  // at the latest when whoever has it gives it back, which it does after two hours without a way
  await waitFor(world, () => letters.every(isDelivered), 4 * HOUR, 'delivery', MINUTE);
  const sealed = air.frames.filter((f) => f.kind === KIND.sealed && f.at > at);
  expect(sealed.reduce((ms, f) => ms + f.ms, 0)).toBeLessThan(15_000);
  expect(held([s, b, c, far])).toBe(0);
  expect(textsOf(d).toSorted()).toEqual(['before', 'one', 'two']);
});
