/**
 * RFC 8966, section 3.5.1, on any topology and in any order of events: digests late, lost and repeated, links that
 * come and go and change their cost, paths that are said on while their neighbours are away, nodes that boot with the
 * routes they wrote down whenever that was, and a mailbox that stands in for the destination now and then. Whichever of
 * its usable routes each node takes, nothing ever goes in a circle.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Distance, nearest, steady } from '../../src/mesh/feasibility.ts';
import { OWN_COST, type PathCost, RETRACTED } from '../../src/mesh/metric.ts';
import { type Route, RouteTable } from '../../src/mesh/route-table.ts';

const D = 'destination';
const N = 7;
const MAILBOX = 3;

interface Said {
  readonly to: number;
  readonly from: number;
  readonly cost: PathCost;
  readonly order: number;
}

class Net {
  readonly links = new Map<string, number>();
  /** Of those that were cut. */
  readonly lastLinks = new Map<string, number>();
  readonly distances: (Distance | undefined)[] = Array(N).fill(undefined);
  tables: RouteTable[];
  /** On the disks: of any time, as if a box had been off for as long. */
  readonly written: (readonly Route[])[] = Array(N).fill([]);
  under: Said[] = [];
  /** The mailbox ends paths to the destination, by steps of the same chain. */
  isStandingIn = false;
  order = 1;

  constructor() {
    this.tables = Array.from({ length: N }, (_, i) => this.table(i));
  }

  table(i: number): RouteTable {
    return new RouteTable({
      linkCost: ({ via }) => costOf(this.links.get(`${i} ${via}`)),
      lastCost: ({ via }) =>
        this.links.has(`${i} ${via}`) ? undefined : costOf(this.lastLinks.get(`${i} ${via}`)),
      distance: () => this.distances[i],
    });
  }

  /** Node 0 is the destination. */
  advertise(from: number): void {
    const lasting = this.tables[from]?.lasting(D, 0);
    const own = from === 0 ? { cost: OWN_COST, order: this.order } : undefined;
    const away = { cost: { ...OWN_COST, metric: 50, away: true as const }, order: this.order };
    const said =
      own ??
      (from === MAILBOX && this.isStandingIn ? away : undefined) ??
      (lasting && {
        cost: steady(lasting.cost, lasting.route.order, this.distances[from]),
        order: lasting.route.order,
      });
    if (said && from !== 0)
      this.distances[from] = nearest({ order: said.order, metric: said.cost.metric }, this.distances[from]);
    const { cost, order } = said ?? { cost: { ...OWN_COST, metric: RETRACTED }, order: this.order };
    for (let to = 1; to < N; to++)
      if (to !== from && this.links.has(`${to} ${from}`)) this.under.push({ to, from, cost, order });
  }

  cut(a: number, b: number): void {
    for (const key of [`${a} ${b}`, `${b} ${a}`]) {
      const ms = this.links.get(key);
      if (ms !== undefined) this.lastLinks.set(key, ms);
      this.links.delete(key);
    }
  }

  write(i: number): void {
    this.written[i] = this.tables[i]?.routes(D) ?? [];
  }

  boot(i: number): void {
    const table = this.table(i);
    for (const route of this.written[i] ?? []) table.update(D, route);
    this.tables[i] = table;
  }

  deliver({ to, from, cost, order }: Said): void {
    this.tables[to]?.update(D, { via: String(from), cost, order, expiresAt: Number.POSITIVE_INFINITY });
  }

  /** Whether the graph of all usable next hops has a circle. */
  get loops(): boolean {
    const state: number[] = Array(N).fill(0);
    const visit = (i: number): boolean => {
      if (i === 0 || (i === MAILBOX && this.isStandingIn) || state[i] === 2) return false;
      if (state[i] === 1) return true;
      state[i] = 1;
      const loops = this.tables[i]?.usable(D, 0).some((u) => visit(Number(u.route.via))) ?? false;
      state[i] = 2;
      return loops;
    };
    return Array.from({ length: N }, (_, i) => i).some(visit);
  }
}

function costOf(ms: number | undefined) {
  return ms === undefined ? undefined : { ms, bandwidth: 1000 };
}

const node = fc.integer({ min: 0, max: N - 1 });
const event = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('link' as const),
      a: node,
      b: node,
      ms: fc.integer({ min: 0, max: 2000 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('cut' as const), a: node, b: node }) },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('advertise' as const), a: node }) },
  {
    weight: 9,
    arbitrary: fc.record({ kind: fc.constant('deliver' as const), pick: fc.nat(1000), keep: fc.boolean() }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('step' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('write' as const), a: node }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('boot' as const), a: node }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('stand in' as const), is: fc.boolean() }) },
);

test('no order of events makes a loop', () => {
  let used = 0;
  fc.assert(
    fc.property(fc.array(event, { minLength: 40, maxLength: 160 }), (events) => {
      const net = new Net();
      for (let i = 1; i < N; i++)
        for (const [a, b] of [
          [i, i - 1],
          [i - 1, i],
        ])
          net.links.set(`${a} ${b}`, 100);
      for (const e of events) {
        if (e.kind === 'link' && e.a !== e.b)
          for (const key of [`${e.a} ${e.b}`, `${e.b} ${e.a}`]) net.links.set(key, e.ms);
        else if (e.kind === 'cut') net.cut(e.a, e.b);
        else if (e.kind === 'advertise') net.advertise(e.a);
        else if (e.kind === 'step') net.order++;
        else if (e.kind === 'stand in') net.isStandingIn = e.is;
        else if (e.kind === 'write') net.write(e.a);
        else if (e.kind === 'boot') net.boot(e.a);
        else if (e.kind === 'deliver' && net.under.length > 0) {
          const at = e.pick % net.under.length;
          net.deliver(net.under[at] as Said);
          if (!e.keep) net.under.splice(at, 1);
        }
        expect(net.loops).toBe(false);
      }
      used += net.tables.filter((t) => t.best(D, 0)).length;
    }),
    { numRuns: 300 },
  );
  // the events do make routes of several hops
  expect(used).toBeGreaterThan(300);
});

test('a node that forgets its distance follows its own old word back, which is why none does', () => {
  const net = new Net();
  for (const link of ['1 0', '2 1', '1 2']) net.links.set(link, 100);
  const tell = (from: number) => {
    net.advertise(from);
    for (const said of net.under.splice(0)) net.deliver(said);
  };
  tell(0);
  tell(1);
  net.write(2);
  // 2 is off; the destination is gone for longer than anybody remembers a route
  net.links.delete('1 0');
  net.tables[1] = net.table(1);
  net.boot(2);
  tell(2);
  expect(net.loops).toBe(false);
  net.distances[1] = undefined;
  expect(net.loops).toBe(true);
});
