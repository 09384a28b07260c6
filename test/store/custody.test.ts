/**
 * The taking side of custody as a neighbour meets it: a bare link hands parcels to a whole box
 * (docs/protocol/store.md, "Handing over" and "Trace").
 */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { fromHex, toHex } from '../../src/core/bytes.ts';
import { type NodeId, nodeIdFrom } from '../../src/identity/node-id.ts';
import type { Rec } from '../../src/link/link.ts';
import { RECORD } from '../../src/link/records.ts';
import { encodeBody } from '../../src/messaging/body.ts';
import { sealFirstContact, wipeChain } from '../../src/messaging/first-contact.ts';
import { brotli } from '../../src/platform/brotli.ts';
import { encodeOffer, REFUSAL } from '../../src/store/exchange-records.ts';
import { CONTENT_TYPE, headerFor, OBJECT_PRIORITY, objectIdOf, shortIdOf } from '../../src/store/object.ts';
import { type CompactHeader, encodeParcel, FRESH_TRAVEL } from '../../src/store/parcel.ts';
import { decodeUnreadable, isGenuine } from '../../src/store/unreadable.ts';
import { BareNeighbour } from '../bare-neighbour.ts';
import { MINUTE, textsOf } from '../scenario/messages.ts';
import { type Box, World } from '../world.ts';

const PROPERTIES = {
  contentType: CONTENT_TYPE.immutable,
  priority: OBJECT_PRIORITY.normal,
  minBandwidth: 0,
  ttl: 213,
} as const;

let world: World;
let relay: Box;
let recipient: Box;
let giver: Giver;

/** Hands parcels to the relay, and writes down what it is told. */
class Giver {
  readonly bare: BareNeighbour;
  readonly told: Rec[] = [];
  readonly receipts: string[] = [];
  /** Short ids of what was pushed. */
  readonly pushed: Uint8Array[] = [];

  constructor(bare: BareNeighbour) {
    this.bare = bare;
    for (const type of [RECORD.custody, RECORD.refuse, RECORD.have, RECORD.accept, RECORD.unreadable])
      bare.link.onRecord(type, ({ body }) => {
        this.told.push({ type, body: body.slice() });
      });
    bare.link.onRecord(RECORD.receipt, (incoming) => {
      this.receipts.push(toHex(incoming.body));
      const [object] = this.pushed;
      if (object) incoming.reply({ type: RECORD.receipted, body: object });
    });
  }

  /** Pushes a parcel and gives what was answered to it. */
  async push(header: CompactHeader, bytes: Uint8Array): Promise<Rec | undefined> {
    const before = this.told.length;
    this.pushed.push(shortIdOf(objectIdOf(headerFor(header, header.lock, bytes))));
    await this.bare.say({ type: RECORD.push, body: encodeParcel({ header, bytes }) });
    return this.told[before];
  }
}

/** A text sealed by the giver for a box, and its header for handing it to somebody else. */
function sealed(to: Box, text: string): { header: CompactHeader; bytes: Uint8Array; secret: string } {
  const key = fromHex(to.node.identity().publicKey) as Uint8Array;
  const { codec, bytes: body } = encodeBody({ sentAtMinutes: 1, text }, brotli);
  const random = world.sim.random.fork(text);
  const s = sealFirstContact({
    sender: giver.bare.identity,
    recipient: key,
    properties: PROPERTIES,
    codec,
    body,
    reset: false,
    random,
  });
  wipeChain(s.chain);
  return { header: headerTo(s.lock, [idOf(to)]), bytes: s.bytes, secret: toHex(s.secret) };
}

function headerTo(lock: Uint8Array, recipients: NodeId[]): CompactHeader {
  return { ...PROPERTIES, lock, recipients, travel: FRESH_TRAVEL };
}

function idOf(box: Box): NodeId {
  return nodeIdFrom(fromHex(box.node.identity().nodeId) as Uint8Array);
}

function reasonOf(record: Rec | undefined): string | undefined {
  return record?.type === RECORD.refuse ? REFUSAL[record.body[8] ?? 99] : undefined;
}

beforeEach(async () => {
  world = new World();
  [relay, recipient] = await world.boxes('relay', 'recipient');
  await world.sim.run(5_000); // they have heard each other's announce
  giver = new Giver(await BareNeighbour.start(world, relay, 'giver'));
});
afterEach(() => world.end());

describe('for a neighbour that is there', () => {
  test('custody is given, outlives the plug at that very moment, and ends with the receipt at the giver', async () => {
    const { header, bytes, secret } = sealed(recipient, 'by way of the relay');
    world.part(relay, recipient);
    const answer = await giver.push(header, bytes);
    expect(answer?.type).toBe(RECORD.custody);
    expect(relay.node.status().store).toMatchObject({ objects: 1, bytes: bytes.length });
    relay.pullThePlug();
    world.join(relay, recipient);
    await world.sim.run(1_000);
    await world.settle(relay.start());
    await world.sim.until(() => textsOf(recipient).length === 1, 5 * MINUTE, 'delivery');
    expect(textsOf(recipient)).toEqual(['by way of the relay']);
    // the giver is not heard by itself: its next word is the sign of life on which the receipt is paid
    await giver.bare.say({ type: RECORD.have, body: new Uint8Array(8) });
    await world.sim.until(() => giver.receipts.length > 0, 5 * MINUTE, 'the receipt');
    expect(giver.receipts[0]).toBe(secret);
    expect(relay.node.status().store.objects).toBe(0);
    await world.sim.run(10 * MINUTE);
    expect(giver.receipts).toHaveLength(1);
  });

  test('handed over again, it is had; and once receipted, the receipt is the answer', async () => {
    const { header, bytes } = sealed(recipient, 'twice');
    world.part(relay, recipient);
    expect((await giver.push(header, bytes))?.type).toBe(RECORD.custody);
    const again = await giver.push(header, bytes);
    expect(again?.type === RECORD.have || reasonOf(again) === 'busy').toBe(true);
    world.join(relay, recipient);
    await world.sim.until(() => textsOf(recipient).length === 1, 20 * MINUTE, 'delivery');
    await giver.push(header, bytes);
    expect(giver.receipts.length).toBeGreaterThan(0);
    expect(textsOf(recipient)).toEqual(['twice']);
  });
});

test('what a person deleted does not come back when it is handed over again, and is receipted again', async () => {
  const { header, bytes, secret } = sealed(relay, 'read and deleted');
  const receipts: string[] = [];
  giver.bare.link.onLoose.on((loose) => receipts.push(toHex(loose.bytes)));
  await giver.push(header, bytes);
  const [message] = relay.node.inbox();
  expect(message?.text).toBe('read and deleted');
  await world.settle(relay.node.removeFromInbox(message?.id ?? ''));
  await giver.push(header, bytes);
  expect(textsOf(relay)).toEqual([]);
  expect(receipts.filter((r) => r.includes(secret)).length).toBeGreaterThan(1);
  await expect(relay.node.removeFromInbox(message?.id ?? '')).rejects.toMatchObject({ code: 'not-found' });
});

test('with no hop left, an object may still go to its recipient', async () => {
  const { header, bytes } = sealed(recipient, 'the last hop');
  const answer = await giver.push({ ...header, travel: { ...FRESH_TRAVEL, hopsLeft: 0 } }, bytes);
  expect(answer?.type).toBe(RECORD.custody);
  await world.sim.until(() => textsOf(recipient).length === 1, 5 * MINUTE, 'delivery');
});

describe('refused', () => {
  const lock = new Uint8Array(16).fill(9);
  const bytes = new Uint8Array(50).fill(1);

  test('no-route: for somebody nobody has heard of', async () => {
    const stranger = nodeIdFrom(new Uint8Array(16).fill(5));
    expect(reasonOf(await giver.push(headerTo(lock, [stranger]), bytes))).toBe('no-route');
  });
  test('no-route: back to its giver', async () => {
    expect(reasonOf(await giver.push(headerTo(lock, [giver.bare.identity.nodeId]), bytes))).toBe('no-route');
  });
  test('policy: for several, of another type, or older than it may become', async () => {
    expect(reasonOf(await giver.push(headerTo(lock, [idOf(recipient), idOf(relay)]), bytes))).toBe('policy');
    const ephemeral = { ...headerTo(lock, []), contentType: CONTENT_TYPE.ephemeral };
    expect(reasonOf(await giver.push(ephemeral, bytes))).toBe('policy');
    const old = { ...headerTo(lock, []), ttl: 100, travel: { ...FRESH_TRAVEL, age: 101 } };
    expect(reasonOf(await giver.push(old, bytes))).toBe('policy');
  });
  test('malformed: the bytes of an accepted offer are not those of its id', async () => {
    const header = headerTo(lock, []);
    const offer = { transferId: 3, objectId: new Uint8Array(8).fill(7), size: bytes.length, header };
    await giver.bare.say({ type: RECORD.offer, body: encodeOffer(offer) });
    expect(giver.told.at(-1)?.type).toBe(RECORD.accept);
    await world.settle(
      giver.bare.box
        .transfer({ id: 3, pushed: false, bytes, held: [] }, { priority: 1 })
        .catch(() => undefined),
    );
    await world.sim.run(2_000);
    expect(reasonOf(giver.told.at(-1))).toBe('malformed');
  });
  test('what is no record of its kind is counted, and nothing comes of it', async () => {
    for (const type of [
      RECORD.push,
      RECORD.offer,
      RECORD.accept,
      RECORD.refuse,
      RECORD.custody,
      RECORD.receipt,
    ])
      await giver.bare.say({ type, body: Uint8Array.of(0xff, 1, 2) });
    const { counters, store } = relay.node.status();
    expect(store.objects).toBe(0);
    expect(counters['store.refused.malformed-parcel']).toBe(1);
    expect(counters['store.refused.malformed-offer']).toBe(1);
  });
});

test('what a recipient cannot open it says so, signed, ten times an hour and no more', async () => {
  const key = fromHex(relay.node.identity().publicKey) as Uint8Array;
  for (let i = 0; i < 12; i++)
    await giver.push(headerTo(new Uint8Array(16).fill(i + 1), []), new Uint8Array(100).fill(i));
  const words = giver.told.filter((r) => r.type === RECORD.unreadable).map((r) => decodeUnreadable(r.body));
  expect(words).toHaveLength(10);
  for (const word of words) expect(word && isGenuine(word, key)).toBe(true);
  expect([...relay.node.inbox()]).toEqual([]);
});
