/** docs/protocol/mesh.md, "Budget". */
import { expect, test } from 'vitest';
import { RoutingBudget, StrangerBudget } from '../../src/mesh/routing-budget.ts';
import { Simulation } from '../simulation.ts';

const HOUR = 3_600_000;
const budget = (sharers: number, legalMs?: number, hasNews = false, isRestart = false) => {
  const clock = new Simulation();
  const made = new RoutingBudget({
    ...{ clock, legalMs, isRestart },
    sharers: () => sharers,
    hasNews: () => hasNews,
  });
  /** Frames of 10 ms until it says no. */
  const spend = (trusted: boolean) => {
    let ms = 0;
    while (made.take(10, trusted)) ms += 10;
    return ms;
  };
  const digests = () => {
    let ms = 0;
    while (made.takeForDigest(10)) ms += 10;
    return ms;
  };
  const links = () => {
    let ms = 0;
    while (made.takeForLink(10, false)) ms += 10;
    return ms;
  };
  return { clock, made, spend, digests, links };
};

test.each([
  [1, undefined, 0.024],
  [9, undefined, 0.024 / 9],
  [9, 360_000, 0.024 / 9],
  [1, 360_000, 0.02],
  [9, 36_000, 0.002],
])(
  'among %i that share the channel, and with a law of %s ms an hour, it is %d',
  (sharers, legalMs, share) => {
    expect(budget(sharers, legalMs).made.share).toBeCloseTo(share, 6);
  },
);

/** Of an hour's. */
const part = (of: number) => Math.round(of * 14_400);

test('is an hour deep, and comes back within an hour', async () => {
  const { clock, spend } = budget(6);
  expect(spend(true)).toBe(part(1));
  await clock.run(HOUR / 2);
  expect(spend(true)).toBe(part(0.5));
  await clock.run(5 * HOUR);
  expect(spend(true)).toBe(part(1));
});

test('is three quarters full after a restart: however often a box is started, it does not speak more', () => {
  const { spend } = budget(6, undefined, false, true);
  expect(spend(false)).toBe(part(0.25));
  expect(spend(true)).toBe(part(0.5));
});

test('half of it is out of the reach of strangers, none of it of trusted peers', () => {
  const { spend } = budget(6);
  expect(spend(false)).toBe(part(0.5));
  expect(spend(false)).toBe(0);
  expect(spend(true)).toBe(part(0.5));
});

test('strangers who take all they get leave the trusted their half at any time', async () => {
  const { clock, spend } = budget(6);
  for (let i = 0; i < 10; i++) {
    spend(false);
    await clock.run(HOUR / 10);
  }
  expect(spend(true)).toBeGreaterThanOrEqual(part(0.5));
});

test('links have a quarter of it, whatever strangers have taken, and come before them', async () => {
  const { clock, links, spend } = budget(6);
  expect(spend(false)).toBe(part(0.5));
  expect(links()).toBe(part(0.25));
  await clock.run(HOUR / 5);
  expect(spend(false)).toBe(0);
  expect(links()).toBe(part(0.05));
});

test('links with a crowd of made-up neighbours leave the trusted a quarter at any time', async () => {
  const { clock, links, spend } = budget(6);
  for (let i = 0; i < 10; i++) {
    links();
    spend(false);
    await clock.run(HOUR / 10);
  }
  expect(spend(true)).toBeGreaterThanOrEqual(part(0.25));
});

test('a link that takes more than its part goes when none has for an hour', async () => {
  const { clock, made } = budget(6);
  expect(made.take(part(0.5), false)).toBe(true);
  expect(made.takeForLink(part(0.3), false)).toBe(true);
  await clock.run(HOUR);
  expect(made.takeForLink(part(0.3), false)).toBe(true);
  expect(made.takeForLink(part(0.3), false)).toBe(false);
});

test('digests get four tenths of it, so that the rest is there for whoever looks for a route', async () => {
  const { clock, digests, made, spend } = budget(6);
  expect(made.take(part(0.2), true)).toBe(true);
  expect(digests()).toBe(part(0.4));
  expect(spend(true)).toBe(part(0.4));
  await clock.run(HOUR / 2);
  expect(digests()).toBe(part(0.2));
  expect(spend(true)).toBe(part(0.3));
});

test('digests get two tenths of it while there are announces to be passed on', () => {
  const { digests, made, spend } = budget(6, undefined, true);
  expect(made.digestPart).toBe(0.2);
  expect(made.take(part(0.2), true)).toBe(true);
  expect(digests()).toBe(part(0.2));
  expect(spend(true)).toBe(part(0.6));
});

test('digests also get what nobody else has asked for: beyond nine tenths of an hour it would be lost', () => {
  const { digests, spend } = budget(6);
  expect(digests()).toBeCloseTo(part(0.5), -2);
  expect(spend(true)).toBeCloseTo(part(0.5), -2);
});

test('keeps room for the next digest, however much else there is to say', async () => {
  const { clock, made, spend } = budget(6);
  expect(made.takeForDigest(1_500)).toBe(true);
  spend(true);
  expect(made.takeForDigest(1_500)).toBe(true);
  expect(made.takeForDigest(1_500)).toBe(false);
  for (let i = 0; i < 60; i++) {
    spend(true);
    await clock.run(HOUR / 60);
  }
  expect(made.takeForDigest(1_500)).toBe(true);
});

test('what tries took beyond what was paid is owed, an hour of it at most', async () => {
  const { clock, made, spend } = budget(6);
  made.owe(5_000);
  expect(spend(true)).toBe(part(1) - 5_000);
  made.owe(100_000);
  await clock.run(HOUR);
  expect(spend(true)).toBe(0);
  await clock.run(HOUR / 2);
  expect(spend(true)).toBe(part(0.5));
});

test('an hour of it may be owed and no more; one handshake longer than that, where nothing is', async () => {
  const { clock, made } = budget(6);
  made.owe(part(1.5));
  expect([made.mayOwe(part(0.5)), made.mayOwe(part(0.5) + 1)]).toEqual([true, false]);
  made.owe(part(0.5));
  expect(made.mayOwe(1)).toBe(false);
  await clock.run(HOUR / 2);
  expect([made.mayOwe(part(0.5)), made.mayOwe(part(0.6))]).toEqual([true, false]);
  await clock.run(HOUR / 2);
  expect(made.mayOwe(part(3))).toBe(true);
});

test('a frame longer than all there is goes when nothing else has', async () => {
  const { clock, made } = budget(9, 1800);
  expect(made.take(500, true)).toBe(true);
  expect(made.take(10, true)).toBe(false);
  await clock.run(2 * HOUR);
  expect(made.take(500, true)).toBe(true);
});

test('the handshakes of strangers are answered with 2 % of what the law allows', async () => {
  const clock = new Simulation();
  const strangers = new StrangerBudget(clock, 360_000);
  const spend = () => {
    let n = 0;
    while (strangers.take(600)) n++;
    return n;
  };
  expect(spend()).toBe(12); // 7.2 s
  await clock.run(HOUR);
  expect(spend()).toBe(12);
  const poor = new StrangerBudget(clock, 3600);
  expect([1, 2, 3, 4, 5].map(() => poor.take(600))).toEqual([true, true, true, true, false]);
});

test('says how long it takes until there is room', async () => {
  const { clock, made, spend } = budget(6);
  expect(made.waitMs(36_000, true)).toBe(0);
  spend(true);
  expect(made.waitMs(part(0.1), true)).toBeCloseTo(HOUR / 10, 3);
  expect(made.waitMs(part(0.1), false)).toBeCloseTo(0.6 * HOUR, 3);
  await clock.run(0.59 * HOUR);
  expect(made.take(part(0.1), false)).toBe(false);
  await clock.run(0.02 * HOUR);
  expect(made.take(part(0.1), false)).toBe(true);
});

test('is ample while next to nothing of it is spent', () => {
  const { made } = budget(6);
  expect(made.isAmple).toBe(true);
  made.take(2_000, true);
  expect(made.isAmple).toBe(false);
});

test('a digest that goes by wires only takes nothing, whatever is owed', () => {
  const { made } = budget(1);
  made.owe(HOUR);
  expect([made.takeForDigest(1), made.takeForDigest(0)]).toEqual([false, true]);
});
