/** A small mesh for half a day, over real routes, by itself (the longer ones: `make scenarios`). */
import { expect, test } from 'vitest';
import { summary } from './letters.ts';
import { runMesh } from './mesh.ts';
import { EDGE_DB, meshOf, QUARTER_OFF } from './mesh-scenarios.ts';
import { randomTopology } from './topology.ts';

/** EU868's 10 % of an hour, ms. */
const ALLOWED_MS = 360_000;

test('twelve boxes, all up: every letter arrives once, every writer knows, the law and the budget hold', async () => {
  const outcome = await runMesh(
    {
      seed: 3,
      topology: (random) => randomTopology(random, { n: 12, degree: 4, edgeDb: EDGE_DB[7] }),
      spreadingFactor: 7,
      warmUp: 2,
      writing: 6,
      after: 1,
      perDay: 8,
    },
    () => performance.now(),
  );
  const { letters } = outcome;
  const said = summary(outcome);
  expect(letters.length, said).toBeGreaterThan(10);
  expect(Math.max(...letters.map((l) => l.hops)), said).toBeGreaterThan(2);
  for (const letter of letters) {
    expect(letter.copies, `${letter.text} (${said})`).toBe(1);
    expect(letter.receipted, `${letter.text} (${said})`).toBe(true);
  }
  expect(outcome.violations).toEqual([]);
  expect(outcome.busiestHourMs).toBeLessThanOrEqual(ALLOWED_MS);
  expect(Math.max(...outcome.routingShare), said).toBeLessThanOrEqual(0.03);
});

test('eight boxes of which a quarter is off: the same from the same seed, to the millisecond', async () => {
  const run = () =>
    runMesh(
      {
        ...meshOf({ n: 8, spreadingFactor: 7, seed: 5, oneWay: 0.1 }),
        ...{ warmUp: 1, writing: 3, after: 3, perDay: 16, churn: QUARTER_OFF },
      },
      () => 0,
    );
  const outcome = await run();
  const delivered = outcome.letters.filter((l) => l.deliveredAt !== undefined);
  expect(delivered.length, summary(outcome)).toBeGreaterThan(5);
  expect(outcome.violations).toEqual([]);
  expect(await run()).toEqual(outcome);
});
