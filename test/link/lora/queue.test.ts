import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Entry, Queue } from '../../../src/link/lora/queue.ts';
import type { Priority } from '../../../src/link/medium.ts';

const waiting = (priority: Priority, key: string | undefined, bytes = 100, since = 0): Entry => ({
  outgoing: { priority, fairnessKey: key, estimatedBytes: bytes, next: () => undefined },
  since,
  settle: () => {},
});

const answer = (answerUntil: number): Entry => ({
  outgoing: { priority: 0, fairnessKey: 'a', estimatedBytes: 30, answerUntil, next: () => undefined },
  since: 0,
  settle: () => {},
});

/** The next grant's entry, taken and counted. */
function serve(queue: Queue, bulkMay: (bulk: Entry) => boolean = () => true): Entry | undefined {
  const head = queue.head(bulkMay);
  if (!head) return undefined;
  queue.take(head);
  queue.granted(head.outgoing.priority);
  return head;
}

describe('priorities', () => {
  test('are strict, and first come first served within one neighbour', () => {
    const queue = new Queue();
    const entries = ([2, 1, 3, 0, 1] as const).map((p) => waiting(p, 'a'));
    for (const entry of entries) expect(queue.offer(entry)).toBe(true);
    const order = [3, 1, 4, 0, 2];
    for (const i of order) expect(serve(queue)).toBe(entries[i]);
    expect(queue.empty).toBe(true);
  });

  test('one grant in ten goes to P3 where it waits', () => {
    const queue = new Queue();
    for (let i = 0; i < 3; i++) queue.offer(waiting(3, 'a'));
    const served: Priority[] = [];
    for (let i = 0; i < 30; i++) {
      queue.offer(waiting(1, 'a'));
      served.push(serve(queue)?.outgoing.priority ?? 0);
    }
    expect(served.map((p, i) => (p === 3 ? i : -1)).filter((i) => i >= 0)).toEqual([9, 19, 29]);
  });

  test('grants while no P3 waited do not count towards its turn', () => {
    const queue = new Queue();
    for (let i = 0; i < 9; i++) {
      queue.offer(waiting(1, 'a'));
      serve(queue);
    }
    queue.offer(waiting(3, 'a'));
    queue.offer(waiting(1, 'a'));
    expect(serve(queue)?.outgoing.priority).toBe(1);
  });

  test('a P3 that may not go now lets the others pass', () => {
    const queue = new Queue();
    queue.offer(waiting(3, 'a'));
    for (let i = 0; i < 12; i++) queue.offer(waiting(1, 'a'));
    for (let i = 0; i < 12; i++) expect(serve(queue, () => false)?.outgoing.priority).toBe(1);
    expect(serve(queue, () => false)?.outgoing.priority).toBe(3);
  });
});

describe('turns', () => {
  test('go round the neighbours, broadcasts being one of them', () => {
    const queue = new Queue();
    for (const key of ['a', 'a', 'a', 'b', 'b', undefined]) queue.offer(waiting(1, key));
    const served = Array.from({ length: 6 }, () => serve(queue)?.outgoing.fairnessKey);
    expect(served).toEqual(['a', 'b', undefined, 'a', 'b', 'a']);
  });

  test('only the head may be taken', () => {
    const queue = new Queue();
    queue.offer(waiting(1, 'a'));
    const second = waiting(1, 'a');
    queue.offer(second);
    expect(() => queue.take(second)).toThrow();
  });
});

describe('bounds', () => {
  test('one neighbour has 16 entries or 4 KiB of a priority, and the others still get in', () => {
    const queue = new Queue();
    for (let i = 0; i < 16; i++) expect(queue.offer(waiting(1, 'a'))).toBe(true);
    expect(queue.offer(waiting(1, 'a'))).toBe(false);
    expect(queue.offer(waiting(1, 'b', 4096))).toBe(true);
    expect(queue.offer(waiting(1, 'b', 1))).toBe(false);
    expect(queue.offer(waiting(2, 'a'))).toBe(true);
    expect(queue.lengths).toEqual({ answers: 0, waiting: [0, 17, 1, 0] });
  });

  test('a priority has 64 entries or 16 KiB', () => {
    const queue = new Queue();
    const offered = Array.from({ length: 70 }, (_, i) => queue.offer(waiting(3, `n${i}`)));
    expect(offered.filter(Boolean)).toHaveLength(64);
    const bytes = new Queue();
    for (let i = 0; i < 4; i++) expect(bytes.offer(waiting(3, `n${i}`, 4096))).toBe(true);
    expect(bytes.offer(waiting(3, 'one more', 1))).toBe(false);
  });

  test('what is served, grown old or drained makes room again', () => {
    const queue = new Queue();
    const fill = (since: number) => {
      let n = 0;
      while (queue.offer(waiting(1, 'a', 256, since))) n++;
      return n;
    };
    expect(fill(0)).toBe(16);
    serve(queue);
    expect(fill(5)).toBe(1);
    expect(queue.takeOlder(1, 5)).toHaveLength(15);
    expect(fill(6)).toBe(15);
    expect(queue.drain()).toHaveLength(16);
    expect(queue.empty).toBe(true);
    expect(fill(7)).toBe(16);
  });

  test('property: whatever is offered and served, everything comes out once and the bounds hold', () => {
    const ops = fc.array(
      fc.record({
        offer: fc.boolean(),
        priority: fc.constantFrom<Priority>(0, 1, 2, 3),
        key: fc.constantFrom('a', 'b', 'c', undefined),
        bytes: fc.integer({ min: 1, max: 2000 }),
      }),
      { maxLength: 300 },
    );
    fc.assert(
      fc.property(ops, (list) => {
        const queue = new Queue();
        const inside = new Set<Entry>();
        for (const op of list) {
          if (op.offer) {
            const entry = waiting(op.priority, op.key, op.bytes);
            if (queue.offer(entry)) inside.add(entry);
          } else {
            const served = serve(queue);
            expect(served !== undefined).toBe(inside.size > 0);
            if (served) expect(inside.delete(served)).toBe(true);
          }
          for (const p of [0, 1, 2, 3] as const) {
            const mine = [...inside].filter((e) => e.outgoing.priority === p);
            expect(queue.lengths.waiting[p]).toBe(mine.length);
            expect(mine.reduce((sum, e) => sum + e.outgoing.estimatedBytes, 0)).toBeLessThanOrEqual(16_384);
          }
        }
        expect(new Set(queue.drain())).toEqual(inside);
      }),
      { numRuns: 50 },
    );
  });
});

describe('answers', () => {
  test('the one whose window ends first is next; late ones are taken out', () => {
    const queue = new Queue();
    const [late, second, first] = [answer(100), answer(300), answer(200)];
    for (const entry of [late, second, first]) queue.offer(entry);
    expect(queue.takeLate(150)).toEqual([late]);
    expect(queue.takeAnswer()).toBe(first);
    expect(queue.takeAnswer()).toBe(second);
    expect(queue.takeAnswer()).toBeUndefined();
  });

  test('are bounded', () => {
    const queue = new Queue();
    for (let i = 0; i < 8; i++) expect(queue.offer(answer(100))).toBe(true);
    expect(queue.offer(answer(100))).toBe(false);
  });
});
