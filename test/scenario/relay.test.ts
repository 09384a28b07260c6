/** Messages over several hops: docs/protocol/store.md, "Forwarding", "Receipts", "Asking". */
import { afterEach, describe, expect, test } from 'vitest';
import type { Transmission } from '../../drivers/sim/transmission.ts';
import { fromHex } from '../../src/core/bytes.ts';
import { below, SeededRandom, uniform } from '../../src/core/random.ts';
import { kindOf } from '../airtime.ts';
import { type Box, World, type WorldOptions } from '../world.ts';
import { MINUTE, message, statesOf, textsOf } from './messages.ts';

const HOUR = 60 * MINUTE;
const SEALED = 3;
const RECEIPT = 6;
/** 21 of the frame, 1 of the record, 16 of the secret. */
const SEALED_RECEIPT_LENGTH = 38;

let world: World;
afterEach(() => world.end());

/** A line whose first box knows the last one, an hour after the start: all have found routes to all. */
async function line<const N extends readonly string[]>(names: N, options: WorldOptions = {}) {
  world = new World({ apart: true, ...options });
  const boxes = await world.boxes(...names);
  const all: readonly Box[] = boxes;
  for (const [i, box] of all.slice(1).entries()) world.join(all[i] as Box, box);
  const [first, last] = [all[0] as Box, all.at(-1) as Box];
  await world.settle(first.node.addContact(last.name, last.contact));
  await world.sim.run(HOUR);
  for (const box of all)
    expect(box.node.routes().filter((r) => r.next !== undefined)).toHaveLength(all.length - 1);
  return boxes;
}

/** Frames on the air from now on. */
function listen(): Transmission[] {
  const heard: Transmission[] = [];
  world.air.onTransmission.on((t) => heard.push(t));
  return heard;
}

/** It came back, or was lost, and went out once more. */
const SENT_TWICE = ['composed', 'stored', 'in custody', 'stored', 'in custody', 'delivered'];

const lastState = (box: Box, id: string) => statesOf(box, id).at(-1);
const delivered = (box: Box, id: string) => () => lastState(box, id) === 'delivered';

function indexOfBytes(haystack: Uint8Array, needle: Uint8Array): number {
  for (let i = 0; i + needle.length <= haystack.length; i++)
    if (needle.every((b, k) => haystack[i + k] === b)) return i;
  return -1;
}

describe('a line of four, where only neighbours hear each other', () => {
  test('the text arrives once, and the receipt comes back over the same boxes', async () => {
    const [a, b, c, d] = await line(['a', 'b', 'c', 'd']);
    const sent = await message(world, a, 'd', 'far away');
    expect(textsOf(d)).toEqual(['far away']);
    expect(statesOf(a, sent.id)).toEqual(['composed', 'stored', 'in custody', 'delivered']);
    const [entry] = a.node.outbox();
    expect(entry?.history[2]?.detail).toMatch(/^The relay [0-9a-f]{8} has it\.$/);
    await world.sim.run(MINUTE);
    for (const box of [a, b, c]) expect(box.node.status().store.objects).toBe(0);
    for (const box of [b, c]) expect(textsOf(box)).toEqual([]);
  });

  test('texts of every length, in order, one way and the other', async () => {
    const [a, , , d] = await line(['a', 'b', 'c', 'd']);
    await world.settle(d.node.addContact('a', a.contact));
    const random = world.sim.random.fork('texts');
    const texts = [1, 200, 700, 1500, 3500].map((n) =>
      Array.from(random.bytes(n), (x) => String.fromCharCode(33 + (x % 90))).join(''),
    );
    for (const text of texts) {
      await world.settle(a.node.send('d', text));
      await world.settle(d.node.send('a', text));
    }
    await world.sim.until(() => textsOf(a).length + textsOf(d).length === 10, 30 * MINUTE, 'all texts');
    expect(textsOf(a)).toEqual(texts);
    expect(textsOf(d)).toEqual(texts);
  });

  test('nothing on the air says who wrote it', async () => {
    const [a, b] = await line(['a', 'b', 'c', 'd']);
    const heard = listen();
    await message(world, a, 'd', 'anonymous');
    const publicKey = fromHex(a.node.identity().publicKey) as Uint8Array;
    const said = heard.filter(
      (t) => indexOfBytes(t.bytes, a.nodeId) >= 0 || indexOfBytes(t.bytes, publicKey) >= 0,
    );
    expect(said.filter((t) => kindOf(t) > 1)).toEqual([]); // beacons and announces name their sender
    expect(heard.length).toBeGreaterThan(5);
    // and the check can fail: b's handshake counts as one that names nobody, its announce does
    await world.settle(b.stop());
    heard.length = 0;
    await world.settle(b.start());
    await world.sim.run(5_000);
    expect(
      heard.some((t) => indexOfBytes(t.bytes, fromHex(b.node.identity().publicKey) as Uint8Array) >= 0),
    ).toBe(true);
  });
});

describe.each(Array.from({ length: 5 }, (_, i) => i + 1))('seed %i', (seed) => {
  test('four messages survive plugs pulled at random moments of every box, and arrive once', async () => {
    const disk = new SeededRandom(`disk ${seed}`);
    const boxes = await line(['a', 'b', 'c', 'd'], { seed, commitMs: () => 1 + 200 * uniform(disk) ** 4 });
    const [a, , , d] = boxes;
    const random = world.sim.random.fork('cuts');
    const stored = new Map<string, string>();
    let written = 0;
    for (let cut = 0; cut < 8; cut++) {
      if (a.on && written < 4) {
        const text = `message ${written++} ${'x'.repeat(below(random, 500))}`;
        a.node.send('d', text).then(
          (sent) => stored.set(sent.id, text),
          () => {},
        );
      }
      await world.sim.run(uniform(random) * 6_000);
      const victim = boxes[below(random, 4)] as Box;
      victim.pullThePlug();
      await world.sim.run(uniform(random) * 5_000);
      await world.sim.resolve(victim.start(), MINUTE);
    }
    expect(stored.size).toBeGreaterThan(0);
    const all = () => [...stored.keys()].every((id) => lastState(a, id) === 'delivered');
    await world.sim.until(all, 40 * HOUR, 'delivery of all that was stored');
    const texts = textsOf(d);
    for (const text of stored.values()) expect(texts.filter((t) => t === text)).toHaveLength(1);
    expect(new Set(texts).size).toBe(texts.length);
  });
});

describe('a recipient that is away', () => {
  test('gets its mail when it is back: the last relay waits for it', async () => {
    const [a, b, c, d] = await line(['a', 'b', 'c', 'd']);
    await message(world, a, 'd', 'still there');
    const sent = await world.settle(a.node.send('d', 'gone?'));
    d.pullThePlug();
    await world.sim.run(MINUTE);
    expect(lastState(a, sent.id)).toBe('in custody');
    expect([b, c].map((x) => x.node.status().store.objects)).toEqual([0, 1]);
    await world.settle(d.start());
    await world.sim.until(delivered(a, sent.id), 10 * MINUTE, 'delivery');
    expect(textsOf(d)).toEqual(['still there', 'gone?']);
  });
});

/** A line whose second box is off since it has handed the message on. */
async function giverGone() {
  const [a, b, c, d] = await line(['a', 'b', 'c', 'd']);
  const sent = await world.settle(a.node.send('d', 'hello'));
  await world.sim.until(() => b.node.status().store.objects === 1, MINUTE, 'custody at b');
  await world.sim.until(() => b.node.status().store.objects === 0, MINUTE, 'custody at c');
  b.pullThePlug();
  return { a, b, c, d, sent };
}

describe('receipts', () => {
  test('wait for a giver that is away, over restarts of the box that owes them', async () => {
    const { a, b, c, d, sent } = await giverGone();
    await world.sim.until(() => textsOf(d).length === 1, MINUTE, 'the text');
    await world.sim.run(10 * MINUTE);
    c.pullThePlug();
    await world.settle(c.start());
    await world.sim.run(MINUTE);
    expect(lastState(a, sent.id)).toBe('in custody');
    await world.settle(b.start());
    await world.sim.until(delivered(a, sent.id), 15 * MINUTE, 'the receipt');
    expect(textsOf(d)).toEqual(['hello']);
  });

  test('go past a dead giver: once, as a frame for whoever hears it, and on from there', async () => {
    const { a, c, d, sent } = await giverGone();
    world.join(a, c); // a hears c from now on, whom it has handed nothing
    const heard = listen();
    await world.sim.until(delivered(a, sent.id), 10 * MINUTE, 'the receipt');
    expect(heard.filter((t) => t.from === 'c' && kindOf(t) === RECEIPT)).toHaveLength(1);
    await world.sim.run(3 * HOUR);
    expect(heard.filter((t) => t.from === 'c' && kindOf(t) === RECEIPT)).toHaveLength(1);
    expect(textsOf(d)).toEqual(['hello']);
  });

  test('that were acknowledged are not said again', async () => {
    const [a, , c] = await line(['a', 'b', 'c']);
    await message(world, a, 'c', 'hello');
    await world.sim.run(10_000);
    const heard = listen();
    await world.sim.run(5 * HOUR);
    // sealed frames carry routing too; a receipt alone in one makes it 38 bytes long
    const isReceipt = (t: Transmission) =>
      kindOf(t) === RECEIPT || (kindOf(t) === SEALED && t.bytes.length === SEALED_RECEIPT_LENGTH);
    expect(heard.filter(isReceipt)).toEqual([]);
    expect(textsOf(c)).toEqual(['hello']);
  });
});

/** Four boxes, of which these pairs hear each other, over real routes; a has written to d, an hour after the start. */
async function warm(links: readonly ('ab' | 'ac' | 'bc' | 'bd' | 'cd')[]) {
  world = new World({ apart: true });
  const [a, b, c, d] = await world.boxes('a', 'b', 'c', 'd');
  const boxes = { a, b, c, d };
  for (const [x, y] of links) world.join(boxes[x as keyof typeof boxes], boxes[y as keyof typeof boxes]);
  await world.settle(a.node.addContact('d', d.contact));
  await world.sim.run(HOUR);
  await message(world, a, 'd', 'one');
  return boxes;
}

describe('on the routes that the mesh finds by itself', () => {
  test('a line of four, warm: there and back within seconds; and again when all have been off', async () => {
    const boxes = await warm(['ab', 'bc', 'cd']);
    const { a, d } = boxes;
    for (const box of Object.values(boxes)) box.pullThePlug();
    for (const box of Object.values(boxes)) await world.settle(box.start());
    const sent = await world.settle(a.node.send('d', 'two'));
    await world.sim.until(delivered(a, sent.id), HOUR, 'delivery');
    expect(textsOf(d)).toEqual(['one', 'two']);
  });

  test('a relay that dies, and another way: the mail goes on', async () => {
    const { a, b, c, d } = await warm(['ab', 'bd', 'ac', 'cd']);
    b.pullThePlug();
    const sent = await world.settle(a.node.send('d', 'two'));
    await world.sim.until(delivered(a, sent.id), HOUR, 'delivery');
    c.pullThePlug();
    await world.settle(b.start());
    const third = await world.settle(a.node.send('d', 'three'));
    await world.sim.until(delivered(a, third.id), HOUR, 'delivery');
    expect(textsOf(d)).toEqual(['one', 'two', 'three']);
  });
});

/** a – b – d and a – c – d, an hour after the start: two ways, and b is the one that a has found better. */
async function diamond() {
  world = new World({ apart: true });
  const [a, x, y, d] = await world.boxes('a', 'x', 'y', 'd');
  for (const relay of [x, y]) for (const end of [a, d]) world.join(relay, end);
  await world.settle(a.node.addContact('d', d.contact));
  await world.sim.run(HOUR);
  const next = a.node.routes().find((r) => r.nodeId === d.node.identity().nodeId)?.next;
  const [b, c] = next?.via === x.node.identity().nodeId ? [x, y] : [y, x];
  expect(next?.via).toBe(b.node.identity().nodeId);
  return { a, b, c, d };
}

/** The same with fixed routes: next to d, real relays become its mailboxes, which neither refuse nor hold and return. */
async function plainRelays() {
  world = new World({ routed: true });
  const [a, b, c, d] = await world.boxes('a', 'b', 'c', 'd');
  world.part(a, d);
  world.part(b, c);
  a.route(d, b, c);
  await world.settle(a.node.addContact('d', d.contact));
  await world.sim.run(10_000);
  return { a, b, c, d };
}

describe('two ways', () => {
  test('the better one is taken, the other left alone', async () => {
    const { a, b, c, d } = await diamond();
    const heard = listen();
    await message(world, a, 'd', 'this way');
    expect(heard.filter((t) => t.from === c.name && kindOf(t) === SEALED)).toEqual([]);
    expect(heard.filter((t) => t.from === b.name && kindOf(t) === SEALED).length).toBeGreaterThan(1);
    expect([b, c].map((x) => x.node.status().store.objects)).toEqual([0, 0]);
    expect(textsOf(d)).toEqual(['this way']);
  });

  test('a relay that is dead before it takes the object: the other one, after two tries', async () => {
    const { a, b, d } = await diamond();
    await message(world, a, 'd', 'first');
    b.pullThePlug();
    const sent = await world.settle(a.node.send('d', 'second'));
    await world.sim.until(delivered(a, sent.id), 20 * MINUTE, 'delivery');
    expect(textsOf(d)).toEqual(['first', 'second']);
  });

  test('a relay that is heard, and has not answered for hours: the other one, soon after it is there', async () => {
    const { a, b, c, d } = await diamond();
    c.pullThePlug();
    world.air.setOneWayLoss(a.name, b.name, Number.POSITIVE_INFINITY);
    const sent = await world.settle(a.node.send('d', 'not for hours'));
    await world.sim.run(6 * HOUR);
    await world.settle(c.start());
    await world.sim.until(delivered(a, sent.id), 10 * MINUTE, 'delivery');
    expect(textsOf(d)).toEqual(['not for hours']);
  });

  test('a relay without a way refuses, and the other one is asked', async () => {
    const { a, b, d } = await plainRelays();
    world.part(b, d);
    await world.settle(b.stop());
    await world.settle(b.start()); // it has not heard d since
    await world.sim.run(10_000);
    const sent = await world.settle(a.node.send('d', 'not that way'));
    await world.sim.until(delivered(a, sent.id), 5 * MINUTE, 'delivery');
    expect(b.counters.get('store.refused.no-route')).toBe(1);
    expect(textsOf(d)).toEqual(['not that way']);
  });

  test('a relay dead after custody, before the receipt: asked in vain, the message is sent once more', async () => {
    const { a, b, d } = await diamond();
    world.part(b, d);
    const sent = await world.settle(a.node.send('d', 'twice'));
    await world.sim.until(() => lastState(a, sent.id) === 'in custody', MINUTE, 'custody at b');
    b.pullThePlug();
    await world.sim.run(HOUR / 2);
    expect(lastState(a, sent.id)).toBe('in custody');
    await world.sim.until(delivered(a, sent.id), 2 * HOUR, 'delivery');
    expect(statesOf(a, sent.id)).toEqual(SENT_TWICE);
    expect(textsOf(d)).toEqual(['twice']);
    // and the dead one comes back with its copy, which nobody wants any more
    world.join(b, d);
    await world.settle(b.start());
    await world.sim.run(HOUR);
    expect(textsOf(d)).toEqual(['twice']);
    expect(b.node.status().store.objects).toBe(0);
  });

  test('a relay that loses its way gives the object back, and it goes the other way', async () => {
    const { a, b, c, d } = await plainRelays();
    world.part(b, d);
    const sent = await world.settle(a.node.send('d', 'there and back'));
    await world.sim.until(() => b.node.status().store.objects === 1, MINUTE, 'custody at b');
    await world.sim.run(HOUR);
    expect(b.node.status().store.objects).toBe(1);
    await world.sim.until(delivered(a, sent.id), 3 * HOUR, 'delivery');
    expect(statesOf(a, sent.id)).toEqual(SENT_TWICE);
    expect([b, c].map((x) => x.node.status().store.objects)).toEqual([0, 0]);
    expect(textsOf(d)).toEqual(['there and back']);
  });

  test('a giver that cannot take it back either leaves it where it is', async () => {
    const { a, b, c, d } = await diamond();
    world.part(b, d);
    world.part(c, d);
    const sent = await world.settle(a.node.send('d', 'stuck'));
    await world.sim.until(() => b.node.status().store.objects === 1, MINUTE, 'custody at b');
    await world.sim.run(5 * HOUR);
    world.join(b, d);
    world.join(c, d);
    await world.sim.until(delivered(a, sent.id), 20 * HOUR, 'delivery');
    expect(textsOf(d)).toEqual(['stuck']);
  });
});

describe('loops', () => {
  test('an object that meets its own trace is refused, and progresses under a newer sequence', async () => {
    world = new World({ routed: true });
    const [a, b, c, d] = await world.boxes('a', 'b', 'c', 'd');
    for (const x of [a, b, c]) world.part(x, d);
    a.route(d, b);
    b.route(d, c);
    c.route(d, a); // stale: the way goes in a circle
    await world.settle(a.node.addContact('d', d.contact));
    await world.sim.run(40 * MINUTE); // d was heard at the start, and is not any more
    const sent = await world.settle(a.node.send('d', 'round and round'));
    await world.sim.run(30 * MINUTE);
    expect(a.counters.get('store.refused.seen')).toBe(1);
    expect([b, c].map((x) => x.node.status().store.objects)).toEqual([0, 1]);
    world.join(a, d);
    a.route(d);
    await world.sim.run(30 * MINUTE); // the old sequence says nothing new: who has seen it is not asked again
    expect(a.counters.get('store.refused.seen')).toBe(1);
    expect(textsOf(d)).toEqual([]);
    c.sequence(d, 5);
    await world.sim.until(delivered(a, sent.id), MINUTE, 'delivery');
    expect(textsOf(d)).toEqual(['round and round']);
  });
});

describe('bounds', () => {
  test("one stranger's part of the store: what does not fit is refused as full, counted, and waits", async () => {
    const [a, b, c, d] = await line(['a', 'b', 'c', 'd'], { maxStoreBytes: 20_000 });
    d.pullThePlug();
    const texts = Array.from({ length: 12 }, (_, i) => `message ${i}`);
    for (const text of texts) await world.settle(a.node.send('d', text));
    await world.sim.run(10 * MINUTE);
    for (const box of [b, c]) {
      expect(box.node.status().store.bytes).toBeLessThanOrEqual(500);
      expect([4, 5]).toContain(box.node.status().store.objects);
      expect(box.counters.get('store.full.neighbour')).toBeGreaterThan(0);
    }
    await world.settle(d.start());
    await world.sim.until(() => textsOf(d).length === 12, 4 * HOUR, 'all of them');
    expect(textsOf(d)).toEqual(texts);
  });

  test('what content fills is not there for custody', async () => {
    const [a, b, c] = await line(['a', 'b', 'c'], { maxStoreBytes: 16_500 });
    const photo = { contentType: 0, priority: 1, minBandwidth: 50_000, ttl: 200 } as const;
    const id = await world.settle(b.node.content.put(new Uint8Array(16_384).fill(7), photo));
    const sent = await world.settle(a.node.send('c', 'no room'));
    await world.sim.run(5 * MINUTE);
    expect(b.counters.get('store.refused.full')).toBeGreaterThan(0);
    await world.settle(b.node.content.remove(id));
    await world.sim.until(delivered(a, sent.id), 2 * HOUR, 'delivery');
    expect(textsOf(c)).toEqual(['no room']);
  });

  test("a contact's part is larger", async () => {
    const [a, b, c, d] = await line(['a', 'b', 'c', 'd'], { maxStoreBytes: 20_000 });
    await world.settle(b.node.addContact('a', a.contact));
    await world.settle(c.node.addContact('b', b.contact));
    d.pullThePlug();
    for (let i = 0; i < 12; i++) await world.settle(a.node.send('d', `message ${i}`));
    await world.sim.run(5 * MINUTE);
    // once d is found silent, c has no way to it any more and takes no further ones
    expect(c.node.status().store.objects).toBeGreaterThan(5);
    expect(c.counters.get('store.full.neighbour')).toBe(0);
  });
});
