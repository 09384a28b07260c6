/** One hub on the hill, and twenty boxes around it of which none hears another: docs/protocol/mesh.md, "Links". */
import { afterEach, expect, test } from 'vitest';
import { type Box, World } from '../../world.ts';
import { MINUTE, textsOf } from '../messages.ts';
import { AirLog, ALLOWED_MS, HOUR } from './air-log.ts';
import { isDelivered, write } from './waiting.ts';

const LEAVES = 20;

let world: World;
afterEach(() => world.end());

test('twenty leaves write to each other at once: nothing is lost, the hub stays bounded, and nobody waits for ever', async () => {
  world = new World({ seed: 1, apart: true });
  const air = new AirLog(world.air);
  const hub = world.box('hub');
  const leaves = Array.from({ length: LEAVES }, (_, i) => world.box(`leaf${i}`));
  for (const leaf of leaves) world.join(hub, leaf);
  await world.sim.resolve(Promise.all([hub, ...leaves].map((b) => b.start())), MINUTE);
  await world.sim.run(2 * HOUR);
  expect(hub.node.neighbours().filter((n) => n.linked)).toHaveLength(LEAVES);
  const at = world.sim.monotonic();
  const waiting = new Set(
    await Promise.all(
      leaves.map((from, i) => write(world, from, leaves[(i + 7) % LEAVES] as Box, `of ${from.name}`)),
    ),
  );
  const delays: number[] = [];
  let deepest = 0;
  while (waiting.size > 0 && world.sim.monotonic() - at < HOUR) {
    await world.sim.run(500);
    deepest = Math.max(deepest, ...hub.medium.status.queue.waiting);
    for (const letter of waiting) {
      if (!isDelivered(letter)) continue;
      waiting.delete(letter);
      delays.push((world.sim.monotonic() - at) / 1000);
    }
  }
  // as hidden from each other as can be: the middle one needs two minutes, the last one three or four
  expect(delays).toHaveLength(LEAVES);
  expect(delays[LEAVES / 2]).toBeLessThan(240);
  expect(delays.at(-1)).toBeLessThan(600);
  expect(deepest).toBeLessThan(16);
  for (const leaf of leaves) expect(textsOf(leaf)).toHaveLength(1);
  for (const { name } of [hub, ...leaves]) expect(air.busiestHourMs(name)).toBeLessThanOrEqual(ALLOWED_MS);
});
