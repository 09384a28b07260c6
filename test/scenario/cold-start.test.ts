/** Boxes that power up at once, and somebody who writes before any of them knows its neighbours. */
import { expect, test } from 'vitest';
import { SF7, World } from '../world.ts';

/** A clear hop, dB. */
const HOP_DB = 120;

/** s from writing, a second after power-up, to delivery over a row of boxes. */
async function coldDelivery(seed: number, spreadingFactor: number, n: number): Promise<number> {
  const world = new World({ seed, settings: { ...SF7, spreadingFactor }, apart: true });
  const boxes = Array.from({ length: n }, (_, i) => world.box(`b${i}`));
  for (let i = 1; i < n; i++) world.air.setLoss(`b${i - 1}`, `b${i}`, HOP_DB);
  try {
    await world.settle(Promise.all(boxes.map((b) => b.start())));
    await world.sim.run(1_000);
    const [sender, recipient] = [boxes[0], boxes[n - 1]];
    if (!sender || !recipient) throw new Error('a row has two ends');
    const at = world.sim.monotonic();
    await world.settle(sender.node.send(recipient.contact, 'The power is back.'));
    while ([...recipient.node.inbox()].length === 0 && world.sim.monotonic() - at < 600_000)
      await world.sim.run(500);
    return (world.sim.monotonic() - at) / 1000;
  } finally {
    await world.end();
  }
}

test.each([
  [7, 3, 60],
  [9, 3, 120],
  [10, 4, 240],
])(
  'at SF%i, over a row of %i boxes that know nobody yet, a message arrives within %i s',
  async (sf, n, most) => {
    for (const seed of [1, 2, 3]) expect(await coldDelivery(seed, sf, n), `seed ${seed}`).toBeLessThan(most);
  },
);
