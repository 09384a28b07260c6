/** Durable objects over distinct neighbours on a LAN (docs/protocol/store.md, "Durable objects", "Proofs of storage"). */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { toHex } from '../../src/core/bytes.ts';
import { logByteOf } from '../../src/core/log-byte.ts';
import type { Rec } from '../../src/link/link.ts';
import { RECORD } from '../../src/link/records.ts';
import { decodeHead, encodeHeadAlone } from '../../src/store/content/head.ts';
import type { Struck } from '../../src/store/content/placements.ts';
import {
  CONTENT_TYPE,
  headerFor,
  NO_LOCK,
  OBJECT_PRIORITY,
  objectIdOf,
  shortIdOf,
} from '../../src/store/object.ts';
import { BareLanNeighbour } from '../bare-lan-neighbour.ts';
import { type Box, World } from '../world.ts';

const HOUR = 3_600_000;
const ARCHIVE = {
  contentType: CONTENT_TYPE.immutable,
  priority: OBJECT_PRIORITY.normal,
  minBandwidth: 50_000,
  ttl: logByteOf(29 * 24 * 60),
  durable: true,
};

let world: World;
beforeEach(() => {
  world = new World();
});
afterEach(() => world.end());

/** All linked with each, and the first is a contact of the others. */
async function town(...names: readonly string[]): Promise<Box[]> {
  return townOn({ radio: false }, names);
}

async function townOn({ radio }: { radio: boolean }, names: readonly string[]): Promise<Box[]> {
  const boxes = names.map((name, i) => world.box(name, { radio, lan: names.slice(0, i) }));
  await world.settle(Promise.all(boxes.map((b) => b.start())));
  const isLinked = (b: Box) => b.node.neighbours().filter((n) => n.linked).length === boxes.length - 1;
  await world.sim.until(() => boxes.every(isLinked), 600_000, 'links between all');
  const [first, ...others] = boxes;
  for (const b of others) await world.settle(b.node.addContact('first', first?.contact ?? ''));
  return boxes;
}

const holders = (a: Box, id: Parameters<Box['node']['content']['holdersOf']>[0]) =>
  a.node.content.holdersOf(id).map((h) => h && toHex(h));
const names = (boxes: readonly Box[]) => boxes.map((b) => toHex(b.nodeId)).sort();

test.each([
  ['300 KiB as 2 + 1', 300 * 1024, ['B', 'C', 'D']],
  ['a few bytes as 2 + 1', 100, ['B', 'C', 'D']],
  ['1 MiB and a bit as 4 + 2', 2 ** 20 + 77, ['B', 'C', 'D', 'E', 'F', 'G']],
])('%s: each shard with another neighbour; any that are enough give it back', async (_what, size, others) => {
  const [a, ...keepers] = (await town('A', ...others)) as [Box, ...Box[]];
  const bytes = world.sim.random.bytes(size);
  const { content } = a.node;
  const id = await world.settle(content.put(bytes, ARCHIVE));
  await world.sim.until(() => holders(a, id).every((h) => h !== undefined), HOUR, 'all shards placed');
  expect([...holders(a, id)].sort()).toEqual(names(keepers));
  // the shards themselves go from here, and none of the keepers has the object
  await world.sim.until(() => content.size.objects === 1, 1_000, 'the shards gone from here');
  for (const b of keepers) {
    expect(b.node.content.size.objects).toBe(1);
    expect(b.node.content.header(id)).toBeUndefined();
  }
  expect(await world.settle(content.unload(id))).toBe(true);
  expect(content.get(id)).toBeUndefined();
  // as many are lost as may be, and they are those that held the data as it is
  const lost = keepers.length / 3;
  for (const h of holders(a, id).slice(0, lost)) keepers.find((b) => toHex(b.nodeId) === h)?.pullThePlug();
  await world.sim.resolve(content.recover(id), HOUR);
  expect(content.get(id)).toEqual(bytes);
});

test('a holder that is gone for a day is replaced', async () => {
  const [a, ...keepers] = (await town('A', 'B', 'C', 'D', 'E')) as [Box, ...Box[]];
  const bytes = world.sim.random.bytes(50_000);
  const struck: Struck[] = [];
  a.node.content.onStruck.on((s) => struck.push(s));
  const id = await world.settle(a.node.content.put(bytes, ARCHIVE));
  await world.sim.until(() => holders(a, id).every((h) => h !== undefined), HOUR, 'all shards placed');
  const [gone] = holders(a, id);
  keepers.find((b) => toHex(b.nodeId) === gone)?.pullThePlug();
  await world.sim.run(23 * HOUR);
  expect(struck).toEqual([]);
  await world.sim.run(13 * HOUR);
  expect(struck.map((s) => [toHex(s.holder), s.why])).toEqual([[gone, 'gone']]);
  expect(new Set(holders(a, id)).size).toBe(3);
  expect(holders(a, id)).not.toContain(gone);
  expect(a.counters.get('store.content.proven')).toBeGreaterThan(8);
  expect(a.counters.get('store.content.proof-missed')).toBe(0);
}, 60_000);

test('a holder that says it keeps a shard and has it not is found out by the third proof it misses', async () => {
  const [a] = (await town('A', 'B', 'C')) as [Box];
  const answers: Record<number, (body: Uint8Array) => Rec | undefined> = {
    [RECORD.place]: (body) => {
      const head = decodeHead(body);
      return head && { type: RECORD.kept, body: shortIdOf(objectIdOf(head.header)) };
    },
    [RECORD.challenge]: (body) => ({ type: RECORD.proof, body: wrongProof(body) }),
  };
  const liar = await BareLanNeighbour.start(world, a, 'liar', answers);
  const struck: Struck[] = [];
  a.node.content.onStruck.on((s) => struck.push(s));
  const id = await world.settle(a.node.content.put(world.sim.random.bytes(50_000), ARCHIVE));
  await world.sim.until(() => holders(a, id).every((h) => h !== undefined), HOUR, 'all shards placed');
  expect(holders(a, id)).toContain(toHex(liar.nodeId));
  for (let i = 0; i < 60; i++) {
    await world.sim.run(HOUR / 6);
    await liar.say({ type: RECORD.hello, body: new Uint8Array(0) }); // it is there all the time
  }
  expect(struck.map((s) => [toHex(s.holder), s.why])).toEqual([[toHex(liar.nodeId), 'proofs-missed']]);
  expect(liar.told.filter((r) => r.type === RECORD.challenge)).toHaveLength(3);
  expect(holders(a, id)).not.toContain(toHex(liar.nodeId));
}, 60_000);

test('where the LAN is gone, holders prove by radio that they keep their shards: eight bytes down, eight up', async () => {
  const [a, ...keepers] = (await townOn({ radio: true }, ['A', 'B', 'C', 'D'])) as [Box, ...Box[]];
  const id = await world.settle(a.node.content.put(world.sim.random.bytes(50_000), ARCHIVE));
  await world.sim.until(() => holders(a, id).every((h) => h !== undefined), HOUR, 'all shards placed');
  for (const b of keepers) world.lan.part(a.name, b.name);
  await world.sim.run(2 * HOUR); // everybody is heard by radio now
  const before = a.counters.get('store.content.proven');
  await world.sim.run(10 * HOUR);
  expect(a.counters.get('store.content.proven') - before).toBeGreaterThanOrEqual(keepers.length);
  expect(a.counters.get('store.content.proof-missed')).toBe(0);
  expect(holders(a, id).every((h) => h !== undefined)).toBe(true);
}, 60_000);

test('a stranger is kept no shard for, and is answered no challenge', async () => {
  const [a] = (await town('A')) as [Box];
  const stranger = await BareLanNeighbour.start(world, a, 'stranger');
  const header = headerFor(ARCHIVE, NO_LOCK, new Uint8Array(100));
  await stranger.say({ type: RECORD.place, body: encodeHeadAlone(header, 0) });
  expect(stranger.told.map((r) => r.type)).toEqual([RECORD.declined]);
  const id = await world.settle(a.node.content.put(new Uint8Array(100), { ...ARCHIVE, durable: false }));
  const challenge = new Uint8Array([...shortIdOf(id), 0, 0, 0, 0]);
  await stranger.say({ type: RECORD.challenge, body: challenge });
  expect(stranger.told.map((r) => r.type)).toEqual([RECORD.declined, RECORD.absent]);
});

/** A proof that is well-formed and wrong: no siblings, 256 bytes of nothing. */
function wrongProof(challenge: Uint8Array): Uint8Array {
  const body = new Uint8Array(8 + 1 + 256);
  body.set(challenge.subarray(0, 8));
  return body;
}
