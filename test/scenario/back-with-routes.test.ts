/** A box whose plug was pulled comes back with its routes: docs/protocol/mesh.md, "After a restart". */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { contentKinds } from '../airtime.ts';
import { type Box, SF7, World } from '../world.ts';
import { MINUTE, textsOf } from './messages.ts';

const T0 = 31 * MINUTE;
const NAMES = ['a', 'b', 'c', 'd'] as const;
type Name = (typeof NAMES)[number];

let world: World;
let boxes: Record<Name, Box>;

beforeEach(async () => {
  world = new World({ apart: true, seed: 'back', settings: { ...SF7, spreadingFactor: 9 } });
  const [a, b, c, d] = await world.boxes(...NAMES);
  boxes = { a, b, c, d };
  world.join(a, b);
  world.join(b, c);
  world.join(c, d);
  await world.settle(a.node.addContact('d', d.contact));
  await world.sim.until(() => NAMES.every((n) => reached(n) === 3), 3 * T0, 'all routes');
  await world.sim.run(T0);
});
afterEach(() => world.end());

const reached = (from: Name) => boxes[from].node.routes().filter((r) => r.next).length;

/** B is off for some minutes. */
async function restartB(): Promise<void> {
  boxes.b.pullThePlug();
  await world.sim.run(4 * MINUTE);
  await world.settle(boxes.b.start());
}

test('its routes are there as soon as its neighbours are, and lead a message on without a solicit or a handshake', async () => {
  const { a, d } = boxes;
  const spent = contentKinds(world.air);
  await restartB();
  expect(reached('b')).toBe(0);
  await world.sim.until(() => reached('b') === 3, MINUTE, 'its routes');
  await world.settle(a.node.send('d', 'Hello again'));
  await world.sim.until(() => textsOf(d).length === 1, 2 * MINUTE, 'the message');
  expect([spent.frames('solicit'), spent.frames('handshake')]).toEqual([0, 0]);
});

test('what it wants to send itself waits for its neighbours’ answers, not for a solicit’s', async () => {
  const { b, d } = boxes;
  await world.settle(b.node.addContact('d', d.contact));
  const spent = contentKinds(world.air);
  await restartB();
  await world.settle(b.node.send('d', 'from b'));
  await world.sim.until(() => textsOf(d).length === 1, 30_000, 'the message');
  expect([spent.frames('solicit'), spent.frames('handshake')]).toEqual([0, 0]);
});

test('what it had said is said again when it is due, and what it cannot reach at once is not taken back', async () => {
  const { a, b, c, d } = boxes;
  await restartB();
  world.part(b, c);
  const spent = contentKinds(world.air);
  // C is not heard for longer than a tick: A keeps its route to D, which is of use when C is heard again
  await world.sim.run(20 * MINUTE);
  const route = a.node.routes().find((r) => r.nodeId === d.node.identity().nodeId);
  expect(route?.next?.via).toBe(b.node.identity().nodeId);
  expect(spent.frames('announce')).toBeLessThanOrEqual(1);
  world.join(b, c);
  await world.sim.until(() => reached('b') === 3, 25 * MINUTE, 'its routes');
});
