/**
 * Routes over a restart (docs/protocol/mesh.md, "After a restart"): those that neighbours have said, and what this box has
 * said itself. That they lead nowhere in a circle, however long the box was off, is what `FeasibilityDistances` proves;
 * whether they still lead anywhere their neighbours say, once they are heard.
 */
import { equal } from '../core/bytes.ts';
import { fixed, text, tuple, u32 } from '../db/codecs.ts';
import { type Db, isDurable, type Table, type TableSpec } from '../db/db.ts';
import { NODE_ID_LENGTH, nodeIdFrom, nodeIdFromKey, nodeIdKey } from '../identity/node-id.ts';
import type { Destinations } from './destinations.ts';
import type { Order } from './freshness.ts';
import { lifetime } from './learner.ts';
import type { DestinationRecord, RouteRecord } from './route-record.ts';
import { destinationRecord, FARTHEST_BEHIND } from './route-record.ts';
import type { Route, RouteTable } from './route-table.ts';

/** Key: NodeId. */
const ROUTES: TableSpec<Uint8Array, DestinationRecord> = {
  name: 'routes',
  key: fixed(NODE_ID_LENGTH),
  value: destinationRecord,
};
/** One row: the minutes that this box had run when it was last written, its T0 in minutes, and its share of the channel. */
const STATE: TableSpec<string, readonly [number, number, number]> = {
  name: 'routing-at',
  key: text,
  value: tuple(u32, u32, u32),
};
const ROW = 'saved';

const MINUTE = 60_000;
/** Destinations; beyond it others are learned again after a restart. */
const MOST = 1024;

export interface RouteMemoryOptions {
  readonly db: Db;
  readonly destinations: Destinations;
  readonly table: RouteTable;
}

/** What is said to others, as `Advertiser` knows it. */
export interface Saying {
  /** ms */
  readonly t0: number;
  /** When each destination is due to be said again, `Clock.monotonic()`. */
  readonly dueAt: ReadonlyMap<string, number>;
  /** As `Crowd.around`. */
  readonly around: number;
}

interface Written {
  readonly record: DestinationRecord;
  readonly bytes: Uint8Array;
  /** Digests are frequent, and little changes between two: what is made of the same need not be made to be compared. */
  checked: Checked | undefined;
}

/** All that a record is made of. */
interface Basis {
  readonly order: Order;
  /** One order has one. */
  readonly value: Uint8Array;
  readonly via: string | undefined;
  readonly due: number | undefined;
  readonly routes: readonly Route[];
}

/** What was found to be as written, and the last minute for which that was found. */
interface Checked extends Basis {
  readonly until: number;
}

export class RouteMemory {
  readonly #o: RouteMemoryOptions;
  readonly #routes: Table<Uint8Array, DestinationRecord>;
  readonly #state: Table<string, readonly [number, number, number]>;
  readonly #written = new Map<string, Written>();
  readonly #startedAt: number;
  /** Minutes that this box had run before. */
  readonly #ranBefore: number;
  #t0: number | undefined;
  readonly #dueAt = new Map<string, number>();
  readonly #around: number;

  /**
   * Puts what is remembered into the table, at `now`. How long the box was off it does not know: what was left of a
   * route's lifetime counts on, bounded by what this box would give such a route itself.
   */
  constructor(options: RouteMemoryOptions, now: number) {
    this.#o = options;
    this.#startedAt = now;
    this.#routes = options.db.table(ROUTES);
    this.#state = options.db.table(STATE);
    const { rows, state } = options.db.read((tx) => ({
      state: tx.get(this.#state, ROW),
      rows: [...tx.range(this.#routes)].map(({ key, value }) => ({ key: nodeIdKey(nodeIdFrom(key)), value })),
    }));
    this.#ranBefore = state?.[0] ?? 0;
    this.#t0 = state && state[1] * MINUTE;
    this.#around = state?.[2] ?? 0;
    for (const { key, value } of rows) {
      this.#written.set(key, writtenAs(value));
      this.#restore(key, value, now);
    }
  }

  /** What was said before the start; undefined where nothing is remembered. */
  get said(): Saying | undefined {
    return this.#t0 === undefined ? undefined : { t0: this.#t0, dueAt: this.#dueAt, around: this.#around };
  }

  /** Writes down what has changed. Where the disk does not take it, it is tried again with the next. */
  async save(now: number, saying: Saying): Promise<void> {
    const changed = this.#changes(now, saying);
    if (changed.size === 0 && saying.t0 === this.#t0) return;
    const minutes = this.#minuteOf(now);
    const committed = this.#o.db.commit(
      (tx) => {
        for (const [key, written] of changed) {
          const nodeId = nodeIdFromKey(key);
          if (written) tx.put(this.#routes, nodeId, written.record);
          else tx.remove(this.#routes, nodeId);
        }
        tx.put(this.#state, ROW, [minutes, Math.round(saying.t0 / MINUTE), saying.around]);
      },
      { housekeeping: true },
    );
    if (!(await isDurable(committed))) return;
    this.#t0 = saying.t0;
    for (const [key, written] of changed) {
      if (written) this.#written.set(key, written);
      else this.#written.delete(key);
    }
  }

  #restore(key: string, record: DestinationRecord, now: number): void {
    const { destinations, table } = this.#o;
    const t0 = this.#t0;
    const destination = destinations.get(key);
    if (!destination || t0 === undefined) return;
    // where that is of an announce before the one known now, the routes are as they were, the chain is not
    destination.chain.resume(record.order, record.value);
    for (const { cost, expires, order, via } of record.routes) {
      const left = Math.min((expires - this.#ranBefore) * MINUTE, lifetime(t0, cost.hops));
      if (left > 0) table.update(key, { via: nodeIdKey(via), cost, order, expiresAt: now + left });
    }
    if (!record.said) return;
    table.select(key, nodeIdKey(record.said.via));
    this.#dueAt.set(key, now + (record.said.due - this.#ranBefore) * MINUTE);
  }

  /** What is to be written, or (undefined) removed. */
  #changes(now: number, saying: Saying): Map<string, Written | undefined> {
    const { table } = this.#o;
    const changed = new Map<string, Written | undefined>();
    const known = new Set([...table.destinations(), ...table.advertised()]);
    let room = MOST - this.#written.size;
    for (const [key] of this.#written) {
      if (known.has(key)) continue;
      changed.set(key, undefined);
      room++;
    }
    const minute = this.#minuteOf(now);
    for (const key of known) {
      const basis = this.#basisOf(key, saying);
      const before = this.#written.get(key);
      if (!basis || (before?.checked && minute <= before.checked.until && isSame(basis, before.checked)))
        continue;
      const record = this.#recordOf(basis);
      const until = before && this.#asWrittenUntil(record, before, minute);
      if (before && until !== undefined) before.checked = { ...basis, until };
      if (until !== undefined || (!before && room <= 0)) continue;
      if (!before) room--;
      changed.set(key, writtenAs(record));
    }
    return changed;
  }

  #basisOf(key: string, { dueAt }: Saying): Basis | undefined {
    const { destinations, table } = this.#o;
    const chain = destinations.get(key)?.chain;
    if (!chain) return undefined;
    const { order, value } = chain;
    // a route to a neighbour itself is there as soon as it is heard, and that to one that is away is this box's own word
    const isKept = (r: Route) => r.via !== key && order - r.order <= FARTHEST_BEHIND;
    const routes = table.routes(key).filter(isKept);
    return { order, value, via: table.selected(key), due: dueAt.get(key), routes };
  }

  #recordOf({ due, order, routes, value, via }: Basis): DestinationRecord {
    const isSaid = via !== undefined && due !== undefined;
    return {
      ...{ order, value },
      said: isSaid ? { via: nodeIdFromKey(via), due: this.#minuteOf(due) } : undefined,
      routes: routes.map((r) => this.#routeRecord(r)),
    };
  }

  #routeRecord({ cost, expiresAt, order, via }: Route): RouteRecord {
    return { via: nodeIdFromKey(via), cost, order, expires: this.#minuteOf(expiresAt) };
  }

  /**
   * Until which minute it is as written, but for when routes expire: what is written leaves each of them half of what it
   * has left. Undefined: it is not.
   */
  #asWrittenUntil(record: DestinationRecord, written: Written, minute: number): number | undefined {
    let until = Number.POSITIVE_INFINITY;
    const routes = record.routes.map((route, i) => {
      const expires = written.record.routes[i]?.expires ?? 0;
      if (expires >= route.expires) return route;
      // half of what the route has left is left of what is written
      const closeUntil = 2 * expires - route.expires;
      if (minute > closeUntil) return route;
      until = Math.min(until, closeUntil);
      return { ...route, expires };
    });
    return equal(destinationRecord.encode({ ...record, routes }), written.bytes) ? until : undefined;
  }

  #minuteOf(at: number): number {
    return Math.max(this.#ranBefore + Math.round((at - this.#startedAt) / MINUTE), 0);
  }
}

function writtenAs(record: DestinationRecord): Written {
  return { record, bytes: destinationRecord.encode(record), checked: undefined };
}

function isSame(a: Basis, b: Basis): boolean {
  return (
    a.order === b.order &&
    a.via === b.via &&
    a.due === b.due &&
    a.routes.length === b.routes.length &&
    a.routes.every((route, i) => route === b.routes[i])
  );
}
