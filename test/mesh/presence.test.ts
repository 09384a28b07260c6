/** What a box says of itself: docs/protocol/mesh.md, "Beacon". */
import { afterEach, describe, expect, test } from 'vitest';
import { SeededRandom } from '../../src/core/random.ts';
import { KIND } from '../../src/link/frame.ts';
import type { Medium } from '../../src/link/medium.ts';
import { decodeAnnounce } from '../../src/mesh/announce.ts';
import { BEACON_LENGTH, decodeBeacon } from '../../src/mesh/beacon.ts';
import {
  chainSecretOf,
  OwnChain,
  OwnFreshness,
  orderOf,
  ProvenChain,
  RENEWED_AT,
} from '../../src/mesh/freshness.ts';
import { PacedLink } from '../../src/mesh/paced-link.ts';
import { answeredWithin, answerSpread, Presence } from '../../src/mesh/presence.ts';
import { RoutingBudget } from '../../src/mesh/routing-budget.ts';
import { Stations } from '../link/stations.ts';

const MINUTE = 60_000;
let presence: Presence | undefined;
afterEach(() => presence?.stop());

/** A station that says nothing but what its presence does; it has been started `starts` times before. */
async function scene({ starts = 1, hasLinks = false, seed = 1 } = {}) {
  const stations = new Stations('presence');
  const station = await stations.station('a');
  const { identity, link } = station;
  const { sim } = stations;
  let position = starts;
  const freshness = new OwnFreshness({
    nodeId: identity.nodeId,
    chainSecret: chainSecretOf(new Uint8Array(32).fill(1)),
    nextPosition: () => position++,
    skipTo: async () => {},
  });
  const budget = new RoutingBudget({
    clock: sim,
    sharers: () => 1,
    hasNews: () => false,
    legalMs: undefined,
    isRestart: false,
  });
  const said = { at: Number.NEGATIVE_INFINITY };
  const made = new Presence({
    ...{ identity, freshness, media: link.media, clock: sim, random: new SeededRandom(`presence ${seed}`) },
    paced: new PacedLink({ link, budget, clock: sim, isUp: () => true, counters: station.counters }),
    hasLinks: () => hasLinks,
    mailboxes: () => [],
    capabilities: 0,
    shares: { say: () => ({ here: 96, around: 104 }) },
    t0: () => 30 * MINUTE,
    saidAt: () => said.at,
    load: () => 0,
  });
  presence = made;
  const beacons = () =>
    stations.sent(station, KIND.beacon).map((f) => ({ at: f.startedAt, beacon: decodeBeacon(f.bytes) }));
  const announces = () => stations.sent(station, KIND.announce).map((f) => decodeAnnounce(f.bytes));
  /** What a neighbour knows at the end of the first chain. */
  const known = () => {
    const chain = new OwnChain(identity.nodeId, chainSecretOf(new Uint8Array(32).fill(1)), 1n);
    const proven = new ProvenChain(identity.nodeId, 1n, chain.step(0));
    proven.resume(orderOf(1n, RENEWED_AT - 1), chain.step(RENEWED_AT - 1));
    return proven;
  };
  const [{ name: medium }] = link.media as [Medium];
  const spread = answerSpread(link.airtime(BEACON_LENGTH) ?? 0);
  return { sim, presence: made, freshness, said, beacons, announces, known, medium, spread, budget };
}

describe('the first beacon', () => {
  test.each([
    ['booted', false],
    ['resumed', true],
  ] as const)('says %s where links were kept: %s', async (how, hasLinks) => {
    const { beacons, freshness, presence, sim } = await scene({ hasLinks });
    presence.start();
    await sim.run(4_000);
    expect(beacons().map(({ beacon }) => beacon?.started)).toEqual([{ how, step: freshness.value }]);
    expect(beacons().map(({ beacon }) => beacon?.crowd)).toEqual([{ here: 96, around: 104 }]);
  });

  test('of the first start ever says neither: its announce does', async () => {
    const { beacons, presence, sim } = await scene({ starts: 0 });
    presence.start();
    await sim.run(30_000);
    expect(beacons().map(({ beacon }) => beacon?.started)).toEqual([undefined]);
  });
});

describe('a start that falls on the first step of a later chain', () => {
  test.each([
    ['resumed', true],
    ['booted', false],
  ] as const)(
    'says %s where links were kept: %s, and proves it to who knows the chain before',
    async (how, hasLinks) => {
      const { announces, beacons, known, presence, sim } = await scene({ starts: RENEWED_AT, hasLinks });
      presence.start();
      await sim.run(4_000);
      const started = beacons()[0]?.beacon?.started;
      expect(started?.how).toBe(how);
      expect(known().prove(started?.step as Uint8Array, 256)).toBe(orderOf(1n, RENEWED_AT));
      // "booted" would end the sessions that were kept
      expect(announces()).toMatchObject([{ sequence: 2n, booted: !hasLinks }]);
    },
  );
});

test('an announce that is issued while the box runs says nothing of a boot, however long ago that was', async () => {
  const { announces, freshness, medium, presence, sim } = await scene({ starts: 0 });
  presence.start();
  await sim.run(4_000);
  for (let i = 0; i < RENEWED_AT; i++) freshness.advance();
  presence.announce(medium);
  await sim.run(4_000);
  expect(announces()).toMatchObject([
    { sequence: 1n, booted: true },
    { sequence: 2n, booted: false },
  ]);
});

describe('an answer to who is back with its links', () => {
  test('is one beacon within 48 of its airtimes, or 3 s, however many are back', async () => {
    const { beacons, medium, presence, sim, spread } = await scene();
    expect([answerSpread(400), answerSpread(50)]).toEqual([19_200, 3_000]);
    for (let i = 0; i < 3; i++) presence.answerReturn(medium);
    await sim.run(spread + 100);
    expect(beacons()).toMatchObject([{ beacon: { started: undefined } }]);
    expect(spread + 100).toBeLessThan(answeredWithin(0));
    presence.answerReturn(medium);
    await sim.run(spread + 100);
    expect(beacons()).toHaveLength(2);
  });

  test('is not given where a digest has said meanwhile that the box is up', async () => {
    const { beacons, medium, presence, said, sim, spread } = await scene();
    presence.answerReturn(medium);
    await sim.run(1);
    said.at = sim.monotonic();
    await sim.run(spread + 100);
    expect(beacons()).toHaveLength(0);
  });

  test('is not given where its own first beacon has', async () => {
    const orders: string[] = [];
    for (let seed = 0; seed < 8; seed++) {
      const { beacons, medium, presence, sim, spread } = await scene({ hasLinks: true, seed });
      presence.start();
      presence.answerReturn(medium);
      await sim.run(spread + 2_000);
      orders.push(
        beacons()
          .map(({ beacon }) => beacon?.started?.how ?? 'answer')
          .join(),
      );
      presence.stop();
    }
    expect(new Set(orders)).toEqual(new Set(['resumed', 'answer,resumed']));
  });

  test('stands for a beacon that is due', async () => {
    const { beacons, medium, presence, sim } = await scene();
    presence.start();
    await sim.run(20 * MINUTE);
    const before = beacons().length;
    const last = beacons().at(-1)?.at ?? 0;
    // beacons go every 10 min ± 10 %
    await sim.run(last + 8 * MINUTE - sim.monotonic());
    presence.answerReturn(medium);
    await sim.run(9 * MINUTE);
    expect(beacons().length - before).toBe(1);
  });

  test('is left out where the half of the budget that is not its own is spent', async () => {
    const { beacons, budget, medium, presence, sim, spread } = await scene();
    while (budget.take(10, false));
    presence.answerReturn(medium);
    await sim.run(spread + 100);
    expect(beacons()).toHaveLength(0);
    expect(budget.take(1_000, true)).toBe(true);
  });

  test('is nobody’s on a medium that it does not have', async () => {
    const { beacons, presence, sim, spread } = await scene();
    presence.answerReturn('lan');
    await sim.run(spread + 100);
    expect(beacons()).toHaveLength(0);
  });
});
