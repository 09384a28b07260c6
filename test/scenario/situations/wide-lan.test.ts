/** A box with radio and LAN that learns of more than a thousand nodes there: docs/protocol/mesh.md, "Route digests". */
import { afterEach, expect, test } from 'vitest';
import { Counters } from '../../../src/core/counters.ts';
import { silent } from '../../../src/core/log.ts';
import { encodeContactCode } from '../../../src/identity/contact-code.ts';
import { Identity } from '../../../src/identity/keys.ts';
import { nodeIdKey } from '../../../src/identity/node-id.ts';
import { KIND } from '../../../src/link/frame.ts';
import { LanMedium } from '../../../src/link/lan/lan-medium.ts';
import type { NodeLink } from '../../../src/link/node-link.ts';
import { RECORD } from '../../../src/link/records.ts';
import { announceThrough, encodeAnnounce } from '../../../src/mesh/announce.ts';
import { decodeBeacon } from '../../../src/mesh/beacon.ts';
import { ONE_NODE } from '../../../src/mesh/channel-shares.ts';
import { MOST_STRANGERS } from '../../../src/mesh/destinations.ts';
import { type DigestEntry, encodeDigest, PREFIX_LENGTH } from '../../../src/mesh/digest.ts';
import { previousStep } from '../../../src/mesh/freshness.ts';
import { metricOf, type PathCost } from '../../../src/mesh/metric.ts';
import { type Box, SF7, World } from '../../world.ts';
import { MINUTE } from '../messages.ts';
import { AirLog, HOUR } from './air-log.ts';
import { announceOf, bareLink } from './liar.ts';
import { waitFor, write } from './waiting.ts';

const NODES = 1_100;
const A_HOP: PathCost = { metric: metricOf(1), price: 0, bottleneck: 255, hops: 1 };

/** As full as a place can be said to be. */
const FULL = { here: 255, around: 255 };

let world: World;
afterEach(() => world.end());

/** A node that a neighbour speaks of: its announce, and an entry that this proves. */
function spokenOf(i: number): { identity: Identity; announce: Uint8Array; entry: DigestEntry } {
  const identity = new Identity(world.sim.random.fork(`node ${i}`).bytes(32));
  const freshness = world.sim.random.bytes(8);
  const anchor = previousStep(identity.nodeId, 1n, freshness);
  const own = encodeAnnounce(identity, { sequence: 1n, anchor, booted: false, capabilities: 0 });
  const entry = { prefix: identity.nodeId.subarray(0, PREFIX_LENGTH), freshness, cost: A_HOP };
  return { identity, announce: announceThrough(own, A_HOP), entry };
}

/** Linked with the hub over the LAN; says what it is told to. */
async function neighbourOnTheLan(hub: Box): Promise<NodeLink> {
  const { lan, sim } = world;
  const parts = { clock: sim, random: sim.random.fork('lan'), counters: new Counters(), log: silent };
  const medium = await world.settle(
    LanMedium.open(
      { listen: undefined, peers: [{ host: hub.name, port: 27182 }], multicast: false },
      { ...parts, net: lan.host('many') },
    ),
  );
  const identity = new Identity(sim.random.fork('many').bytes(32));
  const link = bareLink(world, medium, identity, [hub]);
  link.shared.onOffer(() => true);
  await sim.run(1_000);
  void link.broadcast(announceOf(identity), 0);
  await sim.run(5_000);
  return link;
}

/** A hub, one that hears it by radio, and so many nodes that a neighbour on its LAN has spoken of. */
async function scene(length: number) {
  world = new World({ seed: 7, apart: true, settings: { ...SF7, spreadingFactor: 10 } });
  const air = new AirLog(world.air);
  const hub = world.box('hub', { radio: true, lan: [] });
  const far = world.box('far');
  world.join(hub, far);
  await world.sim.resolve(Promise.all([hub.start(), far.start()]), MINUTE);
  const many = await neighbourOnTheLan(hub);
  const nodes = Array.from({ length }, (_, i) => spokenOf(i));
  for (const { announce } of nodes) {
    void many.broadcast(announce, 0);
    await world.sim.run(50);
  }
  const say = () => {
    for (let i = 0; i < length; i += 100) {
      const entries = nodes.slice(i, i + 100).map((n) => n.entry);
      void many.shared.send(
        { type: RECORD.digest, body: encodeDigest({ t0: 79, crowd: FULL, wants: [], entries }) },
        0,
        'all',
      );
    }
    world.sim.after(20 * MINUTE, say);
  };
  await waitFor(world, () => many.shared.isMutual(hub.nodeId), 10 * MINUTE, 'the link');
  say();
  return { air, far, hub, many, nodes };
}

test('what it remembers is bounded, and none of it goes on the air but for those who are asked for there', async () => {
  const { air, far, hub, nodes } = await scene(NODES);
  const at = world.sim.monotonic();
  await world.sim.run(4 * HOUR);

  // its own neighbours, and strangers as many as it has places for
  const known = hub.node.routes();
  const shared = (from: string) =>
    air.frames.filter((f) => f.from === from && f.at > at && f.kind === KIND.shared).length;
  expect(known.length).toBeLessThanOrEqual(MOST_STRANGERS + 2);
  expect(known.filter((r) => r.next).length).toBeGreaterThan(1_000);
  // of those on the LAN, the air has heard nothing, and what the hub says of itself there is as fresh as ever
  expect(shared('hub')).toBeGreaterThanOrEqual(6);
  expect(shared('hub')).toBeLessThanOrEqual(2 * shared('far'));
  expect(far.node.routes().map((r) => r.nodeId)).toEqual([nodeIdKey(hub.nodeId)]);
  expect(air.routingShare(['hub', 'far'], at, at + 4 * HOUR)).toBeLessThan(0.01);

  // nor does it share the air with anybody there
  const [beacon] = air.frames.filter((f) => f.from === 'hub' && f.kind === KIND.beacon).slice(-1);
  const two = { here: 2 * ONE_NODE, around: 2 * ONE_NODE };
  expect(decodeBeacon(beacon?.bytes ?? new Uint8Array())?.crowd).toEqual(two);

  const sought = nodes.at(-1) as (typeof nodes)[number];
  await write(
    world,
    far,
    { contact: encodeContactCode({ publicKey: sought.identity.publicKey, mailboxes: [] }) },
    'Is anybody there?',
  );
  const route = () => far.node.routes().find((r) => r.nodeId === nodeIdKey(sought.identity.nodeId))?.next;
  await waitFor(world, () => route() !== undefined, 10 * MINUTE, 'the route to one of them');
  await world.sim.run(2 * HOUR);
  expect(far.node.routes()).toHaveLength(2);
});

test('when the LAN is gone, what was reached there is not taken back on the air, where it was never said', async () => {
  const { air, hub } = await scene(300);
  const sharedBytes = (since: number) =>
    air.frames
      .filter((f) => f.from === 'hub' && f.at > since && f.kind === KIND.shared)
      .reduce((sum, f) => sum + f.bytes.length, 0);
  await world.sim.run(HOUR);
  const at = world.sim.monotonic();
  await world.sim.run(HOUR);
  const before = sharedBytes(at);
  expect(hub.node.routes().filter((r) => r.next).length).toBeGreaterThan(300);
  const gone = world.sim.monotonic();
  world.lan.powerCut('many');
  await world.sim.run(HOUR / 4);
  expect(hub.node.routes().filter((r) => r.next)).toHaveLength(1);
  await world.sim.run((HOUR * 3) / 4);
  // the neighbour itself was on the air, as those who were asked for are; 300 more would be 5,400 bytes
  expect(sharedBytes(gone)).toBeLessThan(before + 300);
});
