/** Who may take how much of the channel: docs/protocol/mesh.md, "Budget". */
import { describe, expect, test } from 'vitest';
import { nodeIdFrom } from '../../src/identity/node-id.ts';
import { ChannelShares, type Crowd, ONE_NODE } from '../../src/mesh/channel-shares.ts';
import { Earshot } from '../../src/mesh/earshot.ts';
import { Simulation } from '../simulation.ts';

const MINUTE = 60_000;
const ROUNDING = 1e-9;
const nodes = (n: number) => n * ONE_NODE;
const idOf = (i: number) => nodeIdFrom(new Uint8Array(16).fill(i));
const UNLIMITED = nodes(1);

/** One box, and the others that it hears, which have said so much. */
function scene({ isLinked = true, legalCrowd = UNLIMITED, before = 0 } = {}) {
  const clock = new Simulation();
  const earshot = new Earshot(() => false);
  const shares = new ChannelShares({
    sharing: () => earshot.filling(clock.monotonic()),
    isLinked: () => isLinked,
    ...{ legalCrowd, before, clock },
  });
  const hear = (...crowds: readonly Partial<Crowd>[]) => {
    for (const [i, { here = 0, around = here }] of crowds.entries())
      earshot.note({ nodeId: idOf(i), at: clock.monotonic(), crowd: { here, around } });
  };
  return { clock, hear, shares };
}
const silent = (n: number) => Array.from({ length: n }, () => ({}));

describe('a box', () => {
  test('that hears nobody has all of it', () => {
    expect(scene().shares.crowd).toEqual({ here: nodes(1), around: nodes(1) });
  });
  test('shares it equally with all that it hears, as far as they have said nothing', () => {
    const { hear, shares } = scene();
    hear(...silent(3));
    expect(shares.crowd).toEqual({ here: nodes(4), around: nodes(4) });
  });
  test('takes no more than is left to it at the fullest place in earshot', () => {
    const { hear, shares } = scene();
    hear({ here: nodes(2) }, { here: nodes(18) }, { here: nodes(5) });
    expect(shares.crowd.around).toBe(nodes(18));
  });
  test('says more of its place where others take less than they may there', () => {
    const { hear, shares } = scene();
    // three of four are held back to an eighth elsewhere, this one by them to a quarter: three eighths are left to the fourth
    hear(...Array.from({ length: 3 }, () => ({ around: nodes(8) })), { around: nodes(2) });
    expect(shares.crowd.here).toBe(Math.ceil(nodes(1) / (3 / 8)));
  });
  test('takes no more than twice the least share that it hears of', () => {
    const { hear, shares } = scene();
    hear({ here: nodes(3), around: nodes(20) }, ...silent(2));
    expect(shares.crowd.around).toBe(nodes(10));
  });
  test('does not take those for held back who have only not heard yet that they may take more', async () => {
    const { clock, hear, shares } = scene();
    const most = Array.from({ length: 7 }, () => ({ around: nodes(12) }));
    hear(...most, ...silent(4));
    for (let m = 0; m < 120; m += 20) {
      expect(shares.say().here).toBe(nodes(12));
      await clock.run(20 * MINUTE);
      hear(...most);
    }
    await clock.run(MINUTE);
    expect(shares.say().here).toBe(nodes(8));
    expect(shares.say().here).toBe(nodes(8));
  });
  test('that was started again begins with the share it had, which grows by an eighth every quarter of an hour', async () => {
    const { clock, shares } = scene({ before: nodes(9) });
    const said: number[] = [];
    for (let m = 0; m <= 60; m += 5) {
      if (shares.say().around !== said.at(-1)) said.push(shares.crowd.around);
      await clock.run(5 * MINUTE);
    }
    expect(said).toEqual([72, 63, 55, 48, 42]);
  });
  test('has no more than the law leaves it, and says so', () => {
    const { hear, shares } = scene({ legalCrowd: nodes(12) - 0.5 });
    hear(...silent(3));
    expect(shares.crowd).toEqual({ here: Math.ceil(nodes(3) / (1 - 1 / 12)), around: nodes(12) });
  });
});

describe('a liar', () => {
  test('that is linked silences nobody: its place is as full as with 32 boxes at most', () => {
    const { hear, shares } = scene();
    hear({ here: 255 });
    expect(shares.crowd.around).toBe(255);
  });
  test('that is not linked is believed no more than twice those heard here, and 4', () => {
    const { hear, shares } = scene({ isLinked: false });
    hear({ here: nodes(2) }, { here: nodes(18) });
    expect(shares.crowd.around).toBe(nodes(8));
    hear({ here: nodes(2) }, { here: nodes(7) });
    expect(shares.crowd.around).toBe(nodes(7));
  });
  test('that says to take nothing leaves its neighbours its own share, and a sixteenth to whoever hears it', () => {
    const { hear, shares } = scene();
    hear({ around: 255 }, ...silent(3));
    expect(shares.crowd.around).toBe(128);
    // to the three that do not: all but what these two take
    expect(shares.crowd.here).toBe(Math.ceil(nodes(3) / (1 - 1 / 16 - 8 / 255)));
  });
  test('that is not linked slows nobody so either', () => {
    const { hear, shares } = scene({ isLinked: false });
    hear({ around: 255 }, ...silent(3));
    expect(shares.crowd.around).toBe(nodes(12));
  });
});

describe('boxes in a row of places', () => {
  const ALL_OF_FIRST_TWO = 20;
  /** Ten boxes at each of the first two places, then so many at each of three: each hears its place and those beside. */
  async function settled(perPlace: number, isUp: (i: number) => boolean = () => true) {
    const places = [
      ...Array.from({ length: ALL_OF_FIRST_TWO }, (_, i) => i % 2),
      ...[2, 3, 4].flatMap((p) => Array<number>(perPlace).fill(p)),
    ];
    const hears = (a: number, b: number) => a !== b && Math.abs((places[a] ?? 0) - (places[b] ?? 0)) <= 1;
    const all = places.map((_, i) => i);
    const clock = new Simulation();
    const boxes = all.map(() => {
      const earshot = new Earshot(() => false);
      const sharing = () => earshot.filling(clock.monotonic());
      return {
        earshot,
        shares: new ChannelShares({ sharing, isLinked: () => true, legalCrowd: UNLIMITED, before: 0, clock }),
      };
    });
    const loads = () => {
      const up = all.filter(isUp);
      const taken = (i: number) => ONE_NODE / (boxes[i]?.shares.crowd.around ?? 0);
      return up.map((s) => up.filter((i) => i === s || hears(s, i)).reduce((sum, i) => sum + taken(i), 0));
    };
    const run = async (minutes: number) => {
      let most = 0;
      for (let m = 0; m < minutes; m++) {
        await clock.run(MINUTE);
        for (const i of all.filter((k) => isUp(k) && (m + 7 * k) % 20 === 0)) {
          const crowd = boxes[i]?.shares.say();
          for (const k of all.filter((to) => isUp(to) && hears(i, to)))
            boxes[k]?.earshot.note({ nodeId: idOf(i), at: clock.monotonic(), ...(crowd ? { crowd } : {}) });
        }
        if (m >= 40) most = Math.max(most, ...loads());
      }
      return { most, loads: loads() };
    };
    return run;
  }

  test('fill no place beyond what it holds, and those beside the fullest as well as these', async () => {
    const { loads, most } = await (await settled(4))(12 * 60);
    expect(Math.max(...loads)).toBeLessThanOrEqual(1 + ROUNDING);
    // until what is left at one place is known at the next
    expect(most).toBeLessThan(1.15);
    // were each share an equal one of the fullest place in earshot, the fourth would be filled to less than half
    expect(loads[ALL_OF_FIRST_TWO + 4]).toBeGreaterThan(0.95);
  });
  test('do not overfill one while they take over what others have left', async () => {
    let gone = false;
    const run = await settled(1, (i) => !gone || i < 2 || i >= 10);
    await run(12 * 60);
    gone = true;
    const { loads, most } = await run(12 * 60);
    // between what one says and what others make of it lie 20 minutes
    expect(most).toBeLessThanOrEqual(1.05);
    expect(Math.max(...loads)).toBeGreaterThan(0.9);
  });
});
