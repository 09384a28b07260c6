import { expect, test } from 'vitest';
import { gaussian, SeededRandom } from '../../../src/core/random.ts';
import { NoiseFloor } from '../../../src/link/lora/noise-floor.ts';
import { Occupancy } from '../../../src/link/lora/occupancy.ts';

test('a floor is told from eight readings on', () => {
  const floor = new NoiseFloor();
  for (let i = 0; i < 7; i++) floor.add(-110);
  expect(floor.dbm).toBeUndefined();
  floor.add(-110);
  expect(floor.dbm).toBe(-110);
});

test('frames in four fifths of the readings do not lift the floor', () => {
  const random = new SeededRandom(3);
  const floor = new NoiseFloor();
  for (let i = 0; i < 64; i++) floor.add(i % 5 ? -70 : gaussian(random, -113, 2));
  expect(floor.dbm).toBeGreaterThan(-118);
  expect(floor.dbm).toBeLessThan(-110);
});

test('a noise that stays becomes the floor within 64 readings', () => {
  const floor = new NoiseFloor();
  for (let i = 0; i < 64; i++) floor.add(-115);
  for (let i = 0; i < 57; i++) floor.add(-95);
  expect(floor.dbm).toBe(-115);
  for (let i = 0; i < 7; i++) floor.add(-95);
  expect(floor.dbm).toBe(-95);
});

test('occupancy is the share of busy samples among the last 720', () => {
  const occupancy = new Occupancy();
  expect(occupancy.share).toBeUndefined();
  for (let i = 0; i < 720; i++) occupancy.add(i % 4 === 0);
  expect(occupancy.share).toBe(0.25);
  for (let i = 0; i < 720; i++) occupancy.add(i < 72);
  expect(occupancy.share).toBe(0.1);
});
