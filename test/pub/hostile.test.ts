/**
 * NXS-Pub as neighbours meet it that mean no good: a bare link says to a whole box whatever a test wants
 * (docs/protocol/store.md, "NXS-Pub" and "Mailboxes").
 */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { toHex } from '../../src/core/bytes.ts';
import { fixed } from '../../src/db/codecs.ts';
import type { Table, Tx } from '../../src/db/db.ts';
import { openDatabase } from '../../src/db/open.ts';
import type { Rec } from '../../src/link/link.ts';
import { RECORD } from '../../src/link/records.ts';
import { encodeAnnounce } from '../../src/mesh/announce.ts';
import { OwnChain } from '../../src/mesh/freshness.ts';
import {
  decodeHint,
  decodeSubscribed,
  encodeHint,
  encodeItem,
  encodePull,
  encodeSubscribe,
  encodeSubscribed,
  type Outcome,
  type Subscribe,
} from '../../src/pub/records.ts';
import { CONTENT_TYPE, NO_LOCK, OBJECT_PRIORITY } from '../../src/store/object.ts';
import { encodeParcel, FRESH_TRAVEL } from '../../src/store/parcel.ts';
import { BareNeighbour } from '../bare-neighbour.ts';
import { MINUTE } from '../scenario/messages.ts';
import { type Box, World } from '../world.ts';

let world: World;
let relay: Box;
/** On every box's disk; the reserve is 16 MiB. */
let free = 1e9;
beforeEach(async () => {
  free = 1e9;
  world = new World({ apart: true, seed: 'hostile', freeBytes: () => free });
  [relay] = await world.boxes('relay');
});
afterEach(() => world.end());

const kept = () => relay.node.status().pub.kept;
const refused = (what: string) => relay.counters.get(`pub.refused.${what}`);

/** For whom the relay, which is off, stands in when it is on again. */
async function stoodInFor(change: (tx: Tx, table: Table<Uint8Array, Uint8Array>) => void = () => {}) {
  const durability = { kind: 'simulated', clock: world.sim, delay: () => 1 } as const;
  const db = await world.settle(openDatabase(relay.directory, { durability }));
  const table = db.table({ name: 'stand-in', key: fixed(16), value: fixed(28) });
  await world.settle(db.commit((tx) => change(tx, table)));
  const all = db.read((tx) => Array.from(tx.range(table), ({ key }) => toHex(key)));
  await world.settle(db.close());
  return all;
}

class Stranger {
  readonly bare: BareNeighbour;
  readonly chain: OwnChain;
  readonly told: Rec[] = [];
  #answered = new AbortController();

  constructor(bare: BareNeighbour) {
    this.bare = bare;
    this.chain = new OwnChain(bare.identity.nodeId, new Uint8Array(32).fill(3), 1n);
    for (const type of [RECORD.subscribed, RECORD.hint, RECORD.pull, RECORD.push])
      bare.link.onRecord(type, ({ body }) => {
        this.told.push({ type, body: body.slice() });
        this.#answered.abort();
      });
  }

  static async called(name: string): Promise<Stranger> {
    const stranger = new Stranger(await BareNeighbour.start(world, relay, name));
    await stranger.bare.say({ type: RECORD.hello, body: new Uint8Array(0) });
    return stranger;
  }

  announce(): void {
    const own = { sequence: 1n, anchor: this.chain.step(0), booted: false, capabilities: 4 };
    void this.bare.link.broadcast(encodeAnnounce(this.bare.identity, own), 0);
  }

  /** The last answer of that type, if one has come: what is answered is not said again. */
  async ask(type: number, body: Uint8Array, answer: number): Promise<Uint8Array | undefined> {
    const before = this.told.length;
    this.#answered = new AbortController();
    const options = { priority: 1, settled: this.#answered.signal } as const;
    await world.settle(this.bare.box.send({ type, body }, options).catch(() => undefined));
    await world.sim.run(2_000);
    return this.told.slice(before).findLast((r) => r.type === answer)?.body;
  }

  async subscribe(what: Subscribe) {
    const body = await this.ask(RECORD.subscribe, encodeSubscribe(what), RECORD.subscribed);
    return body && decodeSubscribed(body);
  }
}

const mail = (chain: OwnChain, steps: number, lasts: number | undefined = 200): Subscribe => ({
  ...{ number: 0, topic: { kind: 'node' }, delivery: 'pull-hint', lasts },
  step: chain.step(steps),
});
const topic = (number: number, name: string): Subscribe => ({
  ...{ number, topic: { kind: 'key', name }, delivery: 'push', lasts: 200, step: undefined },
});

describe('subscriptions', () => {
  test('to mail are kept from a node whose step its own announce proves, and from no other', async () => {
    const stranger = await Stranger.called('stranger');
    expect(await stranger.subscribe(mail(stranger.chain, 1500))).toMatchObject({ outcome: 'unknown' });
    stranger.announce();
    await world.sim.run(MINUTE);
    expect(await stranger.subscribe(mail(stranger.chain, 1500))).toMatchObject({
      outcome: 'kept',
      waiting: 0,
    });
    const other = new OwnChain(stranger.bare.identity.nodeId, new Uint8Array(32).fill(4), 1n);
    await world.sim.run(MINUTE);
    expect(await stranger.subscribe(mail(other, 1500))).toMatchObject({ outcome: 'unknown' });
    expect(kept()).toBe(1);
  });

  test('to mail that the disk does not take leave nobody to stand in for', async () => {
    const stranger = await Stranger.called('stranger');
    stranger.announce();
    await world.sim.run(MINUTE);
    free = 15 * 2 ** 20; // housekeeping still fits
    expect(await stranger.subscribe(mail(stranger.chain, 1500))).toMatchObject({ outcome: 'full' });
    await world.settle(relay.stop());
    expect(await stoodInFor()).toEqual([]);
    free = 1e9;
    await world.settle(relay.start());
    await world.sim.run(MINUTE);
    expect(await stranger.subscribe(mail(stranger.chain, 1500))).toMatchObject({ outcome: 'kept' });
    free = 15 * 2 ** 20; // what is renewed in vain goes on as it was
    expect(await stranger.subscribe(mail(stranger.chain, 1600))).toMatchObject({ outcome: 'full' });
    await world.settle(relay.stop());
    expect(await stoodInFor()).toEqual([toHex(stranger.bare.identity.nodeId)]);
  });

  test('that a damaged disk has lost leave nobody to stand in for after a start', async () => {
    const stranger = await Stranger.called('stranger');
    stranger.announce();
    await world.sim.run(MINUTE);
    await stranger.subscribe(mail(stranger.chain, 1500));
    await world.settle(relay.stop());
    const id = toHex(stranger.bare.identity.nodeId);
    const lost = new Uint8Array(16).fill(7);
    expect(await stoodInFor((tx, table) => tx.put(table, lost, new Uint8Array(28)))).toEqual([
      toHex(lost),
      id,
    ]);
    await world.settle(relay.start());
    await world.sim.run(MINUTE);
    await world.settle(relay.stop());
    expect(await stoodInFor()).toEqual([id]);
  });

  test('without end: eight of one neighbour, the others are refused and counted', async () => {
    const stranger = await Stranger.called('stranger');
    const outcomes: (string | undefined)[] = [];
    for (let i = 1; i <= 12; i++) {
      outcomes.push((await stranger.subscribe(topic(i, `t${i}`)))?.outcome);
      await world.sim.run(MINUTE);
    }
    expect(outcomes).toEqual([...Array(8).fill('kept'), ...Array(4).fill('full')]);
    expect(kept()).toBe(8);
    expect(refused('subscriptions-full')).toBe(4);
  });

  test('again and again: four a minute of one neighbour are looked at', async () => {
    const stranger = await Stranger.called('stranger');
    for (let i = 0; i < 12; i++)
      await stranger.bare.say({ type: RECORD.subscribe, body: encodeSubscribe(topic(1, 'a')) });
    expect(kept()).toBe(1);
    expect(refused('too-often')).toBeGreaterThan(4);
  });

  test('end when their time is over, and when their subscriber says so', async () => {
    const stranger = await Stranger.called('stranger');
    await stranger.subscribe({ ...topic(1, 'short'), lasts: 64 }); // 16 min
    await stranger.subscribe(topic(2, 'long'));
    expect(kept()).toBe(2);
    await world.sim.run(18 * MINUTE);
    expect(kept()).toBe(1);
    expect(await stranger.subscribe({ ...topic(2, 'long'), lasts: undefined })).toMatchObject({
      outcome: 'ended',
    });
    expect(kept()).toBe(0);
  });

  test('that are malformed are counted', async () => {
    const stranger = await Stranger.called('stranger');
    await stranger.bare.say({ type: RECORD.subscribe, body: new Uint8Array(3) });
    expect(refused('malformed-subscribe')).toBe(1);
  });

  test('outlive the plug', async () => {
    const stranger = await Stranger.called('stranger');
    await stranger.subscribe(topic(1, 'a'));
    relay.pullThePlug();
    await world.settle(relay.start());
    expect(kept()).toBe(1);
  });
});

describe('pulls', () => {
  test('of an empty mailbox cost less than 60 bytes, both ways', async () => {
    const stranger = await Stranger.called('stranger');
    stranger.announce();
    await world.sim.run(MINUTE);
    await stranger.subscribe(mail(stranger.chain, 1500));
    await world.sim.run(MINUTE);
    let bytes = 0;
    world.air.onTransmission.on((t) => {
      bytes += t.bytes.length;
    });
    const answer = await stranger.ask(RECORD.pull, encodePull({ number: 0, ids: [] }), RECORD.hint);
    expect(answer && decodeHint(answer)).toEqual({ number: 0, more: false, items: [] });
    expect(bytes).toBe(46);
  });

  test("of another's mail find nothing, no more than what does not exist", async () => {
    const [sender, recipient] = await world.boxes('sender', 'recipient');
    world.join(sender, relay);
    world.join(relay, recipient);
    await world.settle(sender.node.addContact('recipient', recipient.contact));
    const registered = () => recipient.node.status().mailboxes.some((m) => m.registered);
    await world.sim.until(registered, 10 * MINUTE, 'the mailbox');
    await world.settle(recipient.stop());
    const { id } = await world.settle(sender.node.send('recipient', 'Not for strangers'));
    await world.sim.until(() => relay.node.status().store.objects === 1, 10 * MINUTE, 'custody');
    const stranger = await Stranger.called('stranger');
    const theirs = encodePull({ number: 0, ids: [Uint8Array.from(Buffer.from(id, 'hex'))] });
    await stranger.bare.say({ type: RECORD.pull, body: theirs });
    expect(refused('pull-without-subscription')).toBe(1);
    stranger.announce();
    await world.sim.run(MINUTE);
    await stranger.subscribe(mail(stranger.chain, 1500));
    const answer = await stranger.ask(RECORD.pull, encodePull({ number: 0, ids: [] }), RECORD.hint);
    expect(answer && decodeHint(answer)?.items).toEqual([]);
    expect(await stranger.ask(RECORD.pull, theirs, RECORD.push)).toBeUndefined();
    expect(refused('unknown-pull')).toBe(1);
    expect(relay.node.status().store.objects).toBe(1);
  });
});

describe('hints', () => {
  test('of one that is no mailbox of this box are counted, and nothing is asked for', async () => {
    const stranger = await Stranger.called('stranger');
    const items = [{ id: new Uint8Array(8), size: 100, priority: 1 }] as const;
    const hint = encodeHint({ number: 0, more: true, items });
    expect(await stranger.ask(RECORD.hint, hint, RECORD.pull)).toBeUndefined();
    expect(refused('unasked-hint')).toBe(1);
  });
});

describe('a mailbox that lies', () => {
  test('about what waits is asked three times in ten minutes, and believed in nothing', async () => {
    const liar = new Stranger(await BareNeighbour.start(world, relay, 'liar'));
    const { link } = liar.bare;
    link.shared.onOffer(() => true);
    link.onRecord(RECORD.subscribe, ({ reply }) => {
      reply({
        type: RECORD.subscribed,
        body: encodeSubscribed({ number: 0, outcome: 'kept', waiting: 255, serial: 0x7fff }),
      });
    });
    liar.announce();
    const chosen = () => relay.node.status().mailboxes.some((m) => m.registered);
    await world.sim.until(chosen, 10 * MINUTE, 'the mailbox');
    const before = relay.node.routes().length;
    for (let minute = 0; minute < 25; minute++) {
      const id = new Uint8Array(8).fill(minute);
      const body = encodeHint({ number: 0, more: true, items: [{ id, size: 100, priority: 0 }] });
      await liar.bare.say({ type: RECORD.hint, body });
      await world.sim.run(MINUTE);
    }
    expect(liar.told.filter((r) => r.type === RECORD.pull)).toHaveLength(9);
    expect(relay.counters.get('pub.unfulfilled-hint')).toBe(2);
    expect(relay.counters.get('pub.hint-too-soon')).toBeGreaterThan(10);
    expect([...relay.node.inbox()]).toEqual([]);
    expect(relay.node.routes()).toHaveLength(before);
  });

  test('about what it knows is asked ever more rarely', async () => {
    const liar = new Stranger(await BareNeighbour.start(world, relay, 'liar'));
    liar.bare.link.shared.onOffer(() => true);
    const outcome = { now: 'unknown' as Outcome };
    const askedAt: number[] = [];
    liar.bare.link.onRecord(RECORD.subscribe, ({ reply }) => {
      askedAt.push(world.sim.monotonic());
      const body = encodeSubscribed({ number: 0, outcome: outcome.now, waiting: 0, serial: 0 });
      reply({ type: RECORD.subscribed, body });
    });
    liar.announce();
    await world.sim.until(() => askedAt.length === 3, 15 * MINUTE, 'three questions');
    // an honest one has the announce by then
    const [first = 0, second = 0, third = 0] = askedAt;
    expect(second - first).toBeLessThan(20_000);
    expect(third - second).toBeGreaterThan(second - first);
    await world.sim.run(60 * MINUTE);
    expect(askedAt.length).toBeLessThan(14);
    outcome.now = 'kept';
    const chosen = () => relay.node.status().mailboxes.some((m) => m.registered);
    await world.sim.until(chosen, 15 * MINUTE, 'the mailbox');
  });

  test('about how far the chain of a node has gone moves it on once, and no further than what it was handed', async () => {
    const liar = new Stranger(await BareNeighbour.start(world, relay, 'liar'));
    liar.bare.link.shared.onOffer(() => true);
    let registrations = 0;
    liar.bare.link.onRecord(RECORD.subscribe, ({ reply }) => {
      registrations++;
      reply({
        type: RECORD.subscribed,
        body: encodeSubscribed({ number: 0, outcome: 'kept', waiting: 0, serial: 0x1000 + 900 }),
      });
    });
    liar.announce();
    await world.sim.until(() => registrations > 0, 10 * MINUTE, 'the mailbox');
    await world.sim.run(60 * MINUTE);
    expect(registrations).toBe(1);
  });
});

describe('published items', () => {
  const parcel = (bytes: Uint8Array, contentType: 0 | 2 = CONTENT_TYPE.ephemeral) =>
    encodeParcel({
      header: {
        ...{ contentType, priority: OBJECT_PRIORITY.normal, minBandwidth: 0, ttl: 64, lock: NO_LOCK },
        ...{ recipients: [], travel: FRESH_TRAVEL },
      },
      bytes,
    });

  test('reach who subscribed to them, once, and nobody else', async () => {
    const [publisher, reader, other] = [
      await Stranger.called('publisher'),
      await Stranger.called('reader'),
      await Stranger.called('other'),
    ];
    for (const s of [reader, other]) s.announce();
    await world.sim.run(MINUTE);
    await reader.subscribe(topic(1, 'news'));
    await other.subscribe(topic(1, 'olds'));
    const news = parcel(encodeItem({ kind: 'key', name: 'news', content: new Uint8Array(20) }));
    for (let i = 0; i < 3; i++) await publisher.bare.say({ type: RECORD.push, body: news });
    await world.sim.run(MINUTE);
    const pushes = (s: Stranger) => s.told.filter((r) => r.type === RECORD.push).map((r) => toHex(r.body));
    expect([publisher, reader, other].map(pushes)).toEqual([[], [toHex(news)], []]);
  });

  test('that are none are counted', async () => {
    const stranger = await Stranger.called('stranger');
    await stranger.bare.say({ type: RECORD.push, body: parcel(new Uint8Array(30)) });
    expect(refused('malformed-item')).toBe(1);
    expect(relay.counters.get('store.refused.unreadable')).toBe(0);
  });
});
