/** docs/protocol/mesh.md, "Budget": what waits for it. */
import { describe, expect, test } from 'vitest';
import { Counters } from '../../src/core/counters.ts';
import { BudgetLine, type Waiting } from '../../src/mesh/budget-line.ts';
import { RoutingBudget } from '../../src/mesh/routing-budget.ts';
import { Simulation } from '../simulation.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
/** ms on air in an hour for one with five neighbours; strangers' needs have the upper half. */
const HOURLY = 14_400;

/** A line before a budget of which so much is spent. */
function scene(spent = HOURLY) {
  const clock = new Simulation();
  const budget = new RoutingBudget({
    clock,
    sharers: () => 6,
    hasNews: () => false,
    legalMs: undefined,
    isRestart: false,
  });
  const counters = new Counters();
  const line = new BudgetLine(budget, clock, counters);
  budget.take(spent, true);
  const gone: string[] = [];
  const dropped: string[] = [];
  const add = (key: string, ms: number | (() => number | undefined), how: 'trusted' | Waiting['need']) =>
    line.add(key, {
      ...{ trusted: how === 'trusted', need: how === 'trusted' ? 'other' : how },
      price: typeof ms === 'function' ? ms : () => ms,
      go: () => gone.push(key),
      dropped: () => dropped.push(key),
    });
  return { clock, line, counters, add, gone, dropped };
}

describe('what the budget has room for', () => {
  test('goes at once', () => {
    const { add, gone } = scene(0);
    add('a', 1_000, 'other');
    expect(gone).toEqual(['a']);
  });
});

describe('what it has no room for', () => {
  test('waits until it has, an own need for the lower half, one of strangers for the upper', async () => {
    const { add, clock, gone } = scene();
    add('stranger', 1_440, 'other');
    add('own', 1_440, 'trusted');
    await clock.run(HOUR / 20);
    expect(gone).toEqual([]);
    await clock.run(HOUR / 10);
    expect(gone).toEqual(['own']);
    await clock.run(HOUR / 10);
    expect(gone).toEqual(['own']);
    await clock.run(HOUR / 2);
    expect(gone).toEqual(['own', 'stranger']);
  });

  test('goes in its turn: what somebody waits for first, then what is sought, and no short one overtakes a long one', async () => {
    const { add, clock, gone } = scene(HOURLY / 2);
    add('long', 1_200, 'other');
    add('short', 10, 'other');
    add('sought', 10, 'sought');
    add('longer', 400, 'now');
    add('soon after', 10, 'now');
    await clock.run(MINUTE);
    expect(gone).toEqual([]);
    await clock.run(2 * HOUR);
    expect(gone).toEqual(['longer', 'soon after', 'sought', 'long', 'short']);
  });

  test('is dropped where somebody waits for it now, after two minutes: whoever waits asks again', async () => {
    const { add, clock, dropped, gone } = scene();
    add('now', 1_440, 'now');
    add('sought', 1_440, 'sought');
    await clock.run(5 * MINUTE);
    expect(dropped).toEqual(['now']);
    await clock.run(2 * HOUR);
    expect([gone, dropped]).toEqual([['sought'], ['now']]);
  });

  test('is dropped where it has become of no use meanwhile, and takes nothing', async () => {
    const { add, clock, dropped, gone } = scene();
    let isOfUse = true;
    add('a', () => (isOfUse ? 1_000 : undefined), 'trusted');
    add('b', 1_000, 'trusted');
    isOfUse = false;
    await clock.run(HOUR);
    expect([gone, dropped]).toEqual([['b'], ['a']]);
  });

  test('is replaced by what comes under its key', async () => {
    const { add, clock, dropped, gone } = scene();
    add('a', 1_000, 'other');
    add('a', 500, 'trusted');
    expect(dropped).toEqual(['a']);
    await clock.run(HOUR);
    expect(gone).toEqual(['a']);
  });

  test('is refused, and counted, beyond 128 of its rank', () => {
    const { add, counters, dropped } = scene();
    for (let i = 0; i < 130; i++) add(`${i}`, 1_000, 'other');
    expect(dropped).toEqual(['128', '129']);
    expect(counters.get('mesh.line-full')).toBe(2);
  });

  test('is dropped when the box stops', () => {
    const { add, dropped, line } = scene();
    add('a', 1_000, 'other');
    line.stop();
    add('b', 1_000, 'other');
    expect(dropped).toEqual(['a', 'b']);
  });
});
