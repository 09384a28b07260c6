/**
 * Nodes that this box stands in for while they are away (docs/protocol/mesh.md, "Standing in"): it releases the steps
 * of their chains that they handed it, so that routes to them lead here, where their mail waits.
 */
import { concat } from '../core/bytes.ts';
import { type Cancel, type Clock, every } from '../core/clock.ts';
import { counter, fixed, u32 } from '../db/codecs.ts';
import { type Db, isDurable, type Table, type TableSpec } from '../db/db.ts';
import { NODE_ID_LENGTH, type NodeId, nodeIdFrom, nodeIdKey } from '../identity/node-id.ts';
import type { Destinations } from './destinations.ts';
import { T0_LEAST_MS } from './earshot.ts';
import { CHAIN_STEPS, type Order, serialOf, stepBefore } from './freshness.ts';
import { lifetime } from './learner.ts';
import { OWN_COST, type PathCost } from './metric.ts';
import type { RouteTable } from './route-table.ts';

const MINUTE = 60_000;
/** A node that has not been heard since the boot of this box may just be silent: three signs of life, and some. */
const GRACE_MS = 64 * MINUTE;
const VALUE_LENGTH = 8;
const AWAY_COST: PathCost = { ...OWN_COST, away: true };

interface Kept {
  /** The newest value that may be released, and its order. */
  readonly value: Uint8Array;
  readonly limit: Order;
  /** The newest that was; 0: none. */
  readonly released: Order;
  /** It was away when last looked at. */
  readonly away: boolean;
}

interface StandIn extends Kept {
  readonly nodeId: NodeId;
  /** `Clock.monotonic()` of the last release. */
  readonly releasedAt: number;
}

/** Key: NodeId. Value: value 8 | limit u64 | released u64 | away u32. */
const STAND_INS: TableSpec<Uint8Array, Kept> = {
  name: 'stand-in',
  key: fixed(NODE_ID_LENGTH),
  value: {
    encode: ({ value, limit, released, away }) =>
      concat(value, counter.encode(limit), counter.encode(released), u32.encode(away ? 1 : 0)),
    decode: (b) => ({
      value: b.slice(0, VALUE_LENGTH),
      limit: counter.decode(b.subarray(8, 16)),
      released: counter.decode(b.subarray(16, 24)),
      away: u32.decode(b.subarray(24)) === 1,
    }),
  },
};

export interface StandInsOptions {
  readonly db: Db;
  readonly destinations: Destinations;
  readonly table: RouteTable;
  /** Heard within three expected signs of life. */
  readonly isUp: (key: string) => boolean;
  /** ms */
  readonly t0: () => number;
  readonly clock: Clock;
}

export class StandIns {
  readonly #o: StandInsOptions;
  readonly #table: Table<Uint8Array, Kept>;
  readonly #all = new Map<string, StandIn>();
  readonly #startedAt: number;
  #cancel: Cancel | undefined;

  constructor(options: StandInsOptions) {
    this.#o = options;
    this.#startedAt = options.clock.monotonic();
    this.#table = options.db.table(STAND_INS);
    options.db.read((tx) => {
      for (const { key, value } of tx.range(this.#table)) {
        const nodeId = nodeIdFrom(key.slice());
        this.#all.set(nodeIdKey(nodeId), { ...value, nodeId, releasedAt: Number.NEGATIVE_INFINITY });
      }
    });
  }

  start(): void {
    this.#cancel = every(this.#o.clock, MINUTE, () => this.#tick());
  }

  stop(): void {
    this.#cancel?.();
  }

  /** Whether routes to this node lead here now: it is silent here, and not heard of elsewhere. */
  standsFor(key: string): boolean {
    const standIn = this.#all.get(key);
    if (!standIn || this.#o.isUp(key)) return false;
    const now = this.#o.clock.monotonic();
    const routes = this.#o.table.routes(key);
    const isElsewhere = routes.some(
      (r) => r.via !== key && !r.cost.away && r.order > standIn.released && r.expiresAt > now,
    );
    const wasHere = standIn.away || routes.some((r) => r.via === key) || now - this.#startedAt >= GRACE_MS;
    return wasHere && !isElsewhere;
  }

  /** Whom this box would stand in for. */
  nodes(): readonly NodeId[] {
    return Array.from(this.#all.values(), ({ nodeId }) => nodeId);
  }

  /** Whether this box would stand in for it: what is known of it is kept. */
  knows(key: string): boolean {
    return this.#all.has(key);
  }

  /**
   * Takes a step that a node has handed over. The serial of the newest order known of the node, durably kept, or why
   * not: `unknown`, its announce is lacking or not the one of this step; `full`, the disk does not take it.
   */
  async take(nodeId: NodeId, value: Uint8Array): Promise<number | 'unknown' | 'full'> {
    const key = nodeIdKey(nodeId);
    const chain = this.#o.destinations.get(key)?.chain;
    const limit = chain?.orderOfAhead(value, CHAIN_STEPS);
    if (!chain || limit === undefined) return 'unknown';
    const before = this.#all.get(key);
    const kept = { value: value.slice(), limit, released: before?.released ?? 0, away: false };
    if (!(await this.#write(nodeId, kept))) return 'full';
    this.#all.set(key, { ...kept, nodeId, releasedAt: Number.NEGATIVE_INFINITY });
    return serialOf(Math.max(chain.order, kept.released));
  }

  /** The node has ended it, or its time is over. */
  async drop(nodeId: NodeId): Promise<void> {
    this.#all.delete(nodeIdKey(nodeId));
    await this.#write(nodeId, undefined);
  }

  async #tick(): Promise<void> {
    const { clock, t0 } = this.#o;
    const now = clock.monotonic();
    for (const [key, standIn] of this.#all) {
      if (this.standsFor(key) && now - standIn.releasedAt >= t0()) await this.#release(key, standIn, now);
    }
  }

  async #release(key: string, standIn: StandIn, now: number): Promise<void> {
    const { destinations, t0, table } = this.#o;
    const { limit, nodeId, value } = standIn;
    const chain = destinations.get(key)?.chain;
    if (!chain) return;
    const order = Math.max(chain.order, standIn.released) + 1;
    // a newer announce has another chain, and beyond the limit nothing is known
    if (order > limit || Math.floor(limit / CHAIN_STEPS) !== Number(chain.sequence)) return;
    const kept = { value, limit, released: order, away: true };
    const after = { ...kept, nodeId, releasedAt: now };
    if (!(await this.#write(nodeId, kept)) || this.#all.get(key) !== standIn) return;
    this.#all.set(key, after);
    chain.prove(stepBefore(nodeId, chain.sequence, value, limit - order), CHAIN_STEPS);
    const expiresAt = now + lifetime(Math.max(t0(), T0_LEAST_MS), 0);
    table.update(key, { via: key, cost: AWAY_COST, order, expiresAt });
  }

  #write(nodeId: NodeId, kept: Kept | undefined): Promise<boolean> {
    const committed = this.#o.db.commit(
      (tx) => (kept ? tx.put(this.#table, nodeId, kept) : tx.remove(this.#table, nodeId)),
      { housekeeping: true },
    );
    return isDurable(committed);
  }
}
