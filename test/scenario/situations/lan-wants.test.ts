/** A neighbour on the LAN that speaks of a node whose announce it has not: docs/protocol/mesh.md, `want`. */
import { afterEach, expect, test } from 'vitest';
import { RECORD } from '../../../src/link/records.ts';
import { UNSAID } from '../../../src/mesh/channel-shares.ts';
import { encodeDigest } from '../../../src/mesh/digest.ts';
import { OWN_COST } from '../../../src/mesh/metric.ts';
import { BareLanNeighbour } from '../../bare-lan-neighbour.ts';
import { World } from '../../world.ts';
import { MINUTE } from '../messages.ts';

let world: World;
afterEach(() => world.end());

test('is asked for it at once, and then every minute at most: asking costs no air, and is paced all the same', async () => {
  world = new World({ seed: 'lan wants', apart: true });
  const hub = world.box('hub', { radio: false, lan: [] });
  await world.settle(hub.start());
  const liar = await BareLanNeighbour.start(world, hub, 'liar');
  let asked = 0;
  liar.link.onRecord(RECORD.want, () => void asked++);
  const entry = { prefix: Uint8Array.of(1, 2, 3, 4), freshness: new Uint8Array(8).fill(5), cost: OWN_COST };
  const body = encodeDigest({ t0: 79, crowd: UNSAID, wants: [], entries: [entry] });
  await liar.say({ type: RECORD.digest, body });
  await world.sim.run(5_000);
  expect(asked).toBe(1);
  await world.sim.run(60 * MINUTE);
  expect(asked).toBeGreaterThan(2);
  expect(asked).toBeLessThan(70);
});
