/** A channel on which others talk four fifths of the time: docs/protocol/link.md, "Medium access on LoRa". */
import { afterEach, expect, test } from 'vitest';
import { startForeignTraffic } from '../../../drivers/sim/foreign.ts';
import { type Box, World } from '../../world.ts';
import { MINUTE, textsOf } from '../messages.ts';
import { AirLog, HOUR } from './air-log.ts';
import { isDelivered, waitFor, write } from './waiting.ts';

let world: World;
afterEach(() => world.end());

/** Foreign frames at this loss to every box: clearly heard, 10 dB under a neighbour. */
const FOREIGN_DB = 118;
const NEIGHBOUR_DB = 105;

test.each([
  { names: ['a', 'b'], seed: 1 },
  { names: ['a', 'b'], seed: 2 },
  { names: ['a', 'b', 'c'], seed: 1 },
  { names: ['a', 'b', 'c'], seed: 2 },
])(
  '$names: ten texts each way arrive, nine pairs of ten within three minutes, all within five (seed $seed)',
  async ({ names, seed }) => {
    world = new World({ seed, apart: true });
    const air = new AirLog(world.air);
    const boxes = names.map((name) => world.box(name));
    for (const [i, name] of names.entries()) {
      const next = names[i + 1];
      if (next) world.air.setLoss(name, next, NEIGHBOUR_DB);
      world.air.setLoss('foreign', name, FOREIGN_DB);
    }
    const stop = startForeignTraffic(world.air, world.sim.random.fork('foreign'), { occupancy: 0.8 });
    await world.sim.resolve(Promise.all(boxes.map((b) => b.start())), HOUR);
    await world.sim.run(HOUR);
    const [first, last] = [boxes[0] as Box, boxes.at(-1) as Box];
    const at = world.sim.monotonic();
    const times: number[] = [];
    for (let i = 0; i < 10; i++) {
      const began = world.sim.monotonic();
      const letters = [
        await write(world, first, last, `there ${i}`),
        await write(world, last, first, `back ${i}`),
      ];
      times.push(await waitFor(world, () => letters.every(isDelivered), HOUR, 'delivery'));
      await world.sim.run(Math.max(0, began + 60_000 - world.sim.monotonic()));
    }
    stop();
    const spent = air.spentMs(names, { since: at });
    // it hears them, and waits for its turn among them
    for (const box of boxes) expect(box.medium.status.occupancy).toBeGreaterThan(0.7);
    const [slowest = Infinity, ...others] = times.toSorted((a, b) => b - a);
    expect(Math.max(...others)).toBeLessThan(3 * MINUTE);
    expect(slowest).toBeLessThan(5 * MINUTE);
    // little more than on a quiet channel: 0.29 s over one hop, 0.65 s over two
    expect(spent / 20).toBeLessThan(names.length === 2 ? 400 : 1_300);
    expect(textsOf(last)).toHaveLength(10);
    expect(textsOf(first)).toHaveLength(10);
  },
);
