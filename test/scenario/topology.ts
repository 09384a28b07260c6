/** Where boxes stand and who hears whom: random geometric graphs of a wanted density, connected both ways. */
import { type Random, uniform } from '../../src/core/random.ts';

export interface Topology {
  readonly n: number;
  /** `lossDb.get(i)?.get(k)`: what k hears of i; absent: nothing. */
  readonly lossDb: readonly ReadonlyMap<number, number>[];
  /** Beyond this loss hardly a frame is heard: the channel is free. */
  readonly audibleDb: number;
  /** Neighbours that hear each other with some margin. */
  readonly links: readonly (readonly number[])[];
  /** Those that two boxes could just use: what a shortest path is counted over. */
  readonly edges: readonly (readonly number[])[];
  /** Those that go off; all of them where left out. */
  readonly sleepers?: ReadonlySet<number>;
}

export interface TopologyOptions {
  readonly n: number;
  /** Mean number of neighbours. */
  readonly degree: number;
  /** The loss at which a frame is lost every other time, dB. */
  readonly edgeDb: number;
  /** Share of links that work in one direction only. */
  readonly oneWay?: number;
}

/** A neighbour is one with this margin over the edge; farther ones are still heard now and then. */
const MARGIN_DB = 4;
/** dB for each tenfold distance. */
const EXPONENT_DB = 35;
/** Beyond this many dB over the edge nothing is heard. */
const INAUDIBLE_DB = 6;
/** At this many over it, one frame in some ten. */
const AUDIBLE_DB = 1;

export function randomTopology(random: Random, options: TopologyOptions): Topology {
  for (;;) {
    const topology = draw(random, options);
    if (isConnected(topology)) return topology;
  }
}

/** As `randomTopology`, with `count` sleepers (`sleepersOf`). */
export function topologyWithSleepers(
  random: Random,
  options: TopologyOptions,
  count: number,
): Topology & { readonly sleepers: ReadonlySet<number> } {
  for (;;) {
    const topology = randomTopology(random, options);
    const sleepers = sleepersOf(topology, count, random);
    if (sleepers) return { ...topology, sleepers };
  }
}

/**
 * So many boxes that others do without: all others reach each other, and each of these hears one of them. Undefined
 * where the topology does not have as many.
 */
function sleepersOf(topology: Topology, count: number, random: Random): ReadonlySet<number> | undefined {
  const sleepers = new Set<number>();
  const others = Array.from({ length: topology.n }, (_, i) => i);
  for (const i of others
    .map((i) => [uniform(random), i] as const)
    .sort(([a], [b]) => a - b)
    .map(([, i]) => i)) {
    if (sleepers.size === count) break;
    sleepers.add(i);
    const isAwake = (k: number) => !sleepers.has(k);
    const awake = others.filter(isAwake);
    const isServed = [...sleepers].every((k) => (topology.links[k] ?? []).some(isAwake));
    if (!isServed || reachable(topology, awake.slice(0, 1), isAwake).size < awake.length) sleepers.delete(i);
  }
  return sleepers.size === count ? sleepers : undefined;
}

/** Boxes in a row, each hearing only the next. */
export function line(n: number, lossDb: number): Topology {
  const map = (i: number) => new Map([i - 1, i + 1].filter((k) => k >= 0 && k < n).map((k) => [k, lossDb]));
  const all = Array.from({ length: n }, (_, i) => map(i));
  return {
    n,
    lossDb: all,
    audibleDb: lossDb,
    links: all.map((m) => [...m.keys()]),
    edges: all.map((m) => [...m.keys()]),
  };
}

function draw(random: Random, { n, degree, edgeDb, oneWay = 0 }: TopologyOptions): Topology {
  // neighbours lie within distance 1 of each other
  const side = Math.sqrt((n * Math.PI) / degree);
  const at = Array.from({ length: n }, () => [uniform(random) * side, uniform(random) * side] as const);
  const lossDb = Array.from({ length: n }, () => new Map<number, number>());
  for (let i = 0; i < n; i++)
    for (let k = i + 1; k < n; k++) {
      const [[x, y], [u, v]] = [at[i] ?? [0, 0], at[k] ?? [0, 0]];
      const distance = Math.max(0.05, Math.hypot(x - u, y - v));
      const loss = edgeDb - MARGIN_DB + EXPONENT_DB * Math.log10(distance);
      if (loss > edgeDb + INAUDIBLE_DB) continue;
      const broken = uniform(random) < oneWay ? (uniform(random) < 0.5 ? 'there' : 'back') : 'neither';
      if (broken !== 'there') lossDb[i]?.set(k, loss + 2 * uniform(random) - 1);
      if (broken !== 'back') lossDb[k]?.set(i, loss + 2 * uniform(random) - 1);
    }
  const heard = (i: number, k: number) => lossDb[i]?.get(k) ?? Number.POSITIVE_INFINITY;
  const bothWays = (mostDb: number) =>
    lossDb.map((of, i) => [...of.keys()].filter((k) => Math.max(heard(i, k), heard(k, i)) <= mostDb));
  return {
    ...{ n, lossDb, audibleDb: edgeDb + AUDIBLE_DB },
    ...{ links: bothWays(edgeDb - MARGIN_DB + 1), edges: bothWays(edgeDb) },
  };
}

/** Who is within reach of `from` over links between boxes that are `up` and hear each other now. */
export function reachable(
  { links }: Topology,
  from: Iterable<number>,
  up: (i: number) => boolean,
  hears: (i: number, k: number) => boolean = () => true,
): Set<number> {
  const seen = new Set([...from].filter(up));
  for (const i of seen) for (const k of links[i] ?? []) if (up(k) && hears(i, k)) seen.add(k);
  return seen;
}

function isConnected(topology: Topology): boolean {
  return reachable(topology, [0], () => true).size === topology.n;
}

/** Hops of the shortest path between two boxes, all up. */
export function distance({ edges }: Topology, from: number, to: number): number {
  const hops = new Map([[from, 0]]);
  for (const [i, h] of hops) for (const k of edges[i] ?? []) if (!hops.has(k)) hops.set(k, h + 1);
  return hops.get(to) ?? Number.POSITIVE_INFINITY;
}
