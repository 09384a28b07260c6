/** Two halves of a mesh that do not hear each other for a week, and then do: docs/protocol/store.md. */
import { afterEach, expect, test } from 'vitest';
import { type Box, World } from '../../world.ts';
import { textsOf } from '../messages.ts';
import { AirLog, ALLOWED_MS, HOUR } from '../situations/air-log.ts';
import { isDelivered, type Letter, waitFor, write } from '../situations/waiting.ts';

const DAY = 24 * HOUR;
const LEFT = ['a', 'b', 'c'] as const;
const RIGHT = ['d', 'e', 'f'] as const;

let world: World;
afterEach(() => world.end());

test('what is written across in that week arrives within hours of the merge, once, within the law', async () => {
  world = new World({ seed: 4, apart: true, ttlDays: 12 });
  const air = new AirLog(world.air);
  const boxes: readonly Box[] = await world.boxes(...LEFT, ...RIGHT);
  const named = (name: string) => boxes.find((b) => b.name === name) as Box;
  const row = [...LEFT, ...RIGHT];
  for (const [i, name] of row.slice(1).entries()) world.join(named(row[i] as string), named(name));
  await world.sim.run(6 * HOUR);
  world.part(named('c'), named('d'));
  const letters: Letter[] = [];
  const texts = new Map<Box, string[]>();
  for (let day = 0; day < 7; day++) {
    for (const [from, to] of [
      ['a', 'f'],
      ['f', 'a'],
      ['b', 'e'],
      ['d', 'c'],
    ] as const) {
      const text = `day ${day}, ${from} to ${to}: ${'word '.repeat(16)}`;
      letters.push(await write(world, named(from), named(to), text));
      texts.set(named(to), [...(texts.get(named(to)) ?? []), text]);
      await world.sim.run(DAY / 4);
    }
  }
  expect(letters.filter(isDelivered)).toEqual([]);
  world.join(named('c'), named('d'));
  await waitFor(world, () => letters.every(isDelivered), 6 * HOUR, 'delivery of the week', 10_000);
  await world.sim.run(HOUR);
  for (const [to, written] of texts) expect(textsOf(to).toSorted()).toEqual(written.toSorted());
  for (const box of boxes) expect(air.busiestHourMs(box.name)).toBeLessThanOrEqual(ALLOWED_MS);
});
