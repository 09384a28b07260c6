/** One message between two boxes, in all weathers: docs/protocol/messages.md, "Life of a message". */
import { afterEach, describe, expect, test } from 'vitest';
import { SF7, World, type WorldOptions } from '../world.ts';
import { EDGE_DB } from './mesh-scenarios.ts';
import { MINUTE, message, statesOf, textsOf } from './messages.ts';

let world: World;
afterEach(() => world.end());

async function two(options: WorldOptions = {}) {
  world = new World(options);
  const [a, b] = await world.boxes('a', 'b');
  await world.settle(a.node.addContact('b', b.contact));
  return { a, b };
}

describe('two boxes in one room', () => {
  test('a text arrives, once, as it was written, and its writer knows', async () => {
    const { a, b } = await two();
    const sent = await world.settle(a.node.send('b', 'Grüße vom Dach ☀'));
    expect(sent.state).toBe('stored');
    await world.sim.until(() => statesOf(a, sent.id).at(-1) === 'delivered', MINUTE, 'delivery');
    expect(statesOf(a, sent.id)).toEqual(['composed', 'stored', 'delivered']);
    const [received] = b.node.inbox();
    expect(received).toMatchObject({ text: 'Grüße vom Dach ☀', contact: a.contact, supported: true });
    expect([...b.node.inbox()]).toHaveLength(1);
  });

  test('its writer sees what it has cost on the air', async () => {
    const { a } = await two();
    let bytes = 0;
    world.air.onTransmission.on((t) => {
      if (t.from === 'a') bytes += t.bytes.length;
    });
    await world.sim.run(5_000); // announces are out
    const before = bytes;
    const sent = await message(world, a, 'b', 'x');
    const [entry] = a.node.outbox().filter((m) => m.id === sent.id);
    expect(entry?.history.at(-1)?.bytesOnAir).toBe(bytes - before);
    expect(entry?.history.at(-1)?.airtimeMs).toBeGreaterThan(100);
  });

  test('texts of every length arrive whole and in order, both ways at once', async () => {
    const { a, b } = await two();
    await world.settle(b.node.addContact('a', a.contact));
    const random = world.sim.random.fork('texts');
    const texts = [1, 100, 160, 400, 1024, 2500, 3900].map((n) =>
      Array.from(random.bytes(n), (x) => String.fromCharCode(33 + (x % 90))).join(''),
    );
    for (const text of texts) {
      await world.settle(a.node.send('b', text));
      await world.settle(b.node.send('a', text));
    }
    await world.sim.until(() => textsOf(a).length + textsOf(b).length === 14, 20 * MINUTE, 'all texts');
    expect(textsOf(a)).toEqual(texts);
    expect(textsOf(b)).toEqual(texts);
  });

  test('a recipient that was never heard is solicited, and answers', async () => {
    world = new World();
    const [a] = await world.boxes('a');
    const b = world.box('b');
    await world.settle(b.start());
    const contact = b.contact;
    await world.sim.run(10_000); // its first announce is long out when a is told of it
    await world.settle(a.stop());
    await world.settle(a.start());
    await world.settle(a.node.addContact('b', contact));
    await message(world, a, 'b', 'Anybody there?');
    expect(textsOf(b)).toEqual(['Anybody there?']);
  });

  test('somebody who is no contact is written to by code', async () => {
    const { a, b } = await two();
    await world.settle(a.node.removeContact('b'));
    await message(world, a, b.contact, 'Hello stranger');
    expect(textsOf(b)).toEqual(['Hello stranger']);
  });
});

describe('a recipient that is away', () => {
  test('gets its mail, in order, when it is back', async () => {
    const { a, b } = await two();
    await world.settle(b.stop());
    for (const text of ['one', 'two', 'three']) await world.settle(a.node.send('b', text));
    await world.sim.run(90 * MINUTE);
    expect(a.node.outbox()[0]?.history.at(-1)?.detail).toBe('Waiting for a way to the recipient.');
    await world.settle(b.start());
    await world.sim.until(() => textsOf(b).length === 3, 5 * MINUTE, 'the mail');
    expect(textsOf(b)).toEqual(['one', 'two', 'three']);
  });

  test('for longer than the time to live: the message expires and says so', async () => {
    const { a, b } = await two({ ttlDays: 1 });
    await world.settle(b.stop());
    const sent = await world.settle(a.node.send('b', 'too late'));
    await world.sim.run(25 * 60 * MINUTE);
    expect(statesOf(a, sent.id).at(-1)).toBe('expired');
    await world.settle(b.start());
    await world.sim.run(60 * MINUTE);
    expect(textsOf(b)).toEqual([]);
    expect(a.node.status().store.objects).toBe(0);
  });
});

describe('a bad channel', () => {
  test('costs time, not messages', async () => {
    const { a, b } = await two({ seed: 5 });
    world.air.setLoss('a', 'b', EDGE_DB[7]);
    const outcomes = { received: 0, lost: 0 };
    world.air.onReception.on((r) => outcomes[r.outcome === 'received' ? 'received' : 'lost']++);
    const texts = ['one', 'two', 'three', 'four', 'five', 'x'.repeat(700)];
    for (const text of texts) await world.settle(a.node.send('b', text));
    await world.sim.until(() => textsOf(b).length === texts.length, 24 * 60 * MINUTE, 'the mail');
    expect(textsOf(b)).toEqual(texts);
    expect(outcomes.lost).toBeGreaterThan(outcomes.received / 4);
  });

  test('at SF10 with a host as slow as a busy Pi', async () => {
    const { a, b } = await two({ settings: { ...SF7, spreadingFactor: 10 }, host: 'busy' });
    await message(world, a, 'b', 'slow but sure');
    expect(textsOf(b)).toEqual(['slow but sure']);
  });
});

describe('the law', () => {
  test('a spent allowance makes mail wait, and is never exceeded', async () => {
    const { a, b } = await two({ dutyCycle: 0.0005 }); // 1.8 s an hour
    let airtime = 0;
    world.air.onTransmission.on((t) => {
      if (t.from === 'a') airtime += t.endMs - t.startMs;
    });
    const texts = Array.from({ length: 12 }, (_, i) => `message ${i} ${'.'.repeat(60)}`);
    for (const text of texts) await world.settle(a.node.send('b', text));
    await world.sim.run(55 * MINUTE);
    expect(airtime).toBeLessThanOrEqual(1800);
    expect(textsOf(b).length).toBeLessThan(12);
    await world.sim.until(() => textsOf(b).length === 12, 6 * 60 * MINUTE, 'the rest');
    expect(textsOf(b)).toEqual(texts);
  });
});
