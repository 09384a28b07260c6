/**
 * Two hundred fresh identities, all of one hostile radio, upon a relay: docs/protocol/store.md, "Bounds", link.md, "The
 * law", mesh.md, "Budget". What they get is one share, however many they are.
 */
import { afterEach, expect, test } from 'vitest';
import { Identity } from '../../../src/identity/keys.ts';
import { LinkFailed } from '../../../src/link/link.ts';
import { RECORD } from '../../../src/link/records.ts';
import { encodeParcel } from '../../../src/store/parcel.ts';
import { type Box, World } from '../../world.ts';
import { MINUTE, textsOf } from '../messages.ts';
import { AirLog, HOUR } from './air-log.ts';
import { announceOf, bareLink, lawlessMedium } from './liar.ts';
import { isDelivered, type Letter, write } from './waiting.ts';

const CROWD = 200;
const STORE_BYTES = 20_000;

let world: World;
afterEach(() => world.end());

/** A letter of nobody's to a box. */
function parcelTo(recipient: Box): Uint8Array {
  const random = world.sim.random;
  const travel = { attempt: 0, sequence: 0, age: 0, hopsLeft: 9 };
  const header = {
    ...{ contentType: 0, priority: 1, minBandwidth: 0, ttl: 200 } as const,
    ...{ lock: random.bytes(16), recipients: [recipient.nodeId], travel },
  };
  return encodeParcel({ header, bytes: random.bytes(100) });
}

test.each([
  { dutyCycle: 0.1, everyMs: 2_000 },
  { dutyCycle: 0.01, everyMs: 2_000 },
])('at a duty cycle of $dutyCycle they fill neither its memory, nor its disk, nor its air, and honest mail goes on', async ({ dutyCycle, everyMs }) => {
  world = new World({ seed: 10, apart: true, dutyCycle, maxStoreBytes: STORE_BYTES });
  const air = new AirLog(world.air);
  const [a, relay, d] = await world.boxes('a', 'relay', 'd');
  world.join(a, relay);
  world.join(relay, d);
  await world.settle(relay.node.addContact('a', a.contact));
  await world.settle(relay.node.addContact('d', d.contact));
  await world.settle(d.node.addContact('relay', relay.contact));
  await world.settle(a.node.addContact('relay', relay.contact));
  await world.sim.run(2 * HOUR);
  const medium = await lawlessMedium(world, 'crowd', [relay]);
  // weaker there than its neighbours: who drowns them by force needs no identities
  world.air.setLoss('crowd', 'relay', 112);
  const crowd = Array.from({ length: CROWD }, (_, i) => {
    const identity = new Identity(world.sim.random.fork(`crowd ${i}`).bytes(32));
    return { identity, link: bareLink(world, medium, identity, [relay]) };
  });
  const at = world.sim.monotonic();
  const letters: Letter[] = [];
  let pushed = 0;
  let most = 0;
  for (let i = 0; world.sim.monotonic() - at < HOUR; i++) {
    const { identity, link } = crowd[i % CROWD] as (typeof crowd)[number];
    if (i < CROWD) void link.broadcast(announceOf(identity), 0);
    // those that have a session go on, since all others are not answered
    for (const one of crowd) {
      if (!(one === crowd[i % CROWD] || (one.link.neighbour(relay.nodeId).linked && i % 5 === 0))) continue;
      void one.link
        .neighbour(relay.nodeId)
        .send({ type: RECORD.push, body: parcelTo(d) }, { priority: 1 })
        .then(() => pushed++)
        .catch((e) => {
          if (!(e instanceof LinkFailed)) throw e;
        });
    }
    if (i % 150 === 0) letters.push(await write(world, a, d, `letter ${i}`));
    await world.sim.run(everyMs);
    most = Math.max(most, relay.node.status().store.bytes);
  }
  const spent = [0].map((h) => air.spentMs(['relay'], { since: at + h * HOUR, until: at + (h + 1) * HOUR }));
  const linked = crowd.filter((c) => c.link.neighbour(relay.nodeId).linked).length;
  console.log({ crowdAir: air.spentMs(['crowd'], { since: at }) / HOUR, dutyCycle, pushed, most, spent, linked, delivered: letters.filter(isDelivered).length, letters: letters.length, routes: relay.node.routes().length, neighbours: relay.node.neighbours().length }, relay.counters.all());
  await world.sim.run(10 * MINUTE);
  expect(letters.every(isDelivered)).toBe(true);
  expect(textsOf(d)).toHaveLength(letters.length);
}, 300_000);
