/** A relay that threw a letter away, and says for days that it has it still: docs/protocol/store.md, "Asking". */
import { afterEach, expect, test } from 'vitest';
import { World } from '../../world.ts';
import { textsOf } from '../messages.ts';
import { HOUR } from '../situations/air-log.ts';
import { lured, steal } from '../situations/black-hole.ts';
import { isDelivered, waitFor, write } from '../situations/waiting.ts';

let world: World;
afterEach(() => world.end());

test('one that takes custody and says that it has it still: believed for two days and a half, no longer', async () => {
  world = new World({ seed: 1, apart: true, mayLoseCustody: true });
  const { a, d, liar } = await lured(world);
  const loot = steal(liar, 'held');
  const letter = await write(world, a, d, 'mail');
  const took = await waitFor(world, () => isDelivered(letter), 72 * HOUR, 'delivery', HOUR / 6);
  expect(took).toBeGreaterThan(24 * HOUR);
  expect(loot.stolen).toBe(1);
  expect(textsOf(d)).toEqual(['before', 'mail']);
});
