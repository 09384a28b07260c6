/** docs/protocol/mesh.md, "Next hop". */
import fc from 'fast-check';
import { beforeEach, describe, expect, test } from 'vitest';
import type { Distance } from '../../src/mesh/feasibility.ts';
import {
  type LinkCost,
  metricOf,
  OWN_COST,
  type PathCost,
  type Policy,
  RETRACTED,
} from '../../src/mesh/metric.ts';
import { RouteTable } from '../../src/mesh/route-table.ts';

const D = 'destination';
let links: Map<string, LinkCost>;
/** Of those that are down. */
let lastLinks: Map<string, LinkCost>;
let distance: Distance | undefined;
let table: RouteTable;

beforeEach(() => {
  links = new Map(['a', 'b', 'c'].map((via) => [via, { ms: 100, bandwidth: 5000 }]));
  lastLinks = new Map();
  distance = undefined;
  table = new RouteTable({
    linkCost: ({ via }) => links.get(via),
    lastCost: ({ via }) => lastLinks.get(via),
    distance: () => distance,
  });
});

const say = (
  via: string,
  ms: number,
  options: Partial<PathCost> & { order?: number; expiresAt?: number } = {},
) => {
  const { order = 1, expiresAt = 1000, ...cost } = options;
  table.update(D, { via, cost: { ...OWN_COST, metric: metricOf(ms), hops: 1, ...cost }, order, expiresAt });
};
const usable = (minBandwidth = 0, now = 0) => table.usable(D, now, minBandwidth).map((u) => u.route.via);

describe('which routes may be used', () => {
  test('several are kept, the fastest first', () => {
    say('a', 900);
    say('b', 300);
    say('c', 600);
    expect(usable()).toEqual(['b', 'c', 'a']);
  });

  test('by what the object asks for: the fastest, the cheaper of those nearly as fast, or of those half as fast', () => {
    say('a', 1000, { price: 50 });
    say('b', 1080, { price: 30 });
    say('c', 1800, { price: 10 });
    const by = (policy: Policy) => table.usable(D, 0, 0, policy).map((u) => u.route.via);
    expect(by('fastest')).toEqual(['a', 'b', 'c']);
    expect(by('balanced')).toEqual(['b', 'a', 'c']);
    expect(by('cheapest')).toEqual(['c', 'b', 'a']);
  });

  test('not those that have expired, were retracted, or lead through a neighbour that is down', () => {
    say('a', 100, { expiresAt: 50 });
    say('b', 200);
    say('c', 300);
    expect(usable(0, 50)).toEqual(['b', 'c']);
    links.delete('b');
    expect(usable(0, 50)).toEqual(['c']);
    say('c', 0, { metric: RETRACTED });
    expect(usable(0, 50)).toEqual([]);
  });

  test('not those whose bottleneck is below what is asked for, their own link included', () => {
    say('a', 100, { bottleneck: 60 });
    say('b', 200);
    expect(usable(4000)).toEqual(['b']);
    expect(usable(6000)).toEqual([]);
  });

  test('not those that are no better than the best this node has advertised: metric as received', () => {
    distance = { order: 5, metric: metricOf(500) };
    say('a', 400, { order: 5 });
    say('b', 500, { order: 5 });
    say('c', 100, { order: 4 });
    expect(usable()).toEqual(['a']);
    say('b', 5000, { order: 6 });
    expect(usable()).toEqual(['a', 'b']);
  });

  test('not that of a neighbour whose word is older than the one before: it has lost what it had', () => {
    say('a', 400, { order: 5 });
    say('a', 100, { order: 4 });
    expect(usable()).toEqual([]);
  });
});

describe('a neighbour that is down', () => {
  /** It goes off; its link is remembered. */
  const off = (via: string) => {
    lastLinks.set(via, links.get(via) as LinkCost);
    links.delete(via);
  };
  const awaited = (minBandwidth = 0) => table.awaited(D, 0, minBandwidth).map((u) => u.route.via);

  test('is awaited where its route is feasible, has not expired, and carries what is asked for', () => {
    say('a', 300);
    say('b', 600);
    expect(awaited()).toEqual([]);
    off('a');
    expect(awaited()).toEqual(['a']);
    expect(usable()).toEqual(['b']);
    expect(awaited(6000)).toEqual([]);
    expect(table.awaited(D, 1000)).toEqual([]);
    distance = { order: 1, metric: metricOf(200) };
    expect(awaited()).toEqual([]);
  });

  test('is what is said of the destination still, where its route is the best; while another one is used', () => {
    say('a', 300);
    say('b', 600);
    const before = table.lasting(D, 0);
    off('a');
    expect(table.lasting(D, 0)).toEqual(before);
    expect(table.best(D, 0)?.route.via).toBe('b');
  });

  test('is no more spoken of once its route is retracted or has expired', () => {
    say('a', 300, { expiresAt: 50 });
    off('a');
    expect(table.lasting(D, 49)?.route.via).toBe('a');
    expect(table.lasting(D, 50)).toBeUndefined();
    table.prolong(D, 'a', 90);
    table.prolong(D, 'a', 70);
    expect(table.lasting(D, 89)?.route.via).toBe('a');
    expect(table.lasting(D, 90)).toBeUndefined();
    table.retract(D, 'a');
    table.prolong(D, 'a', 200);
    expect(table.lasting(D, 0)).toBeUndefined();
  });
});

describe('which of them comes first', () => {
  test('of those within 10 % of the fastest, the cheaper', () => {
    say('a', 900);
    say('b', 980, { price: -0 });
    say('a', 900, { price: 4 });
    expect(usable()).toEqual(['b', 'a']);
    say('b', 1100);
    expect(usable()).toEqual(['a', 'b']);
  });

  test('the one in use stays until another is clearly better', () => {
    say('a', 900);
    say('b', 850);
    expect(usable()).toEqual(['b', 'a']);
    table.select(D, 'a');
    expect(usable()).toEqual(['a', 'b']);
    say('b', 700);
    expect(usable()).toEqual(['b', 'a']);
  });
});

test('the best is the first of the usable ones, whatever was said', () => {
  const word = fc.record({
    via: fc.constantFrom('a', 'b', 'c', 'd', 'e'),
    ms: fc.integer({ min: 100, max: 130 }),
    price: fc.integer({ min: 0, max: 2 }),
    order: fc.integer({ min: 1, max: 3 }),
    away: fc.boolean(),
    expiresAt: fc.constantFrom(0, 1000),
  });
  links = new Map(['a', 'b', 'c', 'd'].map((via) => [via, { ms: 100, bandwidth: 5000 }]));
  fc.assert(
    fc.property(fc.array(word, { maxLength: 12 }), word, (words, selected) => {
      table.forget(D);
      for (const { away, expiresAt, ms, order, price, via } of words)
        say(via, ms, { price, order, expiresAt, ...(away ? { away } : {}) });
      table.select(D, selected.via);
      expect(table.best(D, 0)).toEqual(table.usable(D, 0)[0]);
    }),
  );
});

test('what nobody has said again is forgotten', () => {
  say('a', 100, { expiresAt: 10 });
  table.expire(10);
  expect([...table.destinations()]).toEqual([]);
  expect(table.routes(D)).toEqual([]);
});

test('a destination has eight routes at most: the slowest goes', () => {
  for (let i = 0; i < 12; i++) say(`n${i}`, 100 + ((i * 7) % 12));
  expect(table.routes(D)).toHaveLength(8);
  expect(Math.max(...table.routes(D).map((r) => r.cost.metric))).toBe(metricOf(107));
});
