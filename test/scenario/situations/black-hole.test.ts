/**
 * A neighbour that says it reaches everybody at once, and does not hand on what it is given: the mail goes another way
 * in the end. docs/protocol/store.md, "Forwarding", "Asking".
 */
import { afterEach, expect, test } from 'vitest';
import { RECORD } from '../../../src/link/records.ts';
import { World } from '../../world.ts';
import { MINUTE, textsOf } from '../messages.ts';
import { HOUR } from './air-log.ts';
import { lured, steal } from './black-hole.ts';
import { isDelivered, waitFor, write } from './waiting.ts';

let world: World;
afterEach(() => world.end());

function scene() {
  world = new World({ seed: 1, apart: true, mayLoseCustody: true });
  return lured(world);
}

test('one that is never heard to answer: the other way, after two tries', async () => {
  const { a, d } = await scene();
  world.air.setOneWayLoss('a', 'liar', Number.POSITIVE_INFINITY);
  const letter = await write(world, a, d, 'mail');
  await waitFor(world, () => isDelivered(letter), 10 * MINUTE, 'delivery');
  expect(textsOf(d)).toEqual(['before', 'mail']);
});

test('one that acknowledges every frame, and never says custody: the other way, after two tries', async () => {
  const { a, d, liar } = await scene();
  for (const type of [RECORD.push, RECORD.offer]) liar.link.onRecord(type, () => {});
  const letter = await write(world, a, d, 'mail');
  await waitFor(world, () => isDelivered(letter), 10 * MINUTE, 'delivery');
  expect(textsOf(d)).toEqual(['before', 'mail']);
});

test('one that takes custody and says later that it is lost: sent once more, the other way', async () => {
  const { a, d, liar } = await scene();
  const loot = steal(liar, 'lost');
  const letter = await write(world, a, d, 'mail');
  await waitFor(world, () => isDelivered(letter), 24 * HOUR, 'delivery', 10 * MINUTE);
  expect(loot.stolen).toBe(1);
  expect(textsOf(d)).toEqual(['before', 'mail']);
});
