/** docs/protocol/store.md, "Mailboxes"; for days in long/away-mesh.test.ts. */
import { test } from 'vitest';
import { awayMesh } from './away-mesh.ts';

test(
  'in a mesh of which half the boxes are off four fifths of the time every letter arrives, once',
  () => awayMesh({ seed: 'half away', hours: 5, letters: 12 }),
  120_000,
);
