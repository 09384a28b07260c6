/** The short form of a week's partition (`make scenarios`). */
import { afterEach, test } from 'vitest';
import type { World } from '../../world.ts';
import { HOUR } from './air-log.ts';
import { apart, rowOf } from './apart.ts';

let world: World;
afterEach(() => world.end());

test('what is written across in hours apart arrives within hours of the merge, once, within the law', () => {
  world = rowOf(4);
  return apart(world, 1, 2 * HOUR);
});
