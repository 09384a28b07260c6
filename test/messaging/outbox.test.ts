/** A message's history: docs/protocol/messages.md, "Life of a message". */
import { expect, test } from 'vitest';
import { type Step, withStep } from '../../src/messaging/outbox.ts';

test('keeps its beginning and its newest steps, 64 at most', () => {
  const step = (at: number): Step => ({ state: 'in custody', at, detail: '' });
  let steps: readonly Step[] = [];
  for (let at = 0; at < 64; at++) steps = withStep(steps, step(at));
  expect(steps.map((s) => s.at)).toEqual(Array.from({ length: 64 }, (_, i) => i));
  for (let at = 64; at < 300; at++) steps = withStep(steps, step(at));
  expect(steps.map((s) => s.at)).toEqual([0, 1, ...Array.from({ length: 62 }, (_, i) => 238 + i)]);
});
