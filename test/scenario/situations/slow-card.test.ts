/** A card that takes three seconds for every commit: what is said waits for the disk, and nothing is lost by it. */
import { afterEach, expect, test } from 'vitest';
import { World } from '../../world.ts';
import { MINUTE, textsOf } from '../messages.ts';
import { AirLog, HOUR } from './air-log.ts';
import { isDelivered, waitFor, write } from './waiting.ts';

let world: World;
afterEach(() => world.end());

test('three boxes in a row with such cards: every text arrives once, and few frames are said again', async () => {
  world = new World({ seed: 8, apart: true, commitMs: () => 3_000 });
  const air = new AirLog(world.air);
  const [a, b, c] = await world.boxes('a', 'b', 'c');
  world.join(a, b);
  world.join(b, c);
  await world.sim.run(HOUR);
  const at = world.sim.monotonic();
  const texts = Array.from({ length: 8 }, (_, i) => `text ${i} ${'x'.repeat(100 * (i % 4))}`);
  const letters = await Promise.all(
    texts.flatMap((text) => [write(world, a, c, text), write(world, c, a, text)]),
  );
  const took = await waitFor(world, () => letters.every(isDelivered), 20 * MINUTE, 'delivery');
  const spent = air.spentMs(['a', 'b', 'c'], { since: at });
  // four commits of each text on its way, and as many of its receipt back: those that fall together share one
  expect(took).toBeLessThan(5 * MINUTE);
  // a bare `ack` goes ahead of every answer that waits for the disk; on a quick card a letter takes 0.7 s of air
  expect(spent / letters.length).toBeLessThan(1_500);
  await world.sim.run(HOUR);
  expect(textsOf(a).toSorted()).toEqual(texts);
  expect(textsOf(c).toSorted()).toEqual(texts);
  expect([a, b, c].map((x) => x.node.status().store.objects)).toEqual([0, 0, 0]);
});
