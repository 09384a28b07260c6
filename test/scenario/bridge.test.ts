/** Routes over two media: docs/protocol/mesh.md, "Route digests". */
import { afterEach, expect, test } from 'vitest';
import { nodeIdKey } from '../../src/identity/node-id.ts';
import { KIND } from '../../src/link/frame.ts';
import { decodeAnnounce } from '../../src/mesh/announce.ts';
import { kindOf } from '../airtime.ts';
import { type Box, World } from '../world.ts';
import { MINUTE, message, textsOf } from './messages.ts';

let world: World;
afterEach(() => world.end());

const idOf = (box: Box) => box.node.identity().nodeId;
const route = (from: Box, to: Box) => from.node.routes().find((r) => r.nodeId === idOf(to))?.next;

/** A laptop and another one on the LAN of a box with both media, and a box that only its radio reaches. */
async function bridge() {
  world = new World({ seed: 'bridge' });
  const hub = world.box('hub', { radio: true, lan: [] });
  const far = world.box('far');
  const laptops = ['laptop', 'desk'].map((name) => world.box(name, { radio: false, lan: ['hub'] }));
  await world.sim.resolve(Promise.all([hub, far, ...laptops].map((b) => b.start())), 60_000, 'the start');
  const [laptop, desk] = laptops;
  if (!laptop || !desk) throw new Error();
  return { hub, far, laptop, desk };
}

test('a box with both media is the way from one to the other', async () => {
  const { desk, far, hub, laptop } = await bridge();
  await world.sim.until(() => route(laptop, far) !== undefined, 40 * MINUTE, 'the route to the radio');
  expect(route(laptop, far)).toMatchObject({ via: idOf(hub), hops: 2 });
  await world.sim.until(() => route(laptop, desk) !== undefined, 40 * MINUTE, 'the route on the LAN');
  expect(route(laptop, desk)).toMatchObject({ via: idOf(hub), hops: 2 });
  expect(route(laptop, desk)?.airtimeMs).toBeLessThan(10);
  expect(route(laptop, desk)?.bandwidthBps).toBeUndefined();
});

test('a laptop and a box that only its radio reaches write to each other, and both know that it has arrived', async () => {
  const { far, hub, laptop } = await bridge();
  await message(world, laptop, far.contact, 'from the LAN');
  await message(world, far, laptop.contact, 'from the roof');
  expect([textsOf(far), textsOf(laptop), textsOf(hub)]).toEqual([['from the LAN'], ['from the roof'], []]);
});

test('who is on a LAN is said on the air once asked for there, not before', async () => {
  const { far, hub, laptop } = await bridge();
  const announced = new Set<string>();
  world.air.onTransmission.on((t) => {
    const announce = kindOf(t) === KIND.announce ? decodeAnnounce(t.bytes) : 'other';
    if (typeof announce !== 'string') announced.add(nodeIdKey(announce.nodeId));
  });
  await world.sim.run(90 * MINUTE);
  expect(route(hub, laptop)).toMatchObject({ via: idOf(laptop) });
  expect(route(far, laptop)).toBeUndefined();
  expect(announced).toEqual(new Set([idOf(hub), idOf(far)]));
  await world.settle(far.node.addContact('laptop', laptop.contact));
  await world.settle(far.node.send('laptop', 'hello'));
  await world.sim.until(() => route(far, laptop) !== undefined, MINUTE, 'the answer');
  expect(route(far, laptop)).toMatchObject({ via: idOf(hub), hops: 2 });
  await world.sim.run(120 * MINUTE);
  expect(route(far, laptop)).toBeDefined();
});
