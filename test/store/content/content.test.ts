/**
 * Objects by name as one box keeps them and shows them to others on a LAN (docs/protocol/store.md, "Content"): the three
 * types, their times, replays and forks, and what there is room for.
 */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { utf8 } from '../../../src/core/bytes.ts';
import { signingKeysOf } from '../../../src/crypto/signatures.ts';
import { RECORD } from '../../../src/link/records.ts';
import type { ContentFailed } from '../../../src/store/content/failure.ts';
import { encodeHeadAlone, encodeHeadWith } from '../../../src/store/content/head.ts';
import { signMutable } from '../../../src/store/content/mutable.ts';
import { merkleRoot } from '../../../src/store/merkle.ts';
import {
  CONTENT_TYPE,
  headerFor,
  NO_LOCK,
  OBJECT_PRIORITY,
  objectIdOf,
  shortIdOf,
} from '../../../src/store/object.ts';
import { BareLanNeighbour } from '../../bare-lan-neighbour.ts';
import { BareNeighbour } from '../../bare-neighbour.ts';
import { type Box, World, type WorldOptions } from '../../world.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
/** Two hours, rounded up to a log byte. */
const TTL = 111;
const HOW = { priority: OBJECT_PRIORITY.normal, minBandwidth: 0, ttl: TTL };
const PLAIN = { ...HOW, contentType: CONTENT_TYPE.immutable };
const FLEETING = { ...HOW, contentType: CONTENT_TYPE.ephemeral, ttl: 32 }; // 4 minutes

let world: World;
const worldOf = (options: WorldOptions = {}) => {
  world = new World(options);
};
beforeEach(() => worldOf());
afterEach(() => world.end());

async function lan(...names: readonly string[]): Promise<Box[]> {
  const boxes = names.map((name, i) => world.box(name, { radio: false, lan: names.slice(0, i) }));
  await world.settle(Promise.all(boxes.map((b) => b.start())));
  const isLinked = (b: Box) => b.node.neighbours().filter((n) => n.linked).length === boxes.length - 1;
  await world.sim.until(() => boxes.every(isLinked), 600_000, 'links between all');
  return boxes;
}

/** Why it did not come about. */
const reason = (promise: Promise<unknown>) =>
  world.settle(
    promise.then(
      () => 'nothing',
      (e: ContentFailed) => e.reason,
    ),
  );

describe('immutable objects', () => {
  test('are had by name, inline where they are small, and are the same however often they are put', async () => {
    const [a, b] = (await lan('A', 'B')) as [Box, Box];
    const id = await world.settle(a.node.content.put(utf8('small'), PLAIN));
    expect(await world.settle(a.node.content.put(utf8('small'), PLAIN))).toEqual(id);
    expect(a.node.content.size).toMatchObject({ objects: 1, bytes: 4096 });
    await world.settle(b.node.content.fetch(id, [a.nodeId]));
    expect(b.node.content.get(id)).toEqual(utf8('small'));
    expect(a.counters.get('store.content.given')).toBe(0); // no chunk of its own
  });

  test('may be empty', async () => {
    const [a, b] = (await lan('A', 'B')) as [Box, Box];
    const id = await world.settle(a.node.content.put(new Uint8Array(0), PLAIN));
    await world.settle(b.node.content.fetch(id, [a.nodeId]));
    expect(b.node.content.get(id)).toEqual(new Uint8Array(0));
  });

  test('end at their ttl, and a copy with what it was copied from', async () => {
    const [a, b] = (await lan('A', 'B')) as [Box, Box];
    const id = await world.settle(a.node.content.put(utf8('for two hours'), PLAIN));
    await world.sim.run(HOUR);
    await world.settle(b.node.content.fetch(id, [a.nodeId]));
    await world.sim.run(56 * MINUTE);
    expect(a.node.content.get(id)).toBeDefined();
    await world.sim.run(10 * MINUTE);
    expect([a, b].map((x) => x.node.content.get(id))).toEqual([undefined, undefined]);
    expect([a, b].map((x) => x.node.content.size)).toEqual(
      Array(2).fill({ objects: 0, bytes: 0, placedBytes: 0 }),
    );
  });

  test('outlive a power cut', async () => {
    const [a] = (await lan('A')) as [Box];
    const bytes = world.sim.random.bytes(10_000);
    const id = await world.settle(a.node.content.put(bytes, PLAIN));
    a.pullThePlug();
    await world.settle(a.start());
    expect(a.node.content.get(id)).toEqual(bytes);
    expect(a.node.content.size).toMatchObject({ objects: 1, bytes: 10_000 });
  });

  test('that nobody has are not to be had', async () => {
    const [a, b] = (await lan('A', 'B')) as [Box, Box];
    const id = objectIdOf(headerFor(PLAIN, NO_LOCK, utf8('never put')));
    expect(await reason(a.node.content.fetch(id, [b.nodeId]))).toBe('unobtainable');
    expect(await reason(a.node.content.fetch(id, []))).toBe('unobtainable');
  });
});

describe('ephemeral objects', () => {
  test('are gone with their last moment, before they are swept, and are not given on', async () => {
    const [a, b] = (await lan('A', 'B')) as [Box, Box];
    const id = await world.settle(a.node.content.put(utf8('now'), FLEETING));
    await world.settle(b.node.content.fetch(id, [a.nodeId]));
    await world.sim.run(4 * MINUTE - 1_000);
    expect([a, b].map((x) => x.node.content.get(id))).toEqual([utf8('now'), utf8('now')]);
    await world.sim.run(1_000);
    expect([a, b].map((x) => x.node.content.get(id))).toEqual([undefined, undefined]);
    expect(await reason(b.node.content.fetch(id, [a.nodeId]))).toBe('unobtainable');
  });

  test('do not outlive a start: a box that was off does not know for how long', async () => {
    const [a] = (await lan('A')) as [Box];
    const id = await world.settle(a.node.content.put(utf8('now'), FLEETING));
    a.pullThePlug();
    await world.settle(a.start());
    await world.sim.run(100);
    expect(a.node.content.get(id)).toBeUndefined();
    expect(a.node.content.size.objects).toBe(0);
  });

  test('are never durable', async () => {
    const [a] = (await lan('A')) as [Box];
    await expect(a.node.content.put(utf8('x'), { ...FLEETING, durable: true })).rejects.toThrow(RangeError);
  });
});

describe('mutable objects', () => {
  const keys = () => signingKeysOf(world.sim.random.fork('owner').bytes(32));
  const versionOf = (sequence: bigint, text: string) =>
    signMutable(keys(), sequence, HOW, text.length, merkleRoot(utf8(text)));
  const shown = (sequence: bigint, text: string) => ({
    type: RECORD.head,
    body: encodeHeadWith(utf8(text), versionOf(sequence, text), 0),
  });
  const texts = (x: Box) => x.node.content.newest(keys().publicKey);

  test('are found by their owner, newest first; the version before goes', async () => {
    const [a, b] = (await lan('A', 'B')) as [Box, Box];
    const { publicKey } = keys();
    const long = world.sim.random.bytes(20_000);
    await world.settle(a.node.content.update(keys(), utf8('one'), HOW));
    await world.settle(b.node.content.lookup(publicKey, [a.nodeId]));
    expect(texts(b)?.bytes).toEqual(utf8('one'));
    await world.settle(a.node.content.update(keys(), long, HOW));
    const newest = await world.settle(b.node.content.lookup(publicKey, [a.nodeId]));
    expect(newest?.ownership.sequence).toBe(2n);
    expect(texts(b)?.bytes).toEqual(long);
    expect([a, b].map((x) => x.node.content.size.objects)).toEqual([1, 1]);
    // who has the newest is told nothing more
    expect(await world.settle(b.node.content.lookup(publicKey, [a.nodeId]))).toEqual(newest);
  });

  test('of several holders the highest sequence wins, and a replay changes nothing', async () => {
    const [a] = (await lan('A')) as [Box];
    const { publicKey } = keys();
    const old = await BareLanNeighbour.start(world, a, 'old', { [RECORD.lookup]: () => shown(3n, 'three') });
    const answerNew = { [RECORD.lookup]: () => shown(5n, 'five'), [RECORD.query]: () => shown(5n, 'five') };
    const newer = await BareLanNeighbour.start(world, a, 'new', answerNew);
    await world.settle(a.node.content.lookup(publicKey, [old.nodeId, newer.nodeId]));
    expect(texts(a)?.bytes).toEqual(utf8('five'));
    await world.settle(a.node.content.lookup(publicKey, [old.nodeId]));
    expect(texts(a)?.bytes).toEqual(utf8('five'));
    expect(a.counters.get('store.content.refused.stale')).toBe(1);
  });

  test('a replay changes nothing even when the newest has gone with its ttl', async () => {
    const [a] = (await lan('A')) as [Box];
    await world.settle(a.node.content.update(keys(), utf8('one'), HOW));
    await world.settle(a.node.content.update(keys(), utf8('two'), HOW));
    await world.sim.run(3 * HOUR);
    expect(texts(a)).toBeUndefined();
    const old = await BareLanNeighbour.start(world, a, 'old', { [RECORD.lookup]: () => shown(1n, 'one') });
    expect(await world.settle(a.node.content.lookup(keys().publicKey, [old.nodeId]))).toBeUndefined();
    expect(a.counters.get('store.content.refused.stale')).toBe(1);
  });

  test('two contents under one sequence: the evidence is kept, the owner blocked for 24 h, over a power cut', async () => {
    const [a, b] = (await lan('A', 'B')) as [Box, Box];
    const { publicKey } = keys();
    await world.settle(a.node.content.update(keys(), utf8('one'), HOW));
    const rogue = await BareLanNeighbour.start(world, a, 'rogue', {
      [RECORD.lookup]: () => shown(1n, 'ONE'),
      [RECORD.query]: () => shown(1n, 'ONE'),
    });
    expect(await reason(a.node.content.fetch(objectIdOf(versionOf(1n, 'ONE')), [rogue.nodeId]))).toBe(
      'forked',
    );
    const evidence = { held: versionOf(1n, 'one'), other: versionOf(1n, 'ONE') };
    expect(a.node.content.forkOf(publicKey)).toEqual(evidence);
    expect(texts(a)).toBeUndefined();
    expect(await world.settle(b.node.content.lookup(publicKey, [a.nodeId]))).toBeUndefined();
    expect(await reason(b.node.content.fetch(objectIdOf(evidence.held), [a.nodeId]))).toBe('unobtainable');
    expect(await reason(a.node.content.update(keys(), utf8('two'), HOW))).toBe('forked');
    await world.sim.run(11 * MINUTE); // own time is on the disk
    a.pullThePlug();
    await world.settle(a.start());
    expect(a.node.content.forkOf(publicKey)).toEqual(evidence);
    expect(await reason(a.node.content.update(keys(), utf8('two'), HOW))).toBe('forked');
    await world.sim.run(24 * HOUR);
    await world.settle(a.node.content.update(keys(), utf8('two'), HOW));
    expect(texts(a)?.bytes).toEqual(utf8('two'));
  }, 60_000);

  test('that their owner did not sign are refused, and whoever shows them is asked no more', async () => {
    const [a] = (await lan('A')) as [Box];
    const right = versionOf(1n, 'one');
    const forged = { ...right, ownership: { ...right.ownership, sequence: 9n } };
    const answer = () => ({ type: RECORD.head, body: encodeHeadWith(utf8('one'), forged, 0) });
    const forger = await BareLanNeighbour.start(world, a, 'forger', {
      [RECORD.lookup]: answer,
      [RECORD.query]: answer,
    });
    expect(await world.settle(a.node.content.lookup(keys().publicKey, [forger.nodeId]))).toBeUndefined();
    expect(await reason(a.node.content.fetch(objectIdOf(forged), [forger.nodeId]))).toBe('unobtainable');
    expect(a.counters.get('store.content.refused.forged')).toBe(3);
    expect(a.node.content.size.objects).toBe(0);
  });
});

describe('room', () => {
  test('what does not fit is refused before any of it is asked for', async () => {
    worldOf({ maxStoreBytes: 100_000 });
    const [a] = (await lan('A')) as [Box];
    const { content } = a.node;
    await world.settle(content.put(new Uint8Array(60_000), PLAIN));
    expect(await reason(content.put(new Uint8Array(60_001), PLAIN))).toBe('full');
    const header = headerFor(PLAIN, NO_LOCK, new Uint8Array(60_002));
    const holder = await BareLanNeighbour.start(world, a, 'holder', {
      [RECORD.query]: () => ({ type: RECORD.head, body: encodeHeadAlone(header, 0) }),
    });
    expect(await reason(content.fetch(objectIdOf(header), [holder.nodeId]))).toBe('full');
    expect(holder.told.map((r) => r.type)).toEqual([RECORD.query]);
  });

  test('one contact fills an eighth of it with shards, all of them a half', async () => {
    worldOf({ maxStoreBytes: 400_000 });
    const [a] = (await lan('A')) as [Box];
    const friend = await BareLanNeighbour.start(world, a, 'friend');
    const { encodeContactCode } = await import('../../../src/identity/contact-code.ts');
    const code = encodeContactCode({ publicKey: friend.identity.publicKey, mailboxes: [] });
    await world.settle(a.node.addContact('friend', code));
    for (const size of [50_000, 50_001]) {
      const header = headerFor(PLAIN, NO_LOCK, new Uint8Array(size));
      await friend.say({ type: RECORD.place, body: encodeHeadAlone(header, 0) });
      expect(friend.told.map((r) => r.type)).toContain(size > 50_000 ? RECORD.declined : RECORD.query);
      expect(friend.told.every((r) => r.body.length <= 9)).toBe(true);
    }
    expect(a.counters.get('store.content.refused.place-full')).toBe(1);
  });

  test('a ttl of centuries is a programmer’s error here, and refused from others', async () => {
    const [a] = (await lan('A')) as [Box];
    await expect(a.node.content.put(utf8('x'), { ...PLAIN, ttl: 247 })).rejects.toThrow(RangeError);
    const header = headerFor(PLAIN, NO_LOCK, utf8('x'));
    const body = encodeHeadWith(utf8('x'), header, 0);
    body[1] = 247;
    const holder = await BareLanNeighbour.start(world, a, 'holder', {
      [RECORD.query]: () => ({ type: RECORD.head, body }),
    });
    const fetched = reason(a.node.content.fetch(objectIdOf(header), [holder.nodeId]));
    await world.sim.run(5_000);
    expect(a.counters.get('store.content.refused.malformed')).toBeGreaterThan(0);
    await world.settle(a.node.content.remove(objectIdOf(header)));
    expect(await fetched).toBe('aborted');
  });

  test('an object whose time is over is refused', async () => {
    const [a] = (await lan('A')) as [Box];
    const header = headerFor(PLAIN, NO_LOCK, utf8('x'));
    const body = encodeHeadWith(utf8('x'), header, 3 * HOUR);
    const holder = await BareLanNeighbour.start(world, a, 'holder');
    await holder.say({ type: RECORD.head, body });
    expect(a.counters.get('store.content.refused.malformed')).toBe(1);
    expect(shortIdOf(objectIdOf(header))).toHaveLength(8);
  });
});

test('no segment is proven over LoRa: it is longer than a frame there', async () => {
  const [a] = await world.boxes('A');
  const owner = await BareNeighbour.start(world, a, 'owner');
  await owner.say({ type: RECORD.challenge, body: new Uint8Array(12) });
  expect(a.counters.get('store.content.refused.slow-medium')).toBe(1);
  await owner.say({ type: RECORD.challenge, body: new Uint8Array(16) });
  expect(a.counters.get('store.content.refused.slow-medium')).toBe(1);
});

test('content does not cross LoRa: who asks for it there is not answered, and nobody is asked there', async () => {
  const [a, b] = await world.boxes('A', 'B');
  await world.sim.run(120_000);
  const id = await world.settle(a.node.content.put(new Uint8Array(5_000), PLAIN));
  const fetched = reason(b.node.content.fetch(id, [a.nodeId]));
  await world.sim.run(60_000);
  expect(a.counters.get('store.content.refused.slow-medium')).toBe(0);
  expect(b.node.content.header(id)).toBeUndefined();
  await world.settle(b.node.content.remove(id));
  expect(await fetched).toBe('aborted');
});
