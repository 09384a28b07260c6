/**
 * Items in shared frames, as bare links meet them: a hub whose subscribers answer or do not, and a reader whose
 * neighbours mean no good (docs/protocol/store.md, "NXS-Pub").
 */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { toHex } from '../../src/core/bytes.ts';
import { KIND } from '../../src/link/frame.ts';
import { Neighbourhood } from '../../src/link/neighbourhood.ts';
import { RECORD } from '../../src/link/records.ts';
import { encodeAnnounce } from '../../src/mesh/announce.ts';
import { OwnChain } from '../../src/mesh/freshness.ts';
import {
  encodeGot,
  encodeItem,
  encodePull,
  encodeSubscribe,
  encodeSubscribed,
} from '../../src/pub/records.ts';
import { CONTENT_TYPE, NO_LOCK, OBJECT_PRIORITY, objectIdOf, shortIdOf } from '../../src/store/object.ts';
import { type CompactHeader, encodeParcel, FRESH_TRAVEL, objectOf } from '../../src/store/parcel.ts';
import { BareNeighbour } from '../bare-neighbour.ts';
import { MINUTE } from '../scenario/messages.ts';
import { AirLog } from '../scenario/situations/air-log.ts';
import { type Box, World, type WorldOptions } from '../world.ts';

let world: World;
let box: Box;
let log: AirLog;
const start = async (options: WorldOptions = {}) => {
  world = new World({ apart: true, seed: 'shared items', ...options });
  [box] = await world.boxes('box');
  log = new AirLog(world.air);
};
beforeEach(() => start());
afterEach(() => world.end());

const HEADER: CompactHeader = {
  ...{ contentType: CONTENT_TYPE.ephemeral, priority: OBJECT_PRIORITY.normal, minBandwidth: 0, ttl: 64 },
  ...{ lock: NO_LOCK, recipients: [], travel: FRESH_TRAVEL },
};
const item = (content: string, name = 'news') =>
  encodeItem({ kind: 'key', name, content: new TextEncoder().encode(content) });
const parcel = (bytes: Uint8Array, header: Partial<CompactHeader> = {}) =>
  encodeParcel({ header: { ...HEADER, ...header }, bytes });
const shortId = (bytes: Uint8Array) => shortIdOf(objectIdOf(objectOf(HEADER, bytes).header));
const counted = (what: string) => box.counters.get(what);
const pushOf = (body: Uint8Array) => ({ type: RECORD.push, body });

/** A neighbour that is linked with the box. */
async function linked(name: string) {
  const bare = await BareNeighbour.start(world, box, name);
  const chain = new OwnChain(bare.identity.nodeId, new Uint8Array(32).fill(3), 1n);
  bare.link.shared.onOffer(() => true);
  bare.link.onRecord(RECORD.subscribed, () => {});
  const own = { sequence: 1n, anchor: chain.step(0), booted: false, capabilities: 4 };
  void bare.link.broadcast(encodeAnnounce(bare.identity, own), 0);
  await world.sim.until(() => bare.link.shared.isMutual(box.nodeId), 20 * MINUTE, `the link to ${name}`);
  return bare;
}

/** One that subscribes, and says that it has what it hears, where it `answers`. */
class Subscriber {
  readonly heard: string[] = [];
  readonly handed: string[] = [];
  answers = true;
  readonly bare: BareNeighbour;

  constructor(bare: BareNeighbour) {
    this.bare = bare;
    bare.link.onRecord(RECORD.push, ({ body }) => void this.handed.push(toHex(body)));
    bare.link.shared.onRecord(RECORD.push, ({ body, slot }) => {
      this.heard.push(toHex(body));
      const id = shortId(body.slice(3));
      if (this.answers) world.sim.after(1_000 + 400 * slot, () => this.got(id));
    });
  }

  static async linked(name: string, topic = 'news'): Promise<Subscriber> {
    const subscriber = new Subscriber(await linked(name));
    const what = { number: 1, topic: { kind: 'key', name: topic }, delivery: 'push', lasts: 200 } as const;
    await subscriber.bare.say({
      type: RECORD.subscribe,
      body: encodeSubscribe({ ...what, step: undefined }),
    });
    return subscriber;
  }

  got(...ids: Uint8Array[]): void {
    this.bare.box.mention({ type: RECORD.got, body: encodeGot(ids) });
  }
}

describe('a hub', () => {
  const NEWS = item('Something has happened');
  const publish = async (bytes = NEWS) => {
    const publisher = await BareNeighbour.start(world, box, `publisher ${toHex(shortId(bytes))}`);
    await publisher.say(pushOf(parcel(bytes)));
    await world.sim.run(MINUTE);
  };

  test('says what two want to be pushed once, and hands it to neither', async () => {
    const [a, b] = [await Subscriber.linked('a'), await Subscriber.linked('b')];
    const before = log.frames.length;
    await publish();
    expect([a.heard, b.heard]).toEqual(Array(2).fill([toHex(parcel(NEWS))]));
    expect([a.handed, b.handed]).toEqual([[], []]);
    const shared = log.frames.slice(before).filter((f) => f.from === 'box' && f.kind === KIND.shared);
    expect(shared.map((f) => f.bytes.length)).toEqual([24 + 2 * 3 + parcel(NEWS).length]);
  });

  test('hands it to those alone that do not answer, and tells nobody else', async () => {
    const [a, b] = [await Subscriber.linked('a'), await Subscriber.linked('b')];
    const other = await Subscriber.linked('c', 'olds');
    b.answers = false;
    await publish();
    expect([a.handed, b.handed, other.handed]).toEqual([[], [toHex(parcel(NEWS))], []]);
  });

  test('believes an answer of whoever gives it, and of what it was told', async () => {
    const [a, b] = [await Subscriber.linked('a'), await Subscriber.linked('b')];
    const other = await Subscriber.linked('c', 'olds');
    for (const s of [a, b]) s.answers = false;
    a.got(shortId(NEWS));
    a.got(new Uint8Array(8));
    await world.sim.run(2_000);
    expect(counted('pub.unasked-got')).toBe(2);
    other.got(shortId(NEWS));
    await a.bare.say({ type: RECORD.got, body: new Uint8Array(3) });
    await a.bare.say({ type: RECORD.got, body: new Uint8Array(0) });
    expect(counted('pub.refused.malformed-got')).toBe(2);
    await publish();
    expect([a.handed, b.handed]).toEqual(Array(2).fill([toHex(parcel(NEWS))]));
  });

  test('shares nothing with one alone, nor what is too long for a frame', async () => {
    const a = await Subscriber.linked('a');
    await publish();
    expect([a.heard, a.handed]).toEqual([[], [toHex(parcel(NEWS))]]);
    const b = await Subscriber.linked('b');
    const long = item('x'.repeat(221));
    await publish(long);
    expect([a.handed.at(-1), b.handed.at(-1)]).toEqual(Array(2).fill(toHex(parcel(long))));
    expect([a.heard, b.heard, counted('pub.shared-items')]).toEqual([[], [], 0]);
  });

  test('shares nothing where the tags of its other neighbours would cost more than it saves', async () => {
    const [a, b] = [await Subscriber.linked('a'), await Subscriber.linked('b')];
    const short = item('!');
    await publish(short);
    expect([a.heard.length, b.heard.length, counted('pub.shared-items')]).toEqual([1, 1, 1]);
    for (let i = 0; i < 17; i++) {
      const { link } = await BareNeighbour.start(world, box, `other ${i}`);
      link.shared.onOffer(() => true);
      expect(await world.settle(link.shared.admit(box.nodeId, { priority: 0 }))).toBe(true);
    }
    const another = item('?');
    await publish(another);
    expect([a.handed, b.handed]).toEqual(Array(2).fill([toHex(parcel(another))]));
    expect(counted('pub.shared-items')).toBe(1);
  });

  test('tells again what a subscriber asks for though it was said', async () => {
    const [a, b] = [await Subscriber.linked('a'), await Subscriber.linked('b')];
    await publish();
    await b.bare.say({ type: RECORD.pull, body: encodePull({ number: 1, ids: [shortId(NEWS)] }) });
    await world.sim.run(MINUTE);
    expect([a.handed, b.handed]).toEqual([[], [toHex(parcel(NEWS))]]);
  });
});

describe('a reader', () => {
  const NEWS = item('Something has happened');
  let read: string[];
  /** What its mailbox was told to be kept, and when. */
  let got: { readonly ids: string; readonly at: number }[];

  /** A mailbox of the box that follows `news`. */
  async function mailbox(): Promise<BareNeighbour> {
    const bare = await BareNeighbour.start(world, box, 'mailbox');
    got = [];
    bare.link.shared.onOffer(() => true);
    bare.link.onRecord(
      RECORD.got,
      ({ body }) => void got.push({ ids: toHex(body), at: world.sim.monotonic() }),
    );
    bare.link.onRecord(RECORD.subscribe, ({ body, reply }) => {
      const kept = { number: body[0] ?? 0, outcome: 'kept', waiting: 0, serial: 0 } as const;
      reply({ type: RECORD.subscribed, body: encodeSubscribed(kept) });
    });
    const chain = new OwnChain(bare.identity.nodeId, new Uint8Array(32).fill(3), 1n);
    const own = { sequence: 1n, anchor: chain.step(0), booted: false, capabilities: 4 };
    void bare.link.broadcast(encodeAnnounce(bare.identity, own), 0);
    const isChosen = () => box.node.status().mailboxes.some((m) => m.registered);
    await world.sim.until(isChosen, 20 * MINUTE, 'the mailbox');
    read = [];
    void (async () => {
      for await (const one of box.node.subscribe('news', new AbortController().signal)) read.push(one.text);
    })();
    await world.sim.run(MINUTE);
    return bare;
  }
  const share = async (from: BareNeighbour, type: number, body: Uint8Array) => {
    await world.settle(from.link.shared.send({ type, body }, 2, 'all'));
    await world.sim.run(10_000);
  };
  const beginning = () => toHex(shortId(NEWS).subarray(0, 4));

  test('keeps what it follows, says so once, and nothing to the same again', async () => {
    const hub = await mailbox();
    await share(hub, RECORD.push, parcel(NEWS));
    expect(read).toEqual(['Something has happened']);
    expect(got.map((g) => g.ids)).toEqual([beginning()]);
    await share(hub, RECORD.push, parcel(NEWS));
    expect([read.length, got.length, counted('pub.shared-again')]).toEqual([1, 1, 1]);
  });

  test('says so once it is on the disk, and not before', async () => {
    await world.end();
    let commitMs = 5;
    await start({ commitMs: () => commitMs });
    const hub = await mailbox();
    commitMs = 7_000;
    const at = world.sim.monotonic();
    await share(hub, RECORD.push, parcel(NEWS));
    await world.sim.run(10_000);
    expect(got.map((g) => g.ids)).toEqual([beginning()]);
    expect((got[0]?.at ?? 0) - at).toBeGreaterThan(commitMs);
  });

  test('takes nothing from a neighbour that it has not asked, nor what it does not follow', async () => {
    const hub = await mailbox();
    const other = await linked('other');
    await share(other, RECORD.push, parcel(NEWS));
    await share(hub, RECORD.push, parcel(item('Long ago', 'olds')));
    expect([counted('pub.refused.unasked-shared-item'), counted('pub.overheard-item')]).toEqual([1, 1]);
    expect([read, got]).toEqual([[], []]);
    await hub.say(pushOf(parcel(NEWS)));
    expect(read).toHaveLength(1);
  });

  test('refuses and counts what is no item, and records that are not shared', async () => {
    const hub = await mailbox();
    const wrong = [
      new Uint8Array(0),
      parcel(new Uint8Array(30)),
      parcel(NEWS, { recipients: [box.nodeId] }),
      parcel(NEWS, { lock: new Uint8Array(16).fill(1) }),
      parcel(NEWS).subarray(0, 5),
    ];
    for (const body of wrong) await share(hub, RECORD.push, body);
    expect(counted('pub.refused.malformed-shared-item')).toBe(wrong.length);
    for (const type of [RECORD.offer, RECORD.custody, RECORD.got, RECORD.key, 99])
      await share(hub, type, new Uint8Array(40));
    expect(counted('link.refused.shared-record')).toBe(5);
    expect([read, got]).toEqual([[], []]);
  });

  test('is not deceived by those who hold the key too, or have recorded a frame', async () => {
    const hub = await mailbox();
    const forger = await BareNeighbour.start(world, box, 'forger');
    const { random } = world.sim;
    const genuine = new Neighbourhood(random.fork('genuine'), world.sim.monotonic());
    const member = genuine.admit(box.nodeId);
    if (!member) throw new Error('no place');
    await hub.say(genuine.offer(member, false));
    const key = genuine.offer(member, false).body.slice(11, 43);
    const kept = { index: genuine.index, firstEpoch: 0, generation: 0n, key, members: [] };
    const forged = new Neighbourhood(random.fork('forged'), world.sim.monotonic(), undefined, kept);
    forged.admit(box.nodeId);
    const say = async (from: BareNeighbour, frame: Uint8Array) => {
      await world.settle(from.link.broadcast(frame, 0));
      await world.sim.run(10_000);
    };
    const lie = pushOf(parcel(item('Nothing of the kind')));
    await say(forger, forged.seal([lie], world.sim.monotonic()));
    expect([counted('link.refused.shared-tag'), read]).toEqual([1, []]);
    const frame = genuine.seal([pushOf(parcel(NEWS))], world.sim.monotonic());
    await say(hub, frame);
    await say(forger, frame);
    expect(read).toEqual(['Something has happened']);
    expect([counted('link.refused.shared-replay'), got.length]).toEqual([1, 1]);
  });
});
