import { expect, test } from 'vitest';
import { lawfulHead, refuseOlder } from '../../../src/link/lora/lawful-head.ts';
import { type Entry, Queue } from '../../../src/link/lora/queue.ts';
import type { Priority, Submission } from '../../../src/link/medium.ts';

/** A queue holding entries of these priorities, submitted at these times, and what became of them. */
function queueOf(...entries: readonly (readonly [Priority, number])[]) {
  const queue = new Queue();
  const results: (Submission | undefined)[] = entries.map(() => undefined);
  entries.forEach(([priority, since], i) => {
    const entry: Entry = {
      outgoing: { priority, fairnessKey: `n${i}`, estimatedBytes: 50, next: () => undefined },
      since,
      settle: (s) => {
        results[i] = s;
      },
    };
    queue.offer(entry);
  });
  return { queue, results };
}

const LAW = { sent: false, refused: 'law' };
const MINUTE = 60_000;

test('an entry that is lawful now is next', () => {
  const { queue } = queueOf([1, 0]);
  expect(lawfulHead(queue, () => 10, 10)).toMatchObject({ entry: { since: 0 } });
  expect(lawfulHead(new Queue(), () => 10, 10)).toBeUndefined();
});

test('an entry waits for the allowance, and is asked about again within a minute', () => {
  const { queue, results } = queueOf([1, 0]);
  expect(lawfulHead(queue, () => 500, 10)).toEqual({ until: 500 });
  expect(lawfulHead(queue, () => 50 * MINUTE, 10)).toEqual({ until: MINUTE + 10 });
  expect(results).toEqual([undefined]);
});

test.each([
  [0, 1],
  [1, 65],
  [2, 30],
  [3, 10],
] as const)('P%i is refused at once where it would wait for more than %i min', (priority, minutes) => {
  const { queue, results } = queueOf([priority, 0]);
  expect(lawfulHead(queue, () => minutes * MINUTE, 10)).toBeDefined();
  expect(lawfulHead(queue, () => minutes * MINUTE + 1, 10)).toBeUndefined();
  expect(results).toEqual([LAW]);
});

test('what can never be lawful is refused at once', () => {
  const { queue, results } = queueOf([1, 0]);
  expect(lawfulHead(queue, () => undefined, 10)).toBeUndefined();
  expect(results).toEqual([LAW]);
});

test('behind one that waits, those who have waited too long are refused', () => {
  const { queue, results } = queueOf([1, 0], [3, 0], [2, 0]);
  const now = 10 * MINUTE + 1;
  expect(lawfulHead(queue, () => 40 * MINUTE, now)).toEqual({ until: now + MINUTE });
  expect(results).toEqual([undefined, LAW, undefined]);
});

test('a P3 whose turn it is gives way where only it must wait', () => {
  const { queue } = queueOf([3, 0], [1, 0]);
  for (let i = 0; i < 9; i++) queue.granted(1);
  const when = (entry: Entry) => (entry.outgoing.priority === 3 ? 500 : 0);
  expect(lawfulHead(queue, when, 10)).toMatchObject({ entry: { outgoing: { priority: 1 } } });
  expect(lawfulHead(queue, () => 0, 10)).toMatchObject({ entry: { outgoing: { priority: 3 } } });
});

test('older ones are refused by priority', () => {
  const { queue, results } = queueOf([0, 5], [1, 5], [1, 6]);
  expect(refuseOlder(queue, (p) => (p === 1 ? 6 : 0), 'radio')).toBe(1);
  expect(results).toEqual([undefined, { sent: false, refused: 'radio' }, undefined]);
});
