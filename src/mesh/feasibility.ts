/**
 * Feasibility distances (RFC 8966, section 3.5.1): the best that this node has ever advertised of a destination. Only
 * a path that its neighbour says is better than that can be used without any chance of a loop; so they survive a
 * reboot, and go once everybody has forgotten the advertisement.
 */
import { counter, fixed, tuple, u32 } from '../db/codecs.ts';
import { type Db, isDurable, type Table, type TableSpec } from '../db/db.ts';
import { NODE_ID_LENGTH, type NodeId, nodeIdFrom, nodeIdKey } from '../identity/node-id.ts';
import type { Order } from './freshness.ts';

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

/** Key: NodeId. Value: order, metric, and for how many minutes the advertisement is remembered by others. */
const DISTANCES: TableSpec<Uint8Array, readonly [number, number, number]> = {
  name: 'feasibility',
  key: fixed(NODE_ID_LENGTH),
  value: tuple(counter, u32, u32),
};
const MINUTE = 60_000;

/** Destinations; beyond it the one that would go first goes. */
const MOST = 4096;

interface Kept extends Distance {
  readonly nodeId: NodeId;
  /** `Clock.monotonic()` */
  readonly until: number;
  /** ms: the longest that anybody remembers what was said, from when it was said. */
  readonly lifetime: number;
}

/** A few rows without which mail of one's own finds no way. */
const OWN = { own: true } as const;

export class FeasibilityDistances {
  readonly #db: Db;
  readonly #table: Table<Uint8Array, readonly [number, number, number]>;
  readonly #kept = new Map<string, Kept>();
  readonly #changed = new Map<string, NodeId>();

  /** Those of before the boot, at `now`, are kept as if they had been said just now: how long it was off nobody knows. */
  constructor(db: Db, now: number) {
    this.#db = db;
    this.#table = db.table(DISTANCES);
    db.read((tx) => {
      for (const { key, value } of tx.range(this.#table)) {
        const nodeId = nodeIdFrom(key.slice());
        const [order, metric, minutes] = value;
        const lifetime = minutes * MINUTE;
        this.#kept.set(nodeIdKey(nodeId), { nodeId, order, metric, lifetime, until: now + lifetime });
      }
    });
  }

  get size(): number {
    return this.#kept.size;
  }

  of(key: string): Distance | undefined {
    return this.#kept.get(key);
  }

  /** Notes what is about to be advertised, to be remembered by others for `lifeMs`; `save` comes before it is. */
  advertise(nodeId: NodeId, said: Distance, now: number, lifeMs: number): void {
    const key = nodeIdKey(nodeId);
    const before = this.#kept.get(key);
    const { metric, order } = nearest(said, before);
    const until = Math.max(now + lifeMs, before?.until ?? 0);
    const lifetime = Math.max(lifeMs, before?.lifetime ?? 0);
    this.#kept.set(key, { order, metric, nodeId, until, lifetime });
    if (order !== before?.order || metric !== before.metric || lifetime !== before.lifetime)
      this.#changed.set(key, nodeId);
    if (this.#kept.size > MOST) this.#drop(this.#first());
  }

  /** Forgets those whose time has come. */
  expire(now: number): void {
    for (const kept of [...this.#kept.values()]) if (kept.until <= now) this.#drop(kept);
  }

  /** Resolves with true once what was noted is on the disk. */
  async save(): Promise<boolean> {
    if (this.#changed.size === 0) return true;
    const changed = [...this.#changed.values()];
    this.#changed.clear();
    const committed = this.#db.commit((tx) => {
      for (const nodeId of changed) {
        const kept = this.#kept.get(nodeIdKey(nodeId));
        if (kept) tx.put(this.#table, nodeId, [kept.order, kept.metric, Math.ceil(kept.lifetime / MINUTE)]);
        else tx.remove(this.#table, nodeId);
      }
    }, OWN);
    if (await isDurable(committed)) return true;
    for (const nodeId of changed) this.#changed.set(nodeIdKey(nodeId), nodeId);
    return false;
  }

  #first(): Kept | undefined {
    let first: Kept | undefined;
    for (const kept of this.#kept.values()) if (!first || kept.until < first.until) first = kept;
    return first;
  }

  #drop(kept: Kept | undefined): void {
    if (!kept) return;
    this.#kept.delete(nodeIdKey(kept.nodeId));
    this.#changed.set(nodeIdKey(kept.nodeId), kept.nodeId);
  }
}
