/** docs/protocol/mesh.md, "Beacon": signs of life. */
import { describe, expect, test } from 'vitest';
import { nodeIdFrom, nodeIdKey } from '../../src/identity/node-id.ts';
import { UNSAID } from '../../src/mesh/channel-shares.ts';
import { Earshot } from '../../src/mesh/earshot.ts';

const MINUTE = 60_000;
const nodeId = nodeIdFrom(new Uint8Array(16).fill(7));
const key = nodeIdKey(nodeId);

/** One neighbour, heard at 0. */
function scene() {
  const earshot = new Earshot(() => false);
  earshot.note({ nodeId, at: 0, expectedBytes: 23, crowd: { here: 40, around: 48 } });
  const misses = (n: number) => {
    for (let i = 0; i < n; i++) earshot.missed(nodeId);
  };
  return { earshot, misses };
}

describe('a node fills the channel', () => {
  /** Heard so many times, every so many minutes: for so many minutes after the last one. */
  function filledFor(everyMinutes: number, times: number) {
    const earshot = new Earshot(() => false);
    for (let i = 0; i < times; i++) earshot.note({ nodeId, at: i * everyMinutes * MINUTE });
    const last = (times - 1) * everyMinutes * MINUTE;
    let minutes = 0;
    while (earshot.filling(last + minutes * MINUTE).length > 0) minutes++;
    return minutes;
  }

  test('for two hours, where it was heard once, up or not', () => {
    const { earshot } = scene();
    expect([119, 121].map((m) => earshot.filling(m * MINUTE).length)).toEqual([1, 0]);
    expect(earshot.up(119 * MINUTE)).toEqual([]);
  });
  test('until it is down, where it is heard often', () => {
    expect(filledFor(5, 8)).toBe(33);
  });
  test('for three times as long as it is silent as a rule, where it is heard now and then only', () => {
    expect(filledFor(75, 8)).toBe(241);
  });
  test('for six hours at most', () => {
    expect(filledFor(300, 8)).toBe(361);
  });
});

describe('a neighbour', () => {
  test('is up for three expected signs of life', () => {
    const { earshot } = scene();
    expect([31, 33].map((m) => earshot.isUp(key, m * MINUTE))).toEqual([true, false]);
  });
  test('is down after six tries without an answer, and up again at its next sign of life, which is news', () => {
    const { earshot, misses } = scene();
    misses(5);
    expect(earshot.isUp(key, 1)).toBe(true);
    misses(1);
    expect(earshot.isUp(key, 1)).toBe(false);
    expect(earshot.up(1)).toEqual([]);
    expect(earshot.note({ nodeId, at: MINUTE })).toBe(true);
    expect(earshot.isUp(key, MINUTE)).toBe(true);
  });
  test('is not down where signs of life came between the tries', () => {
    const { earshot, misses } = scene();
    misses(5);
    expect(earshot.note({ nodeId, at: MINUTE })).toBe(false);
    misses(5);
    expect(earshot.isUp(key, MINUTE)).toBe(true);
  });
  test('says how full the channel is, which holds until it says something else', () => {
    const { earshot } = scene();
    earshot.note({ nodeId, at: MINUTE });
    expect(earshot.get(key)?.crowd).toEqual({ here: 40, around: 48 });
    earshot.note({ nodeId, at: MINUTE, crowd: UNSAID });
    expect(earshot.get(key)?.crowd).toEqual(UNSAID);
  });
  test('has its link measured by what it left unanswered while it was heard, not while it was off', () => {
    const { earshot, misses } = scene();
    const meter = earshot.get(key)?.meter;
    meter?.exchanged({ asked: 2, answered: 0, answeredBytes: 0 });
    misses(2);
    earshot.note({ nodeId, at: 10 * MINUTE });
    const known = meter?.etx ?? 0;
    expect(known).toBeGreaterThan(1.2);
    meter?.exchanged({ asked: 8, answered: 0, answeredBytes: 0 });
    expect(meter?.etx).toBeGreaterThan(known);
    earshot.note({ nodeId, at: 100 * MINUTE });
    expect(meter?.etx).toBe(known);
  });
});
