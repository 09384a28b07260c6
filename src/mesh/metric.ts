/**
 * Path costs (docs/protocol/mesh.md, "Path cost"): airtime, price and bandwidth on logarithmic scales, so that six
 * bytes say from one millisecond to weeks, and what they say is never off by more than a rounding step.
 */
import type { Reader, Writer } from '../core/bytes.ts';

export const RETRACTED = 0xffff;
/** Beyond this a path is no use to anybody. */
const LARGEST_METRIC = 0xfffe;
const METRIC_SCALE = 2048;
const BANDWIDTH_SCALE = 8;
/** The fastest that a path can say, and what its own end says. */
export const UNLIMITED = 255;
/** A path of more hops is retracted: in digests they have six bits. */
export const HOP_LIMIT = 63;

export const COST_LENGTH = 6;
/** Bit 7 of the byte for hops says that the destination is away. */
export const AWAY = 0x80;
const HOPS = 0x7f;

export interface PathCost {
  /** round(2048·log2(ms + 1)) of the expected airtime to the destination; 0xFFFF retracts the path. */
  readonly metric: number;
  /** round(16·log2(µNXS per byte + 1)) */
  readonly price: number;
  /** round(8·log2(bit/s)) of the slowest link. */
  readonly bottleneck: number;
  readonly hops: number;
  /** The destination is away, and the path leads to a mailbox that stands in for it. */
  readonly away?: true;
}

/** What one link adds to a path. */
export interface LinkCost {
  /** Expected airtime of a message and its answer, tries included. */
  readonly ms: number;
  /** bit/s; Infinity where it is no bottleneck. */
  readonly bandwidth: number;
}

/** Of a node's path to itself. */
export const OWN_COST: PathCost = { metric: 0, price: 0, bottleneck: UNLIMITED, hops: 0 };

/** Of a node that is known, and to which there is no path. */
export const NO_WAY: PathCost = { metric: RETRACTED, price: 0, bottleneck: UNLIMITED, hops: 1 };

/** The metric of so many ms. */
export function metricOf(ms: number): number {
  return Math.min(Math.round(METRIC_SCALE * Math.log2(ms + 1)), LARGEST_METRIC);
}

/** The ms of a metric. */
export function msOf(metric: number): number {
  return 2 ** (metric / METRIC_SCALE) - 1;
}

/** Byte of a bandwidth in bit/s. */
export function bottleneckOf(bandwidth: number): number {
  return Math.min(Math.round(BANDWIDTH_SCALE * Math.log2(Math.max(bandwidth, 1))), UNLIMITED);
}

/** bit/s of that byte; Infinity where nothing limits it. */
export function bandwidthOf(bottleneck: number): number {
  return bottleneck === UNLIMITED ? Number.POSITIVE_INFINITY : 2 ** (bottleneck / BANDWIDTH_SCALE);
}

/**
 * The cost of a path through one link more, as the node before that link says it: at least one step above what it
 * was told, so that rounding hides no hop; retracted where the scale or the hop limit ends.
 */
export function through(cost: PathCost, link: LinkCost): PathCost {
  const metric = Math.max(
    cost.metric + 1,
    Math.round(METRIC_SCALE * Math.log2(msOf(cost.metric) + link.ms + 1)),
  );
  const hops = cost.hops + 1;
  const ends = cost.metric === RETRACTED || metric > LARGEST_METRIC || hops > HOP_LIMIT;
  return {
    ...cost,
    metric: ends ? RETRACTED : metric,
    bottleneck: Math.min(cost.bottleneck, bottleneckOf(link.bandwidth)),
    hops: Math.min(hops, HOP_LIMIT),
  };
}

/** As advertised by a box whose queue is `load` full, 0 … 1: (1 + load²) times the airtime. */
export function congested(cost: PathCost, load: number): PathCost {
  if (load === 0 || cost.metric === RETRACTED) return cost;
  return { ...cost, metric: Math.max(cost.metric, metricOf(msOf(cost.metric) * (1 + load ** 2))) };
}

/** Steps of the metric for twice the airtime. */
export const TWICE = METRIC_SCALE;

/** Steps of the metric within which two paths count as equally fast: 10 % of the airtime. */
export const NEARLY = Math.floor(METRIC_SCALE * Math.log2(1.1));

/** What an object asks of its way (docs/protocol/mesh.md, "Next hop"). */
export type Policy = 'fastest' | 'balanced' | 'cheapest';

/** Steps above the fastest path within which the price decides: none, 10 %, or twice the airtime. */
export const PRICE_DECIDES: Readonly<Record<Policy, number>> = {
  fastest: 0,
  balanced: NEARLY,
  cheapest: TWICE,
};

export function writeCost(w: Writer, { away, bottleneck, hops, metric, price }: PathCost): Writer {
  return w
    .u16(metric)
    .u16(price)
    .u8(bottleneck)
    .u8(away ? hops | AWAY : hops);
}

export function readCost(r: Reader): PathCost {
  const [metric, price, bottleneck, hops] = [r.u16(), r.u16(), r.u8(), r.u8()];
  return { metric, price, bottleneck, hops: hops & HOPS, ...(hops & AWAY ? { away: true } : {}) };
}
