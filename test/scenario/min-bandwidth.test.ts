/**
 * An object says how fast its way must be at least, and goes no slower one, over any number of hops:
 * docs/protocol/mesh.md, "Next hop"; store.md, "Forwarding", rule 2.
 */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { RECORD } from '../../src/link/records.ts';
import { encodeParcel } from '../../src/store/parcel.ts';
import { BareLanNeighbour } from '../bare-lan-neighbour.ts';
import { type Box, World } from '../world.ts';
import { MINUTE } from './messages.ts';

/** bit/s: SF7 carries 5 kbit/s, the LAN whatever is asked for. */
const SLOW = 4_000;
const FAST = 8_000;

let world: World;
let boxes: Record<'hub' | 'near' | 'far' | 'laptop', Box>;
let giver: BareLanNeighbour;

/** hub and near by radio, near and far by radio; a laptop, and whoever brings mail, on the hub's LAN. */
beforeEach(async () => {
  world = new World({ seed: 'bandwidth', apart: true });
  const hub = world.box('hub', { radio: true, lan: [] });
  const [near, far] = [world.box('near'), world.box('far')];
  const laptop = world.box('laptop', { radio: false, lan: ['hub'] });
  world.join(hub, near);
  world.join(near, far);
  boxes = { hub, near, far, laptop };
  await world.sim.resolve(Promise.all(Object.values(boxes).map((b) => b.start())), MINUTE, 'the start');
  const reached = (to: Box) =>
    hub.node.routes().some((r) => r.nodeId === to.node.identity().nodeId && r.next !== undefined);
  await world.sim.until(() => [near, far, laptop].every(reached), 60 * MINUTE, 'all routes');
  giver = await BareLanNeighbour.start(world, hub, 'giver');
});
afterEach(() => world.end());

/** Hands the hub something for `to`: what becomes of it. */
async function hand(to: Box, minBandwidth: number): Promise<'refused' | 'kept' | 'passed on'> {
  const { hub } = boxes;
  const { random } = world.sim;
  const refused = hub.counters.get('store.refused.no-route');
  const header = {
    ...({ contentType: 0, priority: 1, ttl: 200 } as const),
    ...{ minBandwidth, lock: random.bytes(16), recipients: [to.nodeId] },
    travel: { attempt: 0, sequence: 0, age: 0, hopsLeft: 9 },
  };
  await giver.say({ type: RECORD.push, body: encodeParcel({ header, bytes: random.bytes(50) }) });
  await world.sim.run(20_000);
  if (hub.counters.get('store.refused.no-route') > refused) return 'refused';
  if (hub.node.store(0, 0).amounts.held.objects > 0) return 'kept';
  // its recipient cannot open it, and says so to whoever has handed it over
  expect(to.counters.get('store.refused.unreadable')).toBe(1);
  return 'passed on';
}

test.each([
  ['near', SLOW, 'passed on'],
  ['near', FAST, 'kept'], // it has made the hub its mailbox, which waits for a better link
  ['far', SLOW, 'passed on'],
  ['far', FAST, 'refused'],
  ['laptop', FAST, 'passed on'],
] as const)('for %s, at least %i bit/s: %s', async (name, minBandwidth, becomes) => {
  expect(await hand(boxes[name], minBandwidth)).toBe(becomes);
});
