/** A mesh of which half the boxes are mostly off, for days: docs/protocol/store.md, "Mailboxes". */
import { test } from 'vitest';
import { awayMesh } from '../away-mesh.ts';

test.each([1, 2, 3, 4])(
  'seed %i: every letter to those that are mostly off arrives within days, once',
  (seed) => awayMesh({ seed, hours: 72, letters: 120 }),
);
