/** Topics that boxes follow: docs/protocol/store.md, "NXS-Pub". */
import { afterEach, describe, expect, test } from 'vitest';
import { type Box, World } from '../world.ts';
import { MINUTE } from './messages.ts';

const HOUR = 60 * MINUTE;

let world: World;
afterEach(() => world.end());

const isRegistered = (box: Box) => box.node.status().mailboxes.some((m) => m.registered);

/** Publisher, hub and reader in a row, by LoRa or by LAN. */
async function row(lan = false) {
  world = new World({ apart: true, seed: 'topics' });
  const media = (...peers: string[]) => (lan ? { radio: false, lan: peers } : { radio: true });
  const publisher = world.box('publisher', media('hub'));
  const hub = world.box('hub', media());
  const reader = world.box('reader', media('hub'));
  world.join(publisher, hub);
  world.join(hub, reader);
  for (const box of [hub, publisher, reader]) await world.settle(box.start());
  await world.sim.until(() => [publisher, reader].every(isRegistered), 20 * MINUTE, 'mailboxes');
  return { publisher, hub, reader };
}

/** What has come of a topic that a box follows, from now on. */
async function follow(box: Box, topic: string): Promise<string[]> {
  const texts: string[] = [];
  const signal = new AbortController().signal;
  void (async () => {
    for await (const item of box.node.subscribe(topic, signal)) texts.push(item.text);
  })();
  await world.sim.run(10_000);
  return texts;
}

describe('over LoRa', () => {
  test('what is small is pushed within the hour, what is not is hinted and pulled; other topics are not', async () => {
    const { publisher, reader } = await row();
    const weather = await follow(reader, 'weather/*');
    expect(reader.node.status().pub.topics).toEqual(['weather/*']);
    const long = 'Rain, and then more rain. '.repeat(6);
    for (const [topic, text] of [
      ['weather/oslo', 'Snow'],
      ['weather/bergen', long],
      ['traffic/oslo', 'None'],
    ] as const)
      await world.settle(publisher.node.publish(topic, text));
    await world.sim.run(2 * HOUR);
    expect([...weather].sort()).toEqual([long, 'Snow']);
  });

  test('a reader that was off, and restarted, gets what came meanwhile, once; and nothing after it has ended', async () => {
    const { publisher, hub, reader } = await row();
    await follow(reader, 'near:market');
    await world.settle(reader.stop());
    await world.sim.run(2 * HOUR);
    await world.settle(publisher.node.publish('near:market', 'Eggs'));
    await world.sim.run(MINUTE);
    hub.pullThePlug();
    await world.settle(hub.start());
    await world.sim.run(HOUR);
    await world.settle(reader.start());
    const market = await follow(reader, 'near:market');
    await world.sim.until(() => market.length > 0, 2 * HOUR, 'the eggs');
    await world.sim.run(2 * HOUR);
    expect(market).toEqual(['Eggs']);
    await world.settle(reader.node.unsubscribe('near:market'));
    await world.sim.run(MINUTE);
    await world.settle(publisher.node.publish('near:market', 'Milk'));
    await world.sim.run(2 * HOUR);
    expect(market).toEqual(['Eggs']);
    expect(reader.node.status().pub.topics).toEqual([]);
  });
});

describe('over a LAN', () => {
  test('everything is pushed at once', async () => {
    const { publisher, reader } = await row(true);
    const weather = await follow(reader, 'weather/oslo');
    await world.settle(publisher.node.publish('weather/oslo', 'Sun '.repeat(900)));
    await world.sim.run(5_000);
    expect(weather).toEqual(['Sun '.repeat(900)]);
  });
});

test('what is too long is refused with a sentence', async () => {
  const { publisher } = await row(true);
  await expect(publisher.node.publish('a', 'x'.repeat(5000))).rejects.toThrow(/bytes too long: shorten it/);
});
