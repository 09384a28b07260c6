/**
 * Relaying as its neighbours meet it, word for word: a bare link is giver or taker of a whole box
 * (docs/protocol/store.md, "Travel", "Forwarding", "Receipts").
 */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { toHex } from '../../src/core/bytes.ts';
import { minutesOf } from '../../src/core/log-byte.ts';
import { lockOf } from '../../src/crypto/lock.ts';
import { encodeContactCode } from '../../src/identity/contact-code.ts';
import type { IncomingRecord, Rec } from '../../src/link/link.ts';
import { RECORD } from '../../src/link/records.ts';
import {
  decodeAsk,
  decodeOffer,
  decodeTaken,
  encodeAsk,
  encodeOffer,
  encodeRefuse,
  encodeTaken,
  REFUSAL,
  type RefusalReason,
} from '../../src/store/exchange-records.ts';
import {
  CONTENT_TYPE,
  headerFor,
  OBJECT_PRIORITY,
  objectIdFrom,
  objectIdOf,
  shortIdOf,
} from '../../src/store/object.ts';
import {
  type CompactHeader,
  decodeParcel,
  encodeParcel,
  type Parcel,
  type Travel,
} from '../../src/store/parcel.ts';
import { encodeReceiptFrame } from '../../src/store/receipt-frame.ts';
import { declareUnreadable, decodeUnreadable, encodeUnreadable } from '../../src/store/unreadable.ts';
import { BareNeighbour } from '../bare-neighbour.ts';
import { MINUTE, statesOf, textsOf } from '../scenario/messages.ts';
import { type Box, World } from '../world.ts';

const HOUR = 60 * MINUTE;
const TTL = 213; // 7 days

let world: World;
/** On every box's disk; the reserve is 16 MiB. */
let free = 1e9;

beforeEach(() => {
  free = 1e9;
  world = new World({ routed: true, mayLoseCustody: true, freeBytes: () => free });
});
afterEach(() => world.end());

/** A neighbour that writes down what it is told, and answers pushes as `answer` says. */
class Notes {
  readonly bare: BareNeighbour;
  readonly told: Rec[] = [];
  readonly pushed: Parcel[] = [];
  answer: (parcel: Parcel, shortId: Uint8Array, push: IncomingRecord) => void = () => {};
  onOffer: (offer: IncomingRecord) => void = () => {};
  #answered = new AbortController();

  constructor(bare: BareNeighbour) {
    this.bare = bare;
    for (const [name, type] of Object.entries(RECORD)) {
      if (type < RECORD.push || type > RECORD.ask || name === 'push') continue; // the store's
      bare.link.onRecord(type, (incoming) => {
        this.told.push({ type, body: incoming.body.slice() });
        this.#answered.abort();
        if (type === RECORD.offer) this.onOffer(incoming);
      });
    }
    bare.link.onRecord(RECORD.push, (push) => {
      const parcel = decodeParcel(push.body);
      if (!parcel) return;
      this.pushed.push(parcel);
      this.answer(parcel, shortIdIn(parcel), push);
    });
  }

  static async of(box: Box, name: string): Promise<Notes> {
    const notes = new Notes(await BareNeighbour.start(world, box, name));
    await notes.say(RECORD.have, new Uint8Array(11)); // a sign of life: it is linked now
    return notes;
  }

  async say(type: number, body: Uint8Array): Promise<Rec | undefined> {
    const before = this.told.length;
    this.#answered = new AbortController();
    const options = { priority: 1, settled: this.#answered.signal } as const;
    await world.settle(this.bare.box.send({ type, body }, options).catch(() => undefined));
    await world.sim.run(2_000);
    return this.told[before];
  }

  /** The bytes of an offer or a return that was accepted. */
  async transfer(id: number, bytes: Uint8Array): Promise<void> {
    this.#answered = new AbortController();
    const options = { priority: 1, settled: this.#answered.signal } as const;
    const transfer = { id, pushed: false, bytes, held: [] };
    await world.settle(this.bare.box.transfer(transfer, options));
    await world.sim.run(2_000);
  }

  ofType(type: number): Uint8Array[] {
    return this.told.filter((r) => r.type === type).map((r) => r.body);
  }
}

function shortIdIn({ bytes, header }: Parcel): Uint8Array {
  return shortIdOf(objectIdOf(headerFor(header, header.lock, bytes)));
}

/** Something for `to` that it cannot open, whose secret is `secret`. */
function parcelFor(to: Box, secret: number, travel: Partial<Travel> = {}): Parcel {
  const header: CompactHeader = {
    contentType: CONTENT_TYPE.immutable,
    priority: OBJECT_PRIORITY.normal,
    ...{ minBandwidth: 0, ttl: TTL, lock: lockOf(new Uint8Array(16).fill(secret)), recipients: [to.nodeId] },
    travel: { attempt: 0, hopsLeft: 40, age: 0, sequence: 0, ...travel },
  };
  return { header, bytes: new Uint8Array(60).fill(secret) };
}

function reasonOf(record: Rec | undefined): string | undefined {
  return record?.type === RECORD.refuse ? REFUSAL[record.body[8] ?? 99] : undefined;
}

const takenBy = (parcel: Parcel, objectId: Uint8Array, push: IncomingRecord) => {
  const { attempt, sequence } = parcel.header.travel;
  push.reply({ type: RECORD.custody, body: encodeTaken({ objectId, attempt, sequence }) });
};
const refusing = (reason: RefusalReason) => (_p: Parcel, objectId: Uint8Array, push: IncomingRecord) => {
  push.reply({ type: RECORD.refuse, body: encodeRefuse({ objectId, reason }) });
};

/** The body of a `have` that answers an offer. */
function stampOf(body: Uint8Array): Uint8Array {
  const offer = decodeOffer(body);
  if (!offer) throw new Error('no offer');
  return encodeTaken({ objectId: offer.objectId, ...offer.header.travel });
}

/** An author whose only way to the recipient, which it does not hear, is the bare neighbour. */
async function authorAndTaker() {
  const [author, recipient] = await world.boxes('author', 'recipient');
  world.part(author, recipient);
  await world.sim.run(40 * MINUTE); // the recipient is not a neighbour any more
  await world.settle(author.node.addContact('recipient', recipient.contact));
  const taker = await Notes.of(author, 'taker');
  author.route(recipient, taker.bare.identity);
  return { author, recipient, taker };
}

/** A relay whose next hop to `d` is `c`, and a bare neighbour that gives it things. */
async function giverAndLine() {
  const [b, c, d] = await world.line('b', 'c', 'd');
  await world.sim.run(10_000);
  const giver = await Notes.of(b, 'giver');
  return { b, c, d, giver };
}

describe('what travels', () => {
  test('says for whom it is, and nothing by which its author could be told from a relay', async () => {
    const { author, recipient, taker } = await authorAndTaker();
    taker.answer = takenBy;
    author.sequence(recipient, 77);
    for (let i = 0; i < 12; i++) await world.settle(author.node.send('recipient', `text ${i}`));
    await world.sim.until(() => taker.pushed.length === 12, 5 * MINUTE, 'all pushed');
    const hops = new Set<number>();
    const ages = new Set<number>();
    for (const { header } of taker.pushed) {
      expect(header.recipients.map(toHex)).toEqual([toHex(recipient.nodeId)]);
      expect(header.travel).toMatchObject({ attempt: 0, sequence: 77 });
      expect(header.travel.hopsLeft).toBeGreaterThanOrEqual(48);
      expect(header.travel.hopsLeft).toBeLessThanOrEqual(63);
      expect(minutesOf(header.travel.age)).toBeLessThanOrEqual(0.32 * (minutesOf(TTL) ?? 0));
      hops.add(header.travel.hopsLeft);
      ages.add(header.travel.age);
    }
    expect(hops.size).toBeGreaterThan(4);
    expect(ages.size).toBeGreaterThan(8);
  });

  test('a relay takes one hop off and adds the time it held it', async () => {
    const [relay, recipient] = await world.boxes('relay', 'recipient');
    world.part(relay, recipient);
    const taker = await Notes.of(relay, 'taker');
    relay.route(recipient, taker.bare.identity);
    await world.sim.run(30_000);
    taker.answer = refusing('busy');
    const giver = await Notes.of(relay, 'giver');
    await giver.say(RECORD.push, encodeParcel(parcelFor(recipient, 1, { age: 160, sequence: 3 })));
    await world.sim.until(() => taker.pushed.length > 0, MINUTE, 'the first try');
    expect(taker.pushed[0]?.header.travel).toMatchObject({ hopsLeft: 39, sequence: 3, attempt: 0 });
    expect([160, 161]).toContain(taker.pushed[0]?.header.travel.age); // 1,024 min
    await world.sim.run(2 * HOUR);
    const offers = taker.ofType(RECORD.offer).map(decodeOffer);
    expect([161, 162, 163]).toContain(offers.at(-1)?.header.travel.age); // 1,084 to 1,144 min
  });
});

describe('what a taker says', () => {
  test('custody under another stamp releases nothing', async () => {
    const { author, taker } = await authorAndTaker();
    taker.answer = (_parcel, objectId, push) =>
      push.reply({ type: RECORD.custody, body: encodeTaken({ objectId, attempt: 0, sequence: 9 }) });
    const { id } = await world.settle(author.node.send('recipient', 'hold on to this'));
    await world.sim.run(MINUTE / 2);
    expect(statesOf(author, id).at(-1)).toBe('stored');
    expect(author.counters.get('store.refused.late-answer')).toBeGreaterThan(0);
  });

  test('custody that nobody asked for, of what is somebody else to hold, releases nothing', async () => {
    const { author, taker } = await authorAndTaker();
    taker.answer = refusing('busy');
    const other = await Notes.of(author, 'other');
    const { id } = await world.settle(author.node.send('recipient', 'mine'));
    await world.sim.until(() => taker.pushed.length === 1, MINUTE, 'the push');
    const [parcel] = taker.pushed;
    if (!parcel) throw new Error('nothing was pushed');
    for (const notes of [other, taker])
      await notes.say(RECORD.custody, encodeTaken({ objectId: shortIdIn(parcel), attempt: 0, sequence: 0 }));
    expect(statesOf(author, id).at(-1)).toBe('stored');
  });

  test('no-route is believed of the recipient, for half an hour, and costs one try', async () => {
    const { author, recipient, taker } = await authorAndTaker();
    taker.answer = refusing('no-route');
    for (const text of ['one', 'two', 'three']) await world.settle(author.node.send('recipient', text));
    await world.sim.run(20 * MINUTE);
    expect(taker.pushed).toHaveLength(1);
    taker.answer = takenBy;
    taker.onOffer = (offer) => offer.reply({ type: RECORD.have, body: stampOf(offer.body) });
    author.sequence(recipient, 5); // what it said was about the older one
    await world.sim.until(() => taker.pushed.length >= 3, 5 * MINUTE, 'all');
  });

  test('policy is believed for good, and the object stays', async () => {
    const { author, recipient, taker } = await authorAndTaker();
    taker.answer = refusing('policy');
    const { id } = await world.settle(author.node.send('recipient', 'unwanted'));
    await world.sim.run(3 * HOUR);
    author.sequence(recipient, 5);
    await world.sim.run(HOUR);
    expect(taker.pushed).toHaveLength(1);
    expect(taker.ofType(RECORD.offer)).toEqual([]);
    expect(statesOf(author, id).at(-1)).toBe('stored');
  });

  test('nothing at all: after two tries it waits longer and longer, and offers instead of pushing', async () => {
    const { author, taker } = await authorAndTaker();
    await world.settle(author.node.send('recipient', 'hello?'));
    await world.sim.run(6 * HOUR);
    expect(taker.pushed).toHaveLength(1);
    const offers = taker.ofType(RECORD.offer).length;
    expect(offers).toBeGreaterThan(4);
    expect(offers).toBeLessThan(15);
  });

  test('that it is unreadable is of the object with exactly that id', async () => {
    const { b, d, giver } = await giverAndLine();
    const taker = await Notes.of(b, 'taker');
    taker.answer = takenBy;
    const bare = await BareNeighbour.start(world, b, 'recipient'); // of whom nobody knows the key
    b.route({ nodeId: bare.identity.nodeId }, taker.bare.identity);
    const parcel = parcelFor(d, 1);
    const header = { ...parcel.header, recipients: [bare.identity.nodeId] };
    await giver.say(RECORD.push, encodeParcel({ ...parcel, header }));
    await world.sim.until(() => taker.pushed.length > 0, MINUTE, 'the push');
    await world.sim.run(2_000);
    const id = objectIdOf(headerFor(header, header.lock, parcel.bytes));
    const other = objectIdFrom(id.map((byte, i) => (i < 31 ? byte : byte ^ 1)));
    const word = (objectId: typeof id) => encodeUnreadable(declareUnreadable(bare.identity, objectId));
    expect(await taker.say(RECORD.unreadable, word(other))).toBeUndefined();
    expect((await taker.say(RECORD.unreadable, word(id)))?.type).toBe(RECORD.receipted);
  });

  test('a return: it is asked for the bytes, even by the author, who has them', async () => {
    const { author, taker } = await authorAndTaker();
    taker.answer = takenBy;
    const { id } = await world.settle(author.node.send('recipient', 'boomerang'));
    await world.sim.until(() => statesOf(author, id).at(-1) === 'in custody', MINUTE, 'custody');
    const [parcel] = taker.pushed;
    if (!parcel) throw new Error('nothing was pushed');
    const objectId = shortIdIn(parcel);
    const offer = { transferId: 1, objectId, size: parcel.bytes.length, header: parcel.header };
    expect((await taker.say(RECORD.return, encodeOffer(offer)))?.type).toBe(RECORD.accept);
    await taker.transfer(1, parcel.bytes);
    const [custody] = taker.ofType(RECORD.custody);
    expect(custody && decodeTaken(custody)).toEqual({ objectId, attempt: 0, sequence: 0 });
    expect(statesOf(author, id)).toEqual(['composed', 'stored', 'in custody', 'stored']);
    await world.sim.run(HOUR);
    expect(taker.pushed).toHaveLength(1); // who gave it back is not offered it again
    // and a second return of the same finds it held: no bytes are asked for
    expect((await taker.say(RECORD.return, encodeOffer(offer)))?.type).toBe(RECORD.custody);
  });
});

describe('what others say of an own object', () => {
  /** The author of something that its taker has just refused as busy, or has, and somebody else who knows it. */
  async function known(answer: Notes['answer']) {
    const { author, taker } = await authorAndTaker();
    taker.answer = answer;
    const other = await Notes.of(author, 'other');
    const { id } = await world.settle(author.node.send('recipient', 'mine'));
    await world.sim.until(() => taker.pushed.length === 1, MINUTE, 'the push');
    await world.sim.run(2_000);
    const [parcel] = taker.pushed;
    if (!parcel) throw new Error('nothing was pushed');
    const offer = (travel: Partial<Travel>) => {
      const header = { ...parcel.header, travel: { ...parcel.header.travel, ...travel } };
      return encodeOffer({ transferId: 1, objectId: shortIdIn(parcel), size: parcel.bytes.length, header });
    };
    const offered = () => taker.ofType(RECORD.offer).map((body) => decodeOffer(body)?.header.travel);
    return { author, taker, other, id, parcel, offer, offered };
  }

  test('under an attempt that it never made is false: what is held goes on as it was', async () => {
    const { author, offer, offered, other } = await known(refusing('busy'));
    const last = { attempt: 255, hopsLeft: 0 };
    for (const type of [RECORD.offer, RECORD.return])
      expect(reasonOf(await other.say(type, offer(last)))).toBe('seen');
    expect(author.counters.get('store.refused.false-attempt')).toBe(2);
    await world.sim.until(() => offered().length > 0, 5 * MINUTE, 'the next try');
    expect(offered()[0]?.attempt).toBe(0);
    expect(offered()[0]?.hopsLeft).toBeGreaterThanOrEqual(48);
  });

  test('under an attempt that it never made does not end the custody of its taker', async () => {
    const { author, id, offer, other, parcel, taker } = await known(takenBy);
    for (const type of [RECORD.offer, RECORD.return])
      for (const notes of [other, taker])
        expect(reasonOf(await notes.say(type, offer({ attempt: 1 })))).toBe('seen');
    const header = { ...parcel.header, travel: { ...parcel.header.travel, attempt: 1 } };
    expect(reasonOf(await other.say(RECORD.push, encodeParcel({ ...parcel, header })))).toBe('seen');
    expect(statesOf(author, id).at(-1)).toBe('in custody');
    expect((await taker.say(RECORD.return, offer({})))?.type).toBe(RECORD.accept); // as it was given
  });

  test('under a newer sequence leaves it hops enough', async () => {
    const { offer, offered, other } = await known(refusing('busy'));
    expect((await other.say(RECORD.offer, offer({ sequence: 9, hopsLeft: 0 })))?.type).toBe(RECORD.have);
    await world.sim.until(() => offered().length > 0, 5 * MINUTE, 'the next try');
    expect(offered()[0]).toMatchObject({ attempt: 0, sequence: 9, hopsLeft: 15 });
  });
});

describe('what a giver hears', () => {
  test('a question goes to the taker and its answer comes back; within an hour it is known', async () => {
    const { b, c, d, giver } = await giverAndLine();
    d.pullThePlug();
    const parcel = parcelFor(d, 1);
    const objectId = shortIdIn(parcel);
    const question = encodeAsk({ objectId, verdict: undefined });
    expect((await giver.say(RECORD.push, encodeParcel(parcel)))?.type).toBe(RECORD.custody);
    await world.sim.until(() => c.node.status().store.objects === 1, MINUTE, 'custody at c');
    const verdicts = () => giver.ofType(RECORD.ask).map((body) => decodeAsk(body)?.verdict);
    await giver.say(RECORD.ask, question);
    await world.sim.run(10_000);
    expect(verdicts()).toEqual(['held']);
    c.pullThePlug();
    await giver.say(RECORD.ask, question);
    expect(verdicts()).toEqual(['held', 'held']);
    await world.sim.run(HOUR);
    await giver.say(RECORD.have, new Uint8Array(11));
    await giver.say(RECORD.ask, question);
    await world.sim.run(5 * MINUTE);
    expect(verdicts()).toEqual(['held', 'held', 'lost']);
    expect(b.node.status().store.objects).toBe(0);
  });

  test('a question about nothing is answered lost; one of somebody who did not give it is not answered', async () => {
    const { b, d, giver } = await giverAndLine();
    const parcel = parcelFor(d, 1);
    const question = encodeAsk({ objectId: shortIdIn(parcel), verdict: undefined });
    const lost = await giver.say(RECORD.ask, question);
    expect(lost && decodeAsk(lost.body)?.verdict).toBe('lost');
    d.pullThePlug();
    await giver.say(RECORD.push, encodeParcel(parcel));
    const other = await Notes.of(b, 'other');
    expect(await other.say(RECORD.ask, question)).toBeUndefined();
    expect(b.counters.get('store.refused.ask')).toBe(1);
  });

  test('a question about what a stranger gave is passed on only where air is left for strangers', async () => {
    await world.end();
    world = new World({ routed: true, mayLoseCustody: true, dutyCycle: 0.002 });
    const { b, c, d, giver } = await giverAndLine();
    d.pullThePlug();
    const parcel = parcelFor(d, 1);
    await giver.say(RECORD.push, encodeParcel(parcel));
    await world.sim.until(() => c.node.status().store.objects === 1, MINUTE, 'custody at c');
    const letter = toHex(world.sim.random.bytes(80));
    const half = 0.002 * HOUR * 0.5;
    while ((b.node.status().law?.usedMs ?? half) < half) {
      await world.settle(b.node.send(c.contact, letter));
      await world.sim.run(5_000);
    }
    // and what is left of it for strangers, to other things that they want
    for (let n = 2; b.counters.get('link.refused.unanswered-stranger') === 0; n++)
      await giver.say(RECORD.push, encodeParcel(parcelFor(d, n)));
    await giver.say(RECORD.ask, encodeAsk({ objectId: shortIdIn(parcel), verdict: undefined }));
    await world.sim.run(10_000);
    expect(giver.ofType(RECORD.ask)).toEqual([]);
    expect(b.counters.get('store.refused.ask-busy')).toBeGreaterThan(0);
  });

  test('that it is unreadable, signed by the recipient, over relays that do not know its key', async () => {
    const { b, c, d, giver } = await giverAndLine();
    const parcel = parcelFor(d, 1);
    await giver.say(RECORD.push, encodeParcel(parcel));
    await world.sim.until(() => giver.ofType(RECORD.unreadable).length > 0, 2 * MINUTE, 'the word');
    const word = decodeUnreadable(giver.ofType(RECORD.unreadable)[0] as Uint8Array);
    expect(word && toHex(word.recipient)).toBe(toHex(d.nodeId));
    expect([b, c].map((x) => x.node.status().store.objects)).toEqual([0, 0]);
    // owed until acknowledged, and the answer to whoever offers it again
    await world.sim.run(2 * MINUTE);
    await giver.say(RECORD.have, new Uint8Array(11));
    await world.sim.until(() => giver.ofType(RECORD.unreadable).length > 1, 10 * MINUTE, 'the word again');
    await giver.say(RECORD.receipted, shortIdIn(parcel));
    const said = giver.ofType(RECORD.unreadable).length;
    await world.sim.run(2 * HOUR);
    expect(giver.ofType(RECORD.unreadable)).toHaveLength(said);
    expect((await giver.say(RECORD.push, encodeParcel(parcel)))?.type).toBe(RECORD.unreadable);
    expect(textsOf(d)).toEqual([]);
  });

  test('that the way back is no way', async () => {
    const { b, d, giver } = await giverAndLine();
    b.route(d, giver.bare.identity);
    expect(reasonOf(await giver.say(RECORD.push, encodeParcel(parcelFor(d, 1))))).toBe('no-route');
  });

  test('that no hops are left, unless the recipient is next', async () => {
    const { b, c, d, giver } = await giverAndLine();
    expect(reasonOf(await giver.say(RECORD.push, encodeParcel(parcelFor(d, 1, { hopsLeft: 0 }))))).toBe(
      'no-route',
    );
    const direct = await giver.say(RECORD.push, encodeParcel(parcelFor(c, 2, { hopsLeft: 0 })));
    expect(direct?.type).toBe(RECORD.custody);
    expect(b.counters.get('store.refused.no-route')).toBe(1);
  });

  test('seen, once it is handed on; under a newer attempt it is taken again', async () => {
    const { c, d, giver } = await giverAndLine();
    d.pullThePlug();
    const push = (travel: Partial<Travel>) => giver.say(RECORD.push, encodeParcel(parcelFor(d, 1, travel)));
    expect((await push({ sequence: 5 }))?.type).toBe(RECORD.custody);
    await world.sim.until(() => c.node.status().store.objects === 1, MINUTE, 'custody at c');
    await world.sim.run(5_000);
    expect(reasonOf(await push({ sequence: 5 }))).toBe('seen');
    expect(reasonOf(await push({ sequence: 4 }))).toBe('seen');
    const again = await push({ sequence: 5, attempt: 1 });
    expect(again?.type).toBe(RECORD.custody);
    expect(again && decodeTaken(again.body)).toMatchObject({ attempt: 1, sequence: 5 });
  });
});

describe('a disk without room', () => {
  test('takes nothing from strangers where it is tight, and from nobody where it is full', async () => {
    const { b, d, giver } = await giverAndLine();
    const push = (seed: number) => giver.say(RECORD.push, encodeParcel(parcelFor(d, seed)));
    free = 30 * 2 ** 20;
    expect(reasonOf(await push(1))).toBe('full');
    expect(b.counters.get('store.full.disk-tight')).toBe(1);
    const code = encodeContactCode({ publicKey: giver.bare.identity.publicKey, mailboxes: [] });
    await world.settle(b.node.addContact('giver', code));
    expect((await push(2))?.type).toBe(RECORD.custody);
    free = 15 * 2 ** 20;
    expect(reasonOf(await push(3))).toBe('full');
    expect(b.counters.get('store.full.disk-full')).toBe(1);
    free = 19 * 2 ** 20; // not yet a quarter above the reserve
    expect(reasonOf(await push(4))).toBe('full');
    free = 21 * 2 ** 20;
    expect((await push(5))?.type).toBe(RECORD.custody);
  });
});

describe("a stranger's object", () => {
  async function held() {
    const { b, c, d, giver } = await giverAndLine();
    await world.settle(c.node.addContact('b', b.contact));
    d.pullThePlug();
    c.pullThePlug();
    const parcel = parcelFor(d, 1);
    await giver.say(RECORD.push, encodeParcel(parcel));
    expect(b.node.status().store.objects).toBe(1);
    return { b, giver, parcel };
  }

  test('stays while there is room, and for a day where room is short', async () => {
    const { b } = await held();
    free = 30 * 2 ** 20;
    await world.sim.run(23 * HOUR);
    expect(b.node.status().store).toMatchObject({ objects: 1, state: 'tight' });
    free = 1e9;
    await world.sim.run(10 * HOUR);
    expect(b.node.status().store).toMatchObject({ objects: 1, state: 'ok' });
  });

  test('is not dropped where the disk does not even take that, and no drop is counted', async () => {
    const { b } = await held();
    free = 3 * 2 ** 20; // below a quarter of the reserve
    await world.sim.run(25 * HOUR);
    expect(b.node.status().store).toMatchObject({ objects: 1, state: 'full' });
    expect(b.counters.get('store.dropped')).toBe(0);
    free = 15 * 2 ** 20;
    await world.sim.run(2 * MINUTE);
    expect(b.node.status().store.objects).toBe(0);
    expect(b.counters.get('store.dropped')).toBe(1);
  });

  test('is dropped after a day where room is short, and its receipt still passes', async () => {
    const { b, giver, parcel } = await held();
    free = 30 * 2 ** 20;
    await world.sim.run(25 * HOUR);
    expect(b.node.status().store.objects).toBe(0);
    expect(b.counters.get('store.dropped')).toBe(1);
    await giver.say(RECORD.have, new Uint8Array(11));
    const answer = await giver.say(
      RECORD.ask,
      encodeAsk({ objectId: shortIdIn(parcel), verdict: undefined }),
    );
    expect(answer && decodeAsk(answer.body)?.verdict).toBe('lost');
    await world.settle(giver.bare.link.broadcast(encodeReceiptFrame(new Uint8Array(16).fill(1)), 0));
    await world.sim.until(() => giver.ofType(RECORD.receipt).length > 0, 10 * MINUTE, 'the receipt');
  });
});
