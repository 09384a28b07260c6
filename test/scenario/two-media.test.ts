/** Boxes with radio and LAN, with either, under virtual time (docs/protocol/link.md, "Several media"). */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { NeighbourStatus } from '../../src/node/nexus-node.ts';
import { type Box, World } from '../world.ts';
import { MINUTE, message, textsOf } from './messages.ts';

const BOTH = { radio: true };

describe('two boxes with radio and LAN', () => {
  let world: World;
  let a: Box;
  let b: Box;
  let onAir: number;
  beforeEach(async () => {
    world = new World();
    onAir = 0;
    world.air.onTransmission.on(() => onAir++);
    a = world.box('A', { ...BOTH, lan: [] });
    b = world.box('B', { ...BOTH, lan: ['A'] });
    await world.settle(Promise.all([a.start(), b.start()]));
    await world.sim.run(10_000);
    onAir = 0;
  });
  afterEach(() => world.end());

  const seen = (from: Box): Partial<NeighbourStatus> | undefined => from.node.status().neighbours[0];

  test('speak by the LAN: nothing of a message is on the air', async () => {
    const { id } = await message(world, a, b.contact, 'over copper');
    expect(textsOf(b)).toEqual(['over copper']);
    expect([seen(a)?.medium, seen(b)?.medium, onAir]).toEqual(['lan', 'lan', 0]);
    const last = a.node
      .outbox()
      .find((m) => m.id === id)
      ?.history.at(-1);
    expect(last).toMatchObject({ airtimeMs: 0 });
  });

  test('are shown with what the radio says of each other only while it is what they speak by', async () => {
    await world.sim.run(10 * MINUTE);
    expect(seen(a)?.medium).toBe('lan');
    expect(seen(a)).not.toHaveProperty('rssiDbm');
    world.lan.part('A', 'B');
    await world.sim.run(5 * MINUTE);
    expect(seen(a)).toMatchObject({ medium: 'lora', rssiDbm: expect.any(Number), snrDb: expect.any(Number) });
  });

  test('speak by radio as soon as the LAN is known to be broken, and by the LAN when it is whole again', async () => {
    await message(world, a, b.contact, 'over copper');
    world.lan.part('A', 'B');
    // nobody has noticed yet: the tries on the LAN go unanswered first
    await message(world, a, b.contact, 'by radio');
    expect(onAir).toBeGreaterThan(0);
    await world.sim.run(MINUTE);
    expect([seen(a)?.medium, seen(b)?.medium]).toEqual(['lora', 'lora']);
    onAir = 0;
    await message(world, b, a.contact, 'back by radio');
    expect(onAir).toBeGreaterThan(0);
    world.lan.join('A', 'B');
    await world.sim.run(2 * MINUTE);
    expect([seen(a)?.medium, seen(b)?.medium]).toEqual(['lan', 'lan']);
    onAir = 0;
    await message(world, b, a.contact, 'over copper again');
    expect([onAir, textsOf(a), textsOf(b)]).toEqual([
      0,
      ['back by radio', 'over copper again'],
      ['over copper', 'by radio'],
    ]);
  });

  test('a long message that was under way when the LAN broke arrives once, by radio', async () => {
    const text = Array.from({ length: 300 }, (_, i) => `${i * i * 7919}`).join(' ');
    world.lan.part('A', 'B');
    const sent = await world.settle(a.node.send(b.contact, text));
    await world.sim.until(() => textsOf(b).length > 0, 10 * MINUTE, 'its arrival');
    await world.sim.run(MINUTE);
    expect(textsOf(b)).toEqual([text]);
    expect(a.node.outbox().find((m) => m.id === sent.id)?.state).toBe('delivered');
  });

  test('the other one, pulled out and back, gets what has waited for it', async () => {
    const { contact } = b;
    b.pullThePlug();
    await world.settle(a.node.send(contact, 'waits'));
    await world.sim.run(5 * MINUTE);
    await world.settle(b.start());
    await world.sim.until(() => textsOf(b).length > 0, 5 * MINUTE, 'its arrival');
    expect(textsOf(b)).toEqual(['waits']);
  });
});

test('a laptop without radio, a box with both, a box with radio only: each speaks by what it has', async () => {
  const world = new World();
  const laptop = world.box('L', { radio: false, lan: ['R'] });
  const relay = world.box('R', { radio: true, lan: [] });
  const far = world.box('F');
  await world.settle(Promise.all([laptop, relay, far].map((box) => box.start())));
  await world.sim.run(10_000);
  await message(world, relay, laptop.contact, 'to the desk');
  await message(world, laptop, relay.contact, 'to the roof');
  await message(world, relay, far.contact, 'to the hills');
  expect([textsOf(laptop), textsOf(relay), textsOf(far)]).toEqual([
    ['to the desk'],
    ['to the roof'],
    ['to the hills'],
  ]);
  const { radio, law, lan, neighbours } = laptop.node.status();
  expect({ radio, law, lan }).toEqual({
    radio: undefined,
    law: undefined,
    lan: { port: 27182, connections: 1 },
  });
  expect(neighbours).toMatchObject([{ medium: 'lan', linked: true }]);
  expect(neighbours[0]).not.toHaveProperty('rssiDbm');
  const media = relay.node.status().neighbours.map((n) => [n.nodeId, n.medium]);
  expect(Object.fromEntries(media)).toEqual({
    [laptop.node.identity().nodeId]: 'lan',
    [far.node.identity().nodeId]: 'lora',
  });
  await world.end();
});
