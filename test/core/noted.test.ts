/** What was done last, and when. */
import { expect, test } from 'vitest';
import { type Noted, note } from '../../src/core/noted.ts';

test('what was done again counts from then on, and what is too old is forgotten', () => {
  const noted: Noted = new Map();
  note(noted, 'a', 0, 10);
  note(noted, 'b', 5, 10);
  note(noted, 'a', 9, 10);
  expect([...noted]).toEqual([
    ['b', 5],
    ['a', 9],
  ]);
  note(noted, 'c', 15, 10);
  expect([...noted.keys()]).toEqual(['a', 'c']);
});
