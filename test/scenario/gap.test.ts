/** Mail goes as far as it can, and waits before the gap: docs/protocol/mesh.md, "Lasting"; store.md, "Forwarding". */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { nodeIdKey } from '../../src/identity/node-id.ts';
import { type Box, World } from '../world.ts';
import { MINUTE, textsOf } from './messages.ts';

const HOUR = 60 * MINUTE;
const NAMES = ['a', 'b', 'c', 'd'] as const;

let world: World;
let boxes: { readonly [N in (typeof NAMES)[number]]: Box };

/** A line of four, in which everybody has a route to everybody. */
beforeEach(async () => {
  world = new World({ apart: true, seed: 'gap' });
  const [a, b, c, d] = await world.boxes(...NAMES);
  boxes = { a, b, c, d };
  world.join(a, b);
  world.join(b, c);
  world.join(c, d);
  await world.settle(a.node.addContact('d', d.contact));
  const reached = (box: Box) => box.node.routes().filter((r) => r.next).length;
  await world.sim.until(() => NAMES.every((n) => reached(boxes[n]) === 3), 3 * HOUR, 'all routes');
  await world.sim.run(HOUR);
});
afterEach(() => world.end());

const held = (box: Box) => box.node.status().store.objects;

test('where the writer is off by the time the next relay is back, it arrives all the same', async () => {
  const { a, b, c, d } = boxes;
  c.pullThePlug();
  await world.sim.run(61 * MINUTE);
  const towardsD = b.node.routes().find((r) => r.nodeId === d.node.identity().nodeId);
  expect(towardsD).toMatchObject({ awaited: { via: nodeIdKey(c.nodeId) } });
  expect(towardsD).not.toHaveProperty('next');
  await world.settle(a.node.send('d', 'Leave the key with the baker'));
  // sooner than a mailbox would get what has no way
  await world.sim.until(() => held(b) === 1, 5 * MINUTE, 'custody of the relay before the gap');
  a.pullThePlug();
  await world.sim.run(10 * MINUTE);
  await world.settle(c.start());
  await world.sim.until(() => textsOf(d).length === 1, 5 * MINUTE, 'the message');
  expect(textsOf(d)).toEqual(['Leave the key with the baker']);
});
