/** docs/protocol/messages.md, "Unreadable": sealed anew at most twice, then the message ends with the reason. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { toHex } from '../../src/core/bytes.ts';
import { encodeContactCode } from '../../src/identity/contact-code.ts';
import { Identity } from '../../src/identity/keys.ts';
import { RECORD } from '../../src/link/records.ts';
import { encodeAnnounce } from '../../src/mesh/announce.ts';
import { headerFor, type ObjectId, objectIdOf } from '../../src/store/object.ts';
import { decodeParcel } from '../../src/store/parcel.ts';
import { encodeReceiptFrame } from '../../src/store/receipt-frame.ts';
import { declareUnreadable, encodeUnreadable } from '../../src/store/unreadable.ts';
import { BareNeighbour } from '../bare-neighbour.ts';
import { MINUTE, statesOf } from '../scenario/messages.ts';
import { type Box, World } from '../world.ts';

let world: World;
let box: Box;
let recipient: BareNeighbour;
/** Objects pushed to the recipient, in order. */
let pushed: ObjectId[];
let answer: (id: ObjectId) => Uint8Array;

beforeEach(async () => {
  world = new World();
  [box] = await world.boxes('box');
  recipient = await BareNeighbour.start(world, box, 'recipient');
  pushed = [];
  answer = (id) => encodeUnreadable(declareUnreadable(recipient.identity, id));
  recipient.link.onRecord(RECORD.push, (incoming) => {
    const parcel = decodeParcel(incoming.body);
    if (!parcel) throw new Error('the box pushes parcels');
    const id = objectIdOf(headerFor(parcel.header, parcel.header.lock, parcel.bytes));
    pushed.push(id);
    incoming.reply({ type: RECORD.unreadable, body: answer(id) });
  });
  const { publicKey } = recipient.identity;
  await world.settle(box.node.addContact('recipient', encodeContactCode({ publicKey, mailboxes: [] })));
  const anchor = new Uint8Array(8);
  const announce = encodeAnnounce(recipient.identity, {
    sequence: 1n,
    anchor,
    booted: true,
    capabilities: 0,
  });
  await world.settle(recipient.link.broadcast(announce, 0));
});
afterEach(() => world.end());

test('a message that cannot be opened is sealed anew twice, each time as another object, then ends', async () => {
  const sent = await world.settle(box.node.send('recipient', 'who are you'));
  await world.sim.until(() => statesOf(box, sent.id).at(-1) === 'expired', 10 * MINUTE, 'the end');
  expect(statesOf(box, sent.id)).toEqual(['composed', 'stored', 'stored', 'stored', 'expired']);
  expect(new Set(pushed.map(toHex)).size).toBe(3);
  const entry = box.node.outbox().find((m) => m.id === sent.id);
  expect(entry?.history.at(-1)?.detail).toMatch(/cannot open it/);
  await world.sim.run(30 * MINUTE);
  expect(box.node.status().messages.waiting).toBe(0);
  expect(pushed).toHaveLength(3);
});

test('anybody else who says so is not believed', async () => {
  const liar = new Identity(new Uint8Array(32).fill(8));
  answer = (id) => encodeUnreadable({ ...declareUnreadable(liar, id), recipient: recipient.identity.nodeId });
  const sent = await world.settle(box.node.send('recipient', 'who are you'));
  await world.sim.run(10 * MINUTE);
  expect(statesOf(box, sent.id)).toEqual(['composed', 'stored']);
  expect(new Set(pushed.map(toHex)).size).toBe(1);
});

test('a receipt for nothing, and one that opens no lock, are nothing', async () => {
  const sent = await world.settle(box.node.send('recipient', 'who are you'));
  answer = () => new Uint8Array(5);
  await world.settle(recipient.link.broadcast(encodeReceiptFrame(new Uint8Array(16).fill(1)), 0));
  await world.sim.run(MINUTE);
  expect(statesOf(box, sent.id)).not.toContain('delivered');
});
