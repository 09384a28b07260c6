/** docs/protocol/link.md, "After a restart", between whole boxes: a plug that is pulled costs a link no airtime. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openDatabase } from '../../src/db/open.ts';
import { KIND } from '../../src/link/frame.ts';
import { LINKS } from '../../src/link/link-memory.ts';
import { type Box, World } from '../world.ts';
import { MINUTE, message, textsOf } from './messages.ts';

let world: World;
let a: Box;
let b: Box;
/** Kinds of all frames since `restart`. */
let kinds: number[];

const handshakes = () => kinds.filter((kind) => kind === KIND.handshake).length;

/** Boxes whose link stands, and whose first message has arrived. */
beforeEach(async () => {
  world = new World({ seed: 'resume' });
  world.air.onTransmission.on(({ bytes }) => kinds.push(((bytes[0] ?? 0) >> 3) & 7));
  kinds = [];
  [a, b] = await world.boxes('a', 'b');
  await world.settle(a.node.addContact('b', b.contact));
  await world.settle(b.node.addContact('a', a.contact));
});
afterEach(() => world.end());

/** Both know each other, and their link was saved. */
async function linked(): Promise<void> {
  await message(world, a, 'b', 'before');
  await world.sim.run(MINUTE);
  expect(handshakes()).toBeGreaterThan(0);
}

/** Starts boxes that are off, out of earshot of each other until each has said that it is back. */
async function restart(...boxes: Box[]): Promise<void> {
  world.part(a, b);
  await world.sim.run(1_000);
  await world.sim.resolve(Promise.all(boxes.map((box) => box.start())), MINUTE, 'the start');
  await world.sim.run(5_000);
  world.join(a, b);
  kinds = [];
}

describe('the next message goes without a handshake', () => {
  test('where the plug of its writer was pulled', async () => {
    await linked();
    a.pullThePlug();
    await restart(a);
    await message(world, a, 'b', 'after');
    expect(textsOf(b)).toEqual(['before', 'after']);
    expect(handshakes()).toBe(0);
  });

  test('where that of its recipient was', async () => {
    await linked();
    b.pullThePlug();
    await restart(b);
    await message(world, a, 'b', 'after');
    expect(textsOf(b)).toEqual(['before', 'after']);
    expect(handshakes()).toBe(0);
  });

  test('where those of both were', async () => {
    await linked();
    a.pullThePlug();
    b.pullThePlug();
    await restart(a, b);
    await message(world, a, 'b', 'after');
    await message(world, b, 'a', 'and back');
    expect([textsOf(a), textsOf(b)]).toEqual([['and back'], ['before', 'after']]);
    expect(handshakes()).toBe(0);
  });

  test('where a box was restarted in order', async () => {
    await linked();
    await world.settle(a.stop());
    await restart(a);
    await message(world, a, 'b', 'after');
    expect(handshakes()).toBe(0);
  });
});

describe('a handshake is made, and the message arrives', () => {
  test('where the plug was pulled before the link was saved', async () => {
    await world.sim.until(() => handshakes() === 2, 2 * MINUTE, 'a handshake');
    await world.sim.run(500);
    a.pullThePlug();
    await restart(a);
    await message(world, a, 'b', 'after');
    expect(textsOf(b)).toEqual(['after']);
    expect(handshakes()).toBeGreaterThan(0);
  });

  test('where what was remembered makes no sense: it is dropped and counted', async () => {
    await linked();
    a.pullThePlug();
    await spoilLinks(a);
    await restart(a);
    expect(a.counters.get('link.refused.memory')).toBeGreaterThan(0);
    await message(world, a, 'b', 'after');
    expect(textsOf(b)).toEqual(['before', 'after']);
    expect(handshakes()).toBeGreaterThan(0);
  });
});

/** Cuts every row of a box's memory of links short; the box is off. */
async function spoilLinks(box: Box): Promise<void> {
  const db = await openDatabase(box.directory, {
    durability: { kind: 'simulated', clock: world.sim, delay: () => 1 },
  });
  const table = db.table(LINKS);
  const rows = db.read((tx) => [...tx.range(table)]);
  expect(rows.length).toBeGreaterThan(2);
  const spoilt = db.commit((tx) => {
    for (const { key, value } of rows) if (key !== 'head') tx.put(table, key, value.subarray(1));
  });
  await world.settle(spoilt);
  await world.settle(db.close());
}
