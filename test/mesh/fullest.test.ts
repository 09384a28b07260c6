/** How many share the channel where it is fullest: docs/protocol/mesh.md, "Budget". */
import { expect, test } from 'vitest';
import { nodeIdFrom } from '../../src/identity/node-id.ts';
import { Earshot } from '../../src/mesh/earshot.ts';
import { fullest } from '../../src/mesh/fullest.ts';

/** Neighbours that say to hear so many. */
function hearing(...counts: readonly number[]) {
  const earshot = new Earshot(() => false);
  for (const [i, hears] of counts.entries())
    earshot.note({ nodeId: nodeIdFrom(new Uint8Array(16).fill(i)), at: 0, hears });
  return earshot.up(0);
}
const linked = () => true;
const unlinked = () => false;

test('as many as are heard here, where nobody hears more', () => {
  expect(fullest([], linked)).toBe(0);
  expect(fullest(hearing(0, 1, 3), linked)).toBe(3);
});

test('as many as the neighbour in the fullest spot hears', () => {
  expect(fullest(hearing(2, 18, 5), linked)).toBe(18);
});

test('no more than 32, whatever a neighbour says', () => {
  expect(fullest(hearing(255), linked)).toBe(32);
});

test('of one that is not linked no more than twice those heard here, and 4', () => {
  expect(fullest(hearing(2, 18), unlinked)).toBe(8);
  expect(fullest(hearing(2, 7), unlinked)).toBe(7);
});
