/** Four boxes in a line, of which only neighbours hear each other: docs/protocol/mesh.md. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { contentKinds } from '../airtime.ts';
import { type Box, World } from '../world.ts';
import { MINUTE } from './messages.ts';

const T0 = 31 * MINUTE;
const NAMES = ['a', 'b', 'c', 'd'] as const;
type Name = (typeof NAMES)[number];

let world: World;
let boxes: Record<Name, Box>;
let ids: Record<Name, string>;

beforeEach(async () => {
  world = new World({ apart: true, seed: 'line' });
  const [a, b, c, d] = await world.boxes(...NAMES);
  boxes = { a, b, c, d };
  const id = (box: Box) => box.node.identity().nodeId;
  ids = { a: id(a), b: id(b), c: id(c), d: id(d) };
  world.join(a, b);
  world.join(b, c);
  world.join(c, d);
});
afterEach(() => world.end());

const route = (from: Name, to: Name) => boxes[from].node.routes().find((r) => r.nodeId === ids[to])?.next;
const nameOf = (nodeId: string | undefined) => NAMES.find((n) => ids[n] === nodeId);
const via = (from: Name, to: Name) => nameOf(route(from, to)?.via);
const others = (name: Name) => NAMES.filter((n) => n !== name);
const everybodyReaches = (reached: readonly Name[]) =>
  reached.every((to) => NAMES.filter((n) => boxes[n].on && n !== to).every((from) => route(from, to)));

/** Follows next hops from box to box; throws where they lead nowhere or in a circle. */
function path(from: Name, to: Name): Name[] {
  const hops = [from];
  while (hops.at(-1) !== to) {
    const next = via(hops.at(-1) as Name, to);
    if (!next || hops.includes(next)) throw new Error(`${hops.join(' ')} and then ${next}`);
    hops.push(next);
  }
  return hops;
}

describe('routes', () => {
  test('form by themselves within T0 of the boot, each along the line', async () => {
    await world.sim.until(() => everybodyReaches(NAMES), 1.2 * T0, 'all routes');
    expect(path('a', 'd')).toEqual(['a', 'b', 'c', 'd']);
    expect(path('d', 'a')).toEqual(['d', 'c', 'b', 'a']);
    expect(route('a', 'd')).toMatchObject({ hops: 3 });
    const cost = (from: Name, to: Name) => route(from, to)?.airtimeMs ?? 0;
    const hops = cost('a', 'b') + cost('b', 'c') + cost('c', 'd');
    expect(cost('a', 'd') / hops).toBeGreaterThan(0.8);
    expect(cost('a', 'd') / hops).toBeLessThan(1.25);
  });

  test('stay, without a loop at any time, for hours, and cost less than the budget', async () => {
    const spent = contentKinds(world.air);
    await world.sim.run(2 * T0);
    const before = spent.total;
    for (let hour = 0; hour < 6; hour++) {
      await world.sim.run(60 * MINUTE);
      for (const from of NAMES) for (const to of others(from)) path(from, to);
    }
    // what any box hears is at most what all of them send
    expect((spent.total - before) / (6 * 60 * MINUTE)).toBeLessThan(0.03);
    expect(spent.share('beacon') + spent.share('shared')).toBeGreaterThan(0.5);
  });

  test('of a box that has died are said on for three T0, and then taken back all along the line', async () => {
    await world.sim.until(() => everybodyReaches(NAMES), 2 * T0, 'all routes');
    boxes.c.pullThePlug();
    await world.sim.until(() => !route('b', 'd'), 1.6 * T0, 'the loss next to it');
    await world.sim.run(T0);
    expect([via('a', 'c'), via('a', 'd')]).toEqual(['b', 'b']);
    await world.sim.until(() => !route('a', 'd') && !route('a', 'c'), 2 * T0, 'the loss');
    expect(via('a', 'b')).toBe('b');
    await world.settle(boxes.c.start());
    // it does not know that what it said before is forgotten, and says it when it is due
    await world.sim.until(() => everybodyReaches(NAMES), 2.2 * T0, 'all routes again');
    expect(path('a', 'd')).toEqual(['a', 'b', 'c', 'd']);
  });

  test('lead around, once there is a way around', async () => {
    await world.sim.until(() => everybodyReaches(NAMES), 2 * T0, 'all routes');
    world.join(boxes.a, boxes.d);
    await world.sim.until(() => via('a', 'd') === 'd', T0, 'the new link');
    world.part(boxes.b, boxes.c);
    // each must have said its next step: what was said under the one before was better
    await world.sim.until(() => via('b', 'c') === 'a' && via('c', 'b') === 'd', 12 * T0, 'the way around');
    expect(path('b', 'c')).toEqual(['b', 'a', 'd', 'c']);
  });
});

describe('a solicit', () => {
  test('finds somebody three hops away within a minute, before any digest has', async () => {
    const { a, d } = boxes;
    await world.settle(a.node.addContact('d', d.contact));
    const linked = (n: Name) => boxes[n].node.neighbours().filter((x) => x.linked).length;
    await world.sim.until(() => linked('b') === 2 && linked('c') === 2, 5 * MINUTE, 'links');
    expect(route('a', 'd')).toBeUndefined();
    await world.settle(a.node.send('d', 'Where are you?'));
    await world.sim.until(() => route('a', 'd') !== undefined, MINUTE, 'the answer');
    expect(path('a', 'd')).toEqual(['a', 'b', 'c', 'd']);
  });
});

describe('a reboot', () => {
  test('keeps announces and feasibility distances, so that nothing is asked for again', async () => {
    await world.sim.until(() => everybodyReaches(NAMES), 2 * T0, 'all routes');
    await world.settle(boxes.b.stop());
    await world.settle(boxes.b.start());
    expect(
      boxes.b.node
        .routes()
        .map((r) => nameOf(r.nodeId))
        .sort(),
    ).toEqual(['a', 'c', 'd']);
    const spent = contentKinds(world.air);
    await world.sim.until(() => everybodyReaches(NAMES), 1.5 * T0, 'all routes again');
    expect(spent.frames('announce')).toBe(1); // its own
  });
});
