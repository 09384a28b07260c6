/** Five boxes in one room whose power comes at once: docs/protocol/mesh.md, "Links", "Budget". */
import { afterEach, expect, test } from 'vitest';
import { KIND } from '../../../src/link/frame.ts';
import { type Box, SF7, World } from '../../world.ts';
import { MINUTE, textsOf } from '../messages.ts';
import { AirLog, HOUR } from './air-log.ts';
import { isDelivered, type Letter, waitFor, write } from './waiting.ts';

const NAMES = ['a', 'b', 'c', 'd', 'e'] as const;

let world: World;
afterEach(() => world.end());

const allLinked = (boxes: readonly Box[]) =>
  boxes.every((b) => b.node.neighbours().filter((n) => n.linked).length === boxes.length - 1);

/** Everybody writes to everybody else; resolves when the last writer knows. */
async function everybodyWrites(boxes: readonly Box[], text: string, mostMs: number): Promise<void> {
  const letters: Letter[] = [];
  for (const from of boxes)
    for (const to of boxes)
      if (to !== from) letters.push(await write(world, from, to, `${text} of ${from.name}`));
  await waitFor(world, () => letters.every(isDelivered), mostMs, 'delivery of everything');
}

test.each([
  { spreadingFactor: 7, seed: 1, minutes: 3 },
  { spreadingFactor: 7, seed: 2, minutes: 3 },
  { spreadingFactor: 10, seed: 1, minutes: 10 },
  { spreadingFactor: 10, seed: 3, minutes: 10 },
])(
  'at SF$spreadingFactor all write to all within $minutes min, within the budget, and again after a power cut (seed $seed)',
  async ({ spreadingFactor, seed, minutes }) => {
    world = new World({ seed, settings: { ...SF7, spreadingFactor } });
    const air = new AirLog(world.air);
    const boxes: readonly Box[] = await world.boxes(...NAMES);
    const up = world.sim.monotonic();
    await waitFor(world, () => allLinked(boxes), 30 * MINUTE, 'all links');
    await everybodyWrites(boxes, 'first', minutes * MINUTE);
    await world.sim.run(up + HOUR - world.sim.monotonic());
    // keys, wants and answers travel in sealed frames, which look like mail: the boxes count them
    const sealedShare = () => boxes.reduce((ms, b) => ms + b.counters.get('mesh.sealed-ms'), 0) / HOUR;
    expect(sealedShare()).toBeGreaterThan(0);
    expect(air.routingShare(NAMES, up, up + HOUR) + sealedShare()).toBeLessThan(0.03);
    for (const box of boxes) box.pullThePlug();
    await world.sim.run(1000);
    await world.settle(Promise.all(boxes.map((b) => b.start())));
    const again = world.sim.monotonic();
    await everybodyWrites(boxes, 'second', minutes * MINUTE);
    expect(allLinked(boxes)).toBe(true);
    await world.sim.run(HOUR);
    const handshakes = air.frames.filter((f) => f.at > again && f.kind === KIND.handshake).length;
    // ten pairs, two frames each: a storm would be many times that
    expect(handshakes).toBeLessThan(60);
    // an hour's tokens and an hour's refill are the most that there can be; half of that is asked
    expect(air.routingShare(NAMES, again, again + HOUR) + sealedShare()).toBeLessThan(0.035);
    for (const box of boxes) expect(textsOf(box)).toHaveLength(8);
  },
);
