/**
 * Objects in chunks between whole boxes on a LAN (docs/protocol/store.md, "Content"): from several holders at once,
 * one that lies, plugs pulled on both sides.
 */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { logByteOf } from '../../src/core/log-byte.ts';
import { CONTENT_TYPE, OBJECT_PRIORITY, type ObjectId } from '../../src/store/object.ts';
import { type Box, World } from '../world.ts';

const MIB = 2 ** 20;
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
  const isLinked = (b: Box) => b.node.neighbours().filter((n) => n.linked).length === boxes.length - 1;
  await world.sim.until(() => boxes.every(isLinked), 600_000, 'links between all');
}

const given = (boxes: readonly Box[]) => boxes.reduce((n, b) => n + b.counters.get('store.content.given'), 0);

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
    await world.settle(
      a.node.content.fetch(
        id,
        holders.map((b) => b.nodeId),
        { progress: (chunks) => seen.push(chunks) },
      ),
    );
    expect(a.node.content.get(id)).toEqual(bytes);
    expect(given(holders)).toBe(256);
    for (const b of holders) expect(b.counters.get('store.content.given')).toBeGreaterThan(50);
    expect(seen).toEqual(Array.from({ length: 256 }, (_, i) => i + 1));
  });
});
