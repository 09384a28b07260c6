/** What keeps a store with hundreds of thousands of objects fair and quick: shares, reminders, lines, indexes. */
import { describe, expect, test } from 'vitest';
import { NumberIndex } from '../../src/store/number-index.ts';
import { OrderedNumbers } from '../../src/store/ordered-numbers.ts';
import { Reminders } from '../../src/store/reminders.ts';
import { MOST_TRACES, Shares } from '../../src/store/shares.ts';
import { WaitingLines } from '../../src/store/waiting-lines.ts';
import { Simulation } from '../simulation.ts';

const MINUTE = 60_000;

describe('shares', () => {
  const MAX = 100_000;
  test('all strangers together have a tenth, and one of them a quarter of that', () => {
    const shares = new Shares();
    expect(shares.refusal('s1', true, 2500, MAX)).toBeUndefined();
    expect(shares.refusal('s1', true, 2501, MAX)).toBe('neighbour');
    for (const s of ['s1', 's2', 's3', 's4']) shares.book(s, true, 2500, 1);
    expect(shares.refusal('s5', true, 1, MAX)).toBe('strangers');
    shares.book('s1', true, -2500, 0);
    expect(shares.refusal('s5', true, 2500, MAX)).toBeUndefined();
  });
  test('one contact has a quarter of all, and what strangers have comes off nobody but the whole', () => {
    const shares = new Shares();
    for (const s of ['s1', 's2', 's3', 's4']) shares.book(s, true, 2500, 1);
    expect(shares.refusal('c', false, 25_000, MAX)).toBeUndefined();
    expect(shares.refusal('c', false, 25_001, MAX)).toBe('neighbour');
    for (const c of ['c', 'd', 'e']) shares.book(c, false, 25_000, 1);
    expect(shares.refusal('f', false, 15_001, MAX)).toBe('store');
  });
  test('traces count as well, for a stranger an eighth of all', () => {
    const shares = new Shares();
    shares.book('s', true, 0, MOST_TRACES / 8 - 1);
    expect(shares.refusal('s', true, 1, MAX)).toBeUndefined();
    shares.book('s', true, 0, 1);
    expect(shares.refusal('s', true, 1, MAX)).toBe('neighbour');
    shares.book('s', true, 0, -MOST_TRACES / 8);
    expect(shares.refusal('s', true, 1, MAX)).toBeUndefined();
  });
});

describe('reminders', () => {
  test('come once, at the first minute after their time; the newest time counts', () => {
    const reminders = new Reminders(0);
    reminders.set(1, 90_000);
    reminders.set(2, 5 * MINUTE);
    reminders.set(2, 3 * MINUTE);
    reminders.set(3, MINUTE);
    reminders.clear(3);
    expect(reminders.takeDue(MINUTE)).toEqual([]);
    expect(reminders.takeDue(2 * MINUTE)).toEqual([1]);
    expect(reminders.takeDue(10 * MINUTE)).toEqual([2]);
    expect(reminders.takeDue(60 * MINUTE)).toEqual([]);
  });
  test('for a time that is past come at the next look', () => {
    const reminders = new Reminders(10 * MINUTE);
    reminders.set(1, 0);
    expect(reminders.takeDue(10 * MINUTE)).toEqual([]);
    expect(reminders.takeDue(11 * MINUTE)).toEqual([1]);
  });
});

test('an index holds one number or many under a name', () => {
  const index = new NumberIndex();
  expect(index.get('k')).toEqual([]);
  index.add('k', 1);
  index.add('k', 1);
  expect([index.get('k'), index.first('k')]).toEqual([[1], 1]);
  index.add('k', 2);
  expect(index.get('k')).toEqual([1, 2]);
  index.remove('k', 3);
  index.remove('k', 1);
  expect([index.get('k'), index.first('k')]).toEqual([[2], 2]);
  index.remove('k', 2);
  expect([index.first('k'), [...index.keys()]]).toEqual([undefined, []]);
});

describe('waiting lines', () => {
  function scene() {
    const sim = new Simulation();
    const held = new OrderedNumbers();
    const queue = new Set<number>();
    const looked: number[] = [];
    let way = false;
    const lines = new WaitingLines(sim, {
      after: (recipient, n) => held.after(recipient, n),
      look: (n) => {
        looked.push(n);
        const recipient = n === 3 ? 'other' : 'r';
        if (way) lines.line(recipient, n, queue);
        else lines.park(recipient, n);
      },
    });
    const add = (recipient: string, n: number) => {
      held.add(recipient, n);
      lines.add(recipient, n);
    };
    const remove = (recipient: string, n: number) => {
      held.remove(recipient, n);
      lines.remove(n);
    };
    return { sim, lines, held, add, remove, queue, looked, open: () => (way = true) };
  }

  test('park what has no way, and look at it again when there is news of its recipient only', () => {
    const { lines, add, looked, queue, open } = scene();
    for (const n of [1, 2]) add('r', n);
    add('other', 3);
    expect(looked).toEqual([1, 2, 3]);
    lines.wake('r');
    expect(looked).toEqual([1, 2, 3, 1, 2]);
    open();
    lines.wake('r');
    expect([...queue]).toEqual([1, 2]);
  });

  test('queue sixteen of a recipient at a time, and the next when one is done', () => {
    const { lines, add, remove, looked, queue, open } = scene();
    open();
    for (let n = 10; n < 110; n++) add('r', n);
    expect(queue.size).toBe(16);
    expect(looked).toHaveLength(16);
    for (let n = 10; n < 110; n++) {
      expect(queue.has(n)).toBe(true);
      lines.inHand(n);
      remove('r', n);
    }
    expect(looked).toHaveLength(100);
    expect(queue.size).toBe(0);
  });

  test('look at one that comes back although all before and after it were looked at in vain', () => {
    const { add, remove, looked } = scene();
    for (const n of [10, 11, 12]) add('r', n);
    remove('r', 11);
    add('r', 11);
    expect(looked).toEqual([10, 11, 12, 11]);
  });

  test('look at those in queues as well when there is news, for it may be of a better one, but not at one in hand', () => {
    const { lines, add, looked, open } = scene();
    open();
    for (const n of [10, 11, 12]) add('r', n);
    lines.inHand(11);
    lines.wake('r');
    expect(looked).toEqual([10, 11, 12, 10, 12]);
  });

  test('look at those in queues however full these are', () => {
    const { lines, add, looked, open } = scene();
    open();
    for (let n = 10; n < 110; n++) add('r', n);
    looked.length = 0;
    lines.wake('r');
    expect(looked).toHaveLength(16);
  });

  test('forget a recipient for whom nothing is held', () => {
    const { lines, add, remove, looked, open } = scene();
    add('r', 10);
    remove('r', 10);
    lines.close('r');
    open();
    lines.wake('r');
    expect(looked).toEqual([10]);
  });

  test('look at 256 in one go, and at the rest by and by', async () => {
    const { sim, lines, add, looked } = scene();
    for (let n = 10; n < 1010; n++) add('r', n);
    looked.length = 0;
    lines.wake('r');
    expect(looked).toHaveLength(256);
    await sim.run(10);
    expect(new Set(looked).size).toBe(1000);
    expect(looked).toHaveLength(1000);
  });
});
