/** docs/protocol/mesh.md, "Solicit": rings 2, 5, all; then after 1 h; then every 2 h. */
import { expect, test } from 'vitest';
import { WantedList } from '../../src/mesh/wanted.ts';

const S = 1000;
const M = 60 * S;

test('somebody wanted is asked for on the schedule', () => {
  const list = new WantedList<string>();
  list.add('a', 'A', 0);
  const asked: number[] = [];
  const rings: number[] = [];
  for (let i = 0; i < 6; i++) {
    const at = list.nextAt() ?? Number.NaN;
    expect(list.takeDue(at - 1, 28)).toEqual([]);
    const due = list.takeDue(at, 28);
    expect(due.map((d) => d.value)).toEqual(['A']);
    rings.push(...due.map((d) => d.ring));
    asked.push(at);
  }
  const waits = asked.map((t, i) => t - (asked[i - 1] ?? 0));
  expect(waits).toEqual([0, 30 * S, 2 * M, 60 * M, 120 * M, 120 * M]);
  expect(rings).toEqual([2, 5, 64, 64, 64, 64]);
});

test('wanting again changes nothing; no longer wanted is not asked for', () => {
  const list = new WantedList<string>();
  list.add('a', 'A', 0);
  list.takeDue(0, 28);
  list.add('a', 'A', 10);
  expect(list.nextAt()).toBe(30 * S);
  list.remove('a');
  expect(list.nextAt()).toBeUndefined();
});

test('those due at nearly the same time share a frame, up to its size', () => {
  const list = new WantedList<number>();
  for (let i = 0; i < 30; i++) list.add(`k${i}`, i, i * 10);
  expect(list.takeDue(0, 28)).toHaveLength(28);
  expect(list.takeDue(300, 28)).toMatchObject([{ value: 28 }, { value: 29 }]);
});

test('somebody for whom another asks waits', () => {
  const list = new WantedList<string>();
  list.add('a', 'A', 0);
  list.postpone(() => 120 * S);
  expect(list.takeDue(0, 28)).toEqual([]);
  expect(list.nextAt()).toBe(120 * S);
});

test('of many who are wanted, only the one for whom another asks waits', () => {
  const list = new WantedList<string>();
  list.add('a', 'A', 0);
  list.add('b', 'B', 0);
  list.postpone((value) => (value === 'A' ? 120 * S : undefined));
  expect(list.takeDue(0, 28)).toEqual([{ value: 'B', ring: 2 }]);
});

test('whoever asks for somebody for ever puts a turn off by ten minutes, and the next one anew', () => {
  const list = new WantedList<string>();
  list.add('a', 'A', 0);
  const asked: number[] = [];
  for (let now = 0; now < 2 * 60 * M; now += 30 * S) {
    list.postpone(() => now + 2 * M);
    if (list.takeDue(now, 28).length > 0) asked.push(now);
  }
  expect(asked).toEqual([10 * M, 20.5 * M, 32.5 * M, 102.5 * M]);
});

test('one more is asked out of turn when somebody new may know, and later turns stay as they were', () => {
  const list = new WantedList<string>();
  list.add('a', 'A', 0);
  list.takeDue(0, 28);
  list.hasten(16 * S);
  list.hasten(17 * S);
  expect(list.nextAt()).toBe(16 * S);
  expect(list.takeDue(16 * S, 28)).toEqual([{ value: 'A', ring: 2 }]);
  expect(list.nextAt()).toBe(30 * S);
  expect(list.takeDue(30 * S, 28)).toEqual([{ value: 'A', ring: 5 }]);
});

test('out of turn, the same one is asked for once in 15 s', () => {
  const list = new WantedList<string>();
  list.add('a', 'A', 0);
  list.takeDue(0, 28);
  list.hasten(1 * S);
  expect(list.nextAt()).toBe(15 * S);
});

test('one that waits for its first turn, since another asks, is asked for as near as in that turn', () => {
  const list = new WantedList<string>();
  list.add('a', 'A', 0);
  list.postpone(() => 120 * S);
  list.hasten(1 * S);
  expect(list.takeDue(15 * S, 28)).toEqual([{ value: 'A', ring: 2 }]);
  expect(list.nextAt()).toBe(120 * S);
});

test('one that is found and wanted again is not asked for from the beginning', () => {
  const list = new WantedList<string>();
  list.add('a', 'A', 0);
  for (const at of [0, 30 * S, 150 * S]) list.takeDue(at, 28);
  list.remove('a');
  list.add('a', 'A', 200 * S);
  expect(list.nextAt()).toBe(150 * S + 900 * S);
  list.remove('a');
  list.add('a', 'A', 5 * 3600 * S);
  expect(list.nextAt()).toBe(5 * 3600 * S);
});
