/** Two halves of a mesh that do not hear each other for a week, and then do: docs/protocol/store.md. */
import { afterEach, test } from 'vitest';
import type { World } from '../../world.ts';
import { HOUR } from '../situations/air-log.ts';
import { apart, rowOf } from '../situations/apart.ts';

let world: World;
afterEach(() => world.end());

test('what is written across in that week arrives within hours of the merge, once, within the law', () => {
  world = rowOf(4);
  return apart(world, 7, 6 * HOUR);
});
