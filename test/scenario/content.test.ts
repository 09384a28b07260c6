/**
 * Objects in chunks between whole boxes on a LAN (docs/protocol/store.md, "Content"): from several holders at once,
 * one that lies, plugs pulled on both sides.
 */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { logByteOf } from '../../src/core/log-byte.ts';
import { RECORD } from '../../src/link/records.ts';
import { encodeHeadAlone } from '../../src/store/content/head.ts';
import { decodePiece, encodeChunk, encodeLeaves } from '../../src/store/content/records.ts';
import { CHUNK_LENGTH, chunkLeaf, pieces } from '../../src/store/merkle.ts';
import {
  CONTENT_TYPE,
  headerFor,
  NO_LOCK,
  OBJECT_PRIORITY,
  type ObjectId,
  objectIdOf,
} from '../../src/store/object.ts';
import { BareLanNeighbour } from '../bare-lan-neighbour.ts';
import { type Box, World } from '../world.ts';

const MIB = 2 ** 20;
const CHUNKS = MIB / CHUNK_LENGTH;
const PHOTO = {
  contentType: CONTENT_TYPE.immutable,
  priority: OBJECT_PRIORITY.normal,
  minBandwidth: 50_000,
  ttl: logByteOf(7 * 24 * 60),
};

let world: World;
beforeEach(() => {
  world = new World();
});
afterEach(() => world.end());

/** A fetcher and its holders, all linked, none of which has a radio. */
async function lan(...names: readonly string[]): Promise<Box[]> {
  const boxes = names.map((name, i) => world.box(name, { radio: false, lan: names.slice(0, i) }));
  await world.settle(Promise.all(boxes.map((b) => b.start())));
  await linked(boxes);
  return boxes;
}

async function linked(boxes: readonly Box[]): Promise<void> {
  const all = new Set(boxes.map((b) => b.node.identity().nodeId));
  const isLinked = (b: Box) =>
    b.node.neighbours().filter((n) => n.linked && all.has(n.nodeId)).length === boxes.length - 1;
  await world.sim.until(() => boxes.every(isLinked), 600_000, 'links between all');
}

const givenBy = (box: Box) => box.counters.get('store.content.given');
const given = (boxes: readonly Box[]) => boxes.reduce((n, b) => n + givenBy(b), 0);
const idsOf = (boxes: readonly { readonly nodeId: Box['nodeId'] }[]) => boxes.map((b) => b.nodeId);

async function putEverywhere(bytes: Uint8Array, boxes: readonly Box[]): Promise<ObjectId> {
  const ids = await world.settle(Promise.all(boxes.map((b) => b.node.content.put(bytes, PHOTO))));
  return ids[0] as ObjectId;
}

describe('1 MiB', () => {
  test('from three holders at once, each chunk asked of one of them', async () => {
    const [a, ...holders] = (await lan('A', 'B', 'C', 'D')) as [Box, Box, Box, Box];
    const bytes = world.sim.random.bytes(MIB);
    const id = await putEverywhere(bytes, holders);
    const seen: number[] = [];
    const progress = (chunks: number) => void seen.push(chunks);
    await world.settle(a.node.content.fetch(id, idsOf(holders), { progress }));
    expect(a.node.content.get(id)).toEqual(bytes);
    expect(given(holders)).toBe(CHUNKS);
    for (const b of holders) expect(givenBy(b)).toBeGreaterThan(50);
    expect(seen).toEqual(Array.from({ length: CHUNKS }, (_, i) => i + 1));
  });

  test('one of three lies, the plug of one is pulled: what they owed is had of the third', async () => {
    const [a, b, c] = (await lan('A', 'B', 'C')) as [Box, Box, Box];
    const bytes = world.sim.random.bytes(MIB);
    const id = await putEverywhere(bytes, [b, c]);
    const header = headerFor(PHOTO, NO_LOCK, bytes);
    let lies = 0;
    const liar = await BareLanNeighbour.start(world, a, 'liar', {
      [RECORD.query]: () => ({ type: RECORD.head, body: encodeHeadAlone(header, 0) }),
      [RECORD.askChunk]: (body) => {
        const piece = decodePiece(body);
        if (!piece) return undefined;
        lies++;
        const chunk = bytes.slice(piece.index * CHUNK_LENGTH, (piece.index + 1) * CHUNK_LENGTH);
        chunk[100] = (chunk[100] as number) ^ 1;
        return { type: RECORD.chunk, body: encodeChunk({ ...piece, chunk }) };
      },
    });
    const fetched = a.node.content.fetch(id, idsOf([b, c, liar]));
    await world.sim.until(() => givenBy(b) > 30, 60_000, 'some chunks from B');
    const before = givenBy(b);
    b.pullThePlug();
    await world.settle(fetched);
    expect(a.node.content.get(id)).toEqual(bytes);
    expect(lies).toBe(1);
    expect(a.counters.all()).toMatchObject({
      'store.content.refused.wrong-chunk': 1,
      'store.content.holder-left': 1,
    });
    // what was on its way as the plug was pulled may have been asked of C again
    expect(before + givenBy(c)).toBeGreaterThanOrEqual(CHUNKS);
    expect(before + givenBy(c)).toBeLessThanOrEqual(CHUNKS + 1);
  });

  test("the fetcher's own plug is pulled: it goes on with what was on its disk", async () => {
    const [a, ...holders] = (await lan('A', 'B', 'C', 'D')) as [Box, Box, Box, Box];
    const bytes = world.sim.random.bytes(MIB);
    const id = await putEverywhere(bytes, holders);
    a.node.content.fetch(id, idsOf(holders)).catch(() => {});
    await world.sim.until(() => given(holders) > CHUNKS / 2, 60_000, 'half of it');
    a.pullThePlug();
    await world.settle(a.start());
    expect(a.node.content.get(id)).toBeUndefined();
    await linked([a, ...holders]);
    await world.settle(a.node.content.fetch(id, idsOf(holders)));
    expect(a.node.content.get(id)).toEqual(bytes);
    // asked twice: what had come and was not durable yet, 5 ms of it
    expect(given(holders) - CHUNKS).toBeLessThanOrEqual(32);
  });

  test('all holders off: it waits, and goes on when one is back', async () => {
    const [a, b] = (await lan('A', 'B')) as [Box, Box];
    const bytes = world.sim.random.bytes(MIB / 4);
    const id = await putEverywhere(bytes, [b]);
    const fetched = a.node.content.fetch(id, idsOf([b]));
    await world.sim.until(() => givenBy(b) > 10, 60_000, 'some chunks');
    b.pullThePlug();
    await world.sim.run(120_000);
    await world.settle(b.start());
    await world.settle(fetched);
    expect(a.node.content.get(id)).toEqual(bytes);
  });

  test('chunks that are here by another object are not asked for', async () => {
    const [a, b] = (await lan('A', 'B')) as [Box, Box];
    const common = world.sim.random.bytes(MIB / 4);
    const first = await putEverywhere(common, [b]);
    await world.settle(a.node.content.fetch(first, [b.nodeId]));
    const longer = new Uint8Array(common.length + 2 * CHUNK_LENGTH);
    longer.set(common);
    const second = await putEverywhere(longer, [b]);
    const before = givenBy(b);
    await world.settle(a.node.content.fetch(second, [b.nodeId]));
    expect(a.node.content.get(second)).toEqual(longer);
    expect(givenBy(b) - before).toBe(1); // both new chunks are zeros
    await world.settle(a.node.content.remove(first));
    expect(a.node.content.get(second)).toEqual(longer);
  });
});

describe('hostile holders', () => {
  const bytes = new Uint8Array(20 * CHUNK_LENGTH).map((_, i) => i >> 8);
  const header = headerFor(PHOTO, NO_LOCK, bytes);

  test('a header that is not what its name says', async () => {
    const [a] = (await lan('A')) as [Box];
    const other = { ...header, size: header.size - 1 };
    const liar = await BareLanNeighbour.start(world, a, 'liar', {
      [RECORD.query]: () => ({ type: RECORD.head, body: encodeHeadAlone(other, 0) }),
    });
    const failed = world.settle(
      a.node.content.fetch(objectIdOf(header), [liar.nodeId]).catch((e) => e.reason),
    );
    await world.sim.run(10_000);
    // it is no answer to what was asked; its sender counts as silent, and nothing is kept
    expect(a.counters.get('store.content.refused.unasked')).toBeGreaterThan(0);
    expect(a.node.content.size).toMatchObject({ objects: 0, bytes: 0 });
    await world.settle(a.node.content.remove(objectIdOf(header)));
    expect(await failed).toBe('aborted');
  });

  test('a header of enormous size reserves nothing and asks for nothing', async () => {
    const [a] = (await lan('A')) as [Box];
    const bomb = { ...header, size: 0xffffffff };
    const liar = await BareLanNeighbour.start(world, a, 'liar', {
      [RECORD.query]: () => ({ type: RECORD.head, body: encodeHeadAlone(bomb, 0) }),
    });
    const failed = a.node.content.fetch(objectIdOf(bomb), [liar.nodeId]).catch((e) => e.reason);
    expect(await world.settle(failed)).toBe('too-large');
    expect(liar.told.map((r) => r.type)).toEqual([RECORD.query]);
    expect(a.node.content.size.objects).toBe(0);
  });

  test('a root over fewer chunks than the size says: its leaves do not lead to the root', async () => {
    const [a] = (await lan('A')) as [Box];
    const lying = { ...header, size: 21 * CHUNK_LENGTH };
    const leaves = pieces(bytes, CHUNK_LENGTH).map(chunkLeaf);
    const liar = await BareLanNeighbour.start(world, a, 'liar', {
      [RECORD.query]: () => ({ type: RECORD.head, body: encodeHeadAlone(lying, 0) }),
      [RECORD.askLeaves]: (body) => {
        const piece = decodePiece(body);
        return piece && { type: RECORD.leaves, body: encodeLeaves({ ...piece, path: [], leaves }) };
      },
    });
    const failed = a.node.content.fetch(objectIdOf(lying), [liar.nodeId]).catch((e) => e.reason);
    expect(await world.settle(failed)).toBe('unobtainable');
    expect(a.counters.get('store.content.refused.wrong-leaves')).toBe(1);
    expect(liar.told.map((r) => r.type)).not.toContain(RECORD.askChunk);
  });

  test('chunks, leaves, headers and proofs that nobody asked for are counted and dropped', async () => {
    const [a] = (await lan('A')) as [Box];
    const liar = await BareLanNeighbour.start(world, a, 'liar');
    const objectId = new Uint8Array(8);
    const chunk = encodeChunk({ objectId, index: 0, chunk: bytes.slice(0, CHUNK_LENGTH) });
    for (const type of [RECORD.chunk, RECORD.leaves, RECORD.absent, RECORD.proof, RECORD.declined])
      await liar.say({ type, body: chunk });
    await liar.say({ type: RECORD.head, body: encodeHeadAlone(header, 0) });
    await liar.say({ type: RECORD.kept, body: objectId });
    expect(a.counters.get('store.content.refused.unasked')).toBe(7);
    for (const type of Object.values(RECORD).filter((t) => t >= RECORD.query))
      await liar.say({ type, body: new Uint8Array(3) });
    expect(a.counters.get('store.content.refused.malformed')).toBeGreaterThan(8);
    expect(a.node.content.size.objects).toBe(0);
  });
});
