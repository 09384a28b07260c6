/** Two halves of a mesh that do not hear each other for long, and then do: docs/protocol/store.md. */
import { expect } from 'vitest';
import { type Box, World } from '../../world.ts';
import { textsOf } from '../messages.ts';
import { AirLog, ALLOWED_MS, HOUR } from './air-log.ts';
import { isDelivered, type Letter, waitFor, write } from './waiting.ts';

const LEFT = ['a', 'b', 'c'] as const;
const RIGHT = ['d', 'e', 'f'] as const;

/**
 * So many times four letters are written across, `pause` ms apart; all must arrive within hours of the merge, once,
 * within the law.
 */
export async function apart(world: World, times: number, pause: number): Promise<void> {
  const air = new AirLog(world.air);
  const boxes: readonly Box[] = await world.boxes(...LEFT, ...RIGHT);
  const named = (name: string) => boxes.find((b) => b.name === name) as Box;
  const row = [...LEFT, ...RIGHT];
  for (const [i, name] of row.slice(1).entries()) world.join(named(row[i] as string), named(name));
  await world.sim.run(3 * HOUR);
  world.part(named('c'), named('d'));
  const letters: Letter[] = [];
  const texts = new Map<Box, string[]>();
  for (let i = 0; i < times; i++) {
    for (const [from, to] of [
      ['a', 'f'],
      ['f', 'a'],
      ['b', 'e'],
      ['d', 'c'],
    ] as const) {
      const text = `time ${i}, ${from} to ${to}: ${'word '.repeat(16)}`;
      letters.push(await write(world, named(from), named(to), text));
      texts.set(named(to), [...(texts.get(named(to)) ?? []), text]);
      await world.sim.run(pause);
    }
  }
  expect(letters).toHaveLength(4 * times);
  expect(letters.filter(isDelivered)).toEqual([]);
  world.join(named('c'), named('d'));
  await waitFor(world, () => letters.every(isDelivered), 6 * HOUR, 'delivery of all of it', 10_000);
  await world.sim.run(HOUR);
  for (const [to, written] of texts) expect(textsOf(to).toSorted()).toEqual(written.toSorted());
  for (const box of boxes) expect(air.busiestHourMs(box.name)).toBeLessThanOrEqual(ALLOWED_MS);
}

/** A row of six boxes, letters that live for twelve days. */
export function rowOf(seed: number): World {
  return new World({ seed, apart: true, ttlDays: 12, lookMs: 60_000 });
}
