/** Two relays that each believe the recipient to be reached through the other: docs/protocol/store.md, "Forwarding". */
import { afterEach, expect, test } from 'vitest';
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

/** Objects that are somewhere underway. */
const held = (boxes: readonly Box[]) => boxes.reduce((sum, x) => sum + x.node.status().store.objects, 0);

test.each([1, 2])(
  'it vanishes for ten hours: no ping-pong, a holder all the while, and delivery at its return (seed %i)',
  async (seed) => {
    const { air, s, b, c, d } = await scene(seed);
    d.pullThePlug();
    const at = world.sim.monotonic();
    const letters = [await write(world, s, d, 'one'), await write(world, s, d, 'two')];
    for (let h = 0; h < 10; h++) {
      await world.sim.run(HOUR);
      expect(held([s, b, c])).toBeGreaterThanOrEqual(letters.length);
    }
    const sealed = air.frames.filter((f) => f.kind === KIND.sealed && f.at > at);
    const seen = [s, b, c].map((x) => x.counters.get('store.refused.seen'));
    console.log(
      { seed, sealed: sealed.length, ms: sealed.reduce((n, f) => n + f.ms, 0), seen },
      [s, b, c].map((x) => JSON.stringify(x.counters.all())),
    );
    await world.settle(d.start());
    const took = await waitFor(world, () => letters.every(isDelivered), HOUR, 'delivery');
    console.log({ took });
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
  const took = await waitFor(world, () => letters.every(isDelivered), 20 * HOUR, 'delivery', MINUTE);
  const sealed = air.frames.filter((f) => f.kind === KIND.sealed && f.at > at);
  console.log(
    { seed, took: took / HOUR, sealed: sealed.length, ms: sealed.reduce((n, f) => n + f.ms, 0) },
    held([s, b, c, far]),
  );
  expect(textsOf(d).toSorted()).toEqual(['before', 'one', 'two']);
});
