/**
 * Feasibility distances (RFC 8966, section 3.5.1): the best that this node has ever advertised of a destination. Only
 * a path that its neighbour says is better than that can be used without any chance of a loop.
 *
 * They survive a reboot, and no time ends them. Whoever uses a path through a neighbour has a distance that is worse
 * than what the neighbour said, and the neighbour's own is at most that, and only ever gets better: so along every path
 * that anybody uses distances get better, and none comes back to where it began, however old the words are on which it
 * rests. A neighbour that had forgotten its distance could follow such a word back to itself; and a box that was off
 * cannot tell how old its words are. Orders of a destination grow as long as it lives, so that an old distance bars
 * nothing of what is said of it later.
 */
import { counter, fixed, tuple, u32 } from '../db/codecs.ts';
import { type Db, isDurable, type Table, type TableSpec } from '../db/db.ts';
import { NODE_ID_LENGTH, type NodeId, nodeIdFrom, nodeIdKey } from '../identity/node-id.ts';
import type { Order } from './freshness.ts';
import { type PathCost, TWICE } from './metric.ts';

export interface Distance {
  readonly order: Order;
  readonly metric: number;
}

/** Whether a path as a neighbour advertises it may be used by a node whose own best advertisement was `own`. */
export function isFeasible(path: Distance, own: Distance | undefined): boolean {
  return (
    own === undefined || path.order > own.order || (path.order === own.order && path.metric < own.metric)
  );
}

/** The best of what was advertised before and of what is about to be. */
export function nearest(said: Distance, before: Distance | undefined): Distance {
  return before && !isFeasible(said, before) ? before : said;
}

/**
 * What is said of a path, where its own cost is `cost`: under one order the metric does not grow, but for what takes
 * twice as long. Links are measured with more noise than one hop adds to a long path, and whoever uses a path through
 * this node could use it no longer. Less than the distance is never said, so that there are no loops.
 */
export function steady(cost: PathCost, order: Order, own: Distance | undefined): PathCost {
  const isNear = own?.order === order && cost.metric < own.metric + TWICE;
  return isNear ? { ...cost, metric: Math.min(cost.metric, own.metric) } : cost;
}

/** Key: NodeId. Value: order, metric. */
const DISTANCES: TableSpec<Uint8Array, readonly [number, number]> = {
  name: 'distances',
  key: fixed(NODE_ID_LENGTH),
  value: tuple(counter, u32),
};

/** Destinations, four times as many as announces are kept of; beyond it the one advertised longest ago goes. */
const MOST = 4096;

interface Kept extends Distance {
  readonly nodeId: NodeId;
}

/** A few rows without which mail of one's own finds no way. */
const OWN = { own: true } as const;

export class FeasibilityDistances {
  readonly #db: Db;
  readonly #table: Table<Uint8Array, readonly [number, number]>;
  /** Advertised longest ago first. */
  readonly #kept = new Map<string, Kept>();
  readonly #changed = new Map<string, NodeId>();
  /** What is being written: whether it has become durable. */
  #saving: Promise<boolean> | undefined;

  constructor(db: Db) {
    this.#db = db;
    this.#table = db.table(DISTANCES);
    db.read((tx) => {
      for (const { key, value } of tx.range(this.#table)) {
        const nodeId = nodeIdFrom(key.slice());
        const [order, metric] = value;
        this.#kept.set(nodeIdKey(nodeId), { nodeId, order, metric });
      }
    });
  }

  get size(): number {
    return this.#kept.size;
  }

  of(key: string): Distance | undefined {
    return this.#kept.get(key);
  }

  /** Notes what is about to be advertised; `save` comes before it is. */
  advertise(nodeId: NodeId, said: Distance): void {
    const key = nodeIdKey(nodeId);
    const before = this.#kept.get(key);
    const { metric, order } = nearest(said, before);
    this.#kept.delete(key);
    this.#kept.set(key, { order, metric, nodeId });
    if (order !== before?.order || metric !== before.metric) this.#changed.set(key, nodeId);
    const [oldest] = this.#kept.values();
    if (this.#kept.size > MOST && oldest) this.#drop(oldest);
  }

  /** Resolves with true once all that was noted is on the disk, also what somebody else has begun to save. */
  async save(): Promise<boolean> {
    const before = this.#saving;
    if (this.#changed.size === 0) return before ? await before : true;
    const changed = [...this.#changed.values()];
    this.#changed.clear();
    const committed = this.#db.commit((tx) => {
      for (const nodeId of changed) {
        const kept = this.#kept.get(nodeIdKey(nodeId));
        if (kept) tx.put(this.#table, nodeId, [kept.order, kept.metric]);
        else tx.remove(this.#table, nodeId);
      }
    }, OWN);
    const saving = before ? both(before, isDurable(committed)) : isDurable(committed);
    this.#saving = saving;
    const isSaved = await saving;
    if (this.#saving === saving) this.#saving = undefined;
    if (isSaved) return true;
    for (const nodeId of changed) this.#changed.set(nodeIdKey(nodeId), nodeId);
    return false;
  }

  #drop({ nodeId }: Kept): void {
    this.#kept.delete(nodeIdKey(nodeId));
    this.#changed.set(nodeIdKey(nodeId), nodeId);
  }
}

async function both(a: Promise<boolean>, b: Promise<boolean>): Promise<boolean> {
  return (await a) && (await b);
}
