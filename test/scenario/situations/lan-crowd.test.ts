/**
 * A crowd of fresh identities on the LAN, each with a connection of its own that it has proven: identities cost
 * nothing, so all of them together have a part of the places. docs/protocol/link.md, "The LAN"; store.md, "Bounds".
 */
import { afterEach, expect, test } from 'vitest';
import { RECORD } from '../../../src/link/records.ts';
import { encodeRefuse } from '../../../src/store/exchange-records.ts';
import { headerFor, objectIdOf, shortIdOf } from '../../../src/store/object.ts';
import { decodeParcel, encodeParcel } from '../../../src/store/parcel.ts';
import { BareLanNeighbour } from '../../bare-lan-neighbour.ts';
import { World } from '../../world.ts';
import { MINUTE, textsOf } from '../messages.ts';
import { isDelivered, waitFor, write } from './waiting.ts';

const CROWD = 64;
const STORE_BYTES = 400_000;
/** What all strangers together may fill of it. */
const STRANGERS_BYTES = STORE_BYTES / 10;

let world: World;
afterEach(() => world.end());

test('they fill neither its connections nor its disk: a contact is let in, and mail comes and goes', async () => {
  world = new World({ seed: 12, apart: true, maxStoreBytes: STORE_BYTES });
  const lan = (...peers: string[]) => ({ radio: false, lan: peers });
  const hub = world.box('hub', lan());
  const friend = world.box('friend', lan('hub'));
  await world.settle(hub.start());
  await world.settle(friend.start());
  await world.settle(hub.node.addContact('friend', friend.contact));
  await world.settle(friend.stop());

  const crowd: BareLanNeighbour[] = [];
  for (let i = 0; i < CROWD; i++) crowd.push(await BareLanNeighbour.start(world, hub, `evil ${i}`));
  expect(hub.node.status().lan?.connections).toBe(CROWD);

  await world.settle(friend.start());
  const letter = await write(world, friend, hub, 'let me in');
  await waitFor(world, () => isDelivered(letter), MINUTE, 'the letter of the contact');
  expect(hub.node.status().lan?.connections).toBe(CROWD);

  expect(hub.counters.get('lan.dropped.evicted')).toBeGreaterThan(0);

  // each hands over mail for one of them, who has no room for it: as much as it is let
  const { random } = world.sim;
  const sink = crowd[20] as BareLanNeighbour;
  sink.link.onRecord(RECORD.push, ({ body, reply }) => {
    const parcel = decodeParcel(body);
    if (!parcel) return;
    const { bytes, header } = parcel;
    const objectId = shortIdOf(objectIdOf(headerFor(header, header.lock, bytes)));
    reply({ type: RECORD.refuse, body: encodeRefuse({ objectId, reason: 'full' }) });
  });
  for (const evil of crowd.slice(0, 20))
    for (let i = 0; i < 10; i++) {
      const header = {
        ...({ contentType: 0, priority: 1, minBandwidth: 0, ttl: 200 } as const),
        lock: random.bytes(16),
        recipients: [sink.nodeId],
        travel: { attempt: 0, sequence: 0, age: 0, hopsLeft: 9 },
      };
      const body = encodeParcel({ header, bytes: random.bytes(1_000) });
      await evil.say({ type: RECORD.push, body });
    }
  const { bytes } = hub.node.status().store;
  expect(bytes).toBeGreaterThan(0.8 * STRANGERS_BYTES);
  expect(bytes).toBeLessThanOrEqual(STRANGERS_BYTES);
  expect(hub.counters.get('store.full.strangers')).toBeGreaterThan(10);
  const answer = await write(world, hub, friend, 'still here');
  await waitFor(world, () => isDelivered(answer), MINUTE, 'the answer');
  expect(textsOf(hub)).toEqual(['let me in']);
});
