/**
 * What is on the disk of one destination: how fresh it is proven to be, what was said of it, and the routes to it. All
 * times are in minutes of running time (`RouteMemory`).
 */
import { decode, Writer } from '../core/bytes.ts';
import type { ValueCodec } from '../db/db.ts';
import { NODE_ID_LENGTH, type NodeId, nodeIdFrom } from '../identity/node-id.ts';
import type { Order } from './freshness.ts';
import { COST_LENGTH, type PathCost, readCost, writeCost } from './metric.ts';

const VALUE_LENGTH = 8;
const IS_SAID = 1;
const ROUTE_LENGTH = NODE_ID_LENGTH + 2 + COST_LENGTH + 4;
/** Orders are written as how far they are behind the newest. */
export const FARTHEST_BEHIND = 0xffff;

export interface RouteRecord {
  readonly via: NodeId;
  readonly order: Order;
  readonly cost: PathCost;
  /** Minute. */
  readonly expires: number;
}

export interface DestinationRecord {
  /** The newest that is proven of its chain, and the value that proves it, 8 bytes. */
  readonly order: Order;
  readonly value: Uint8Array;
  /** Through whom it is advertised, and the minute when it is due again; undefined where it is not. */
  readonly said: { readonly via: NodeId; readonly due: number } | undefined;
  readonly routes: readonly RouteRecord[];
}

/**
 * order u64 | value 8 | flags u8: bit 0 said | said: via 16, due u32 | routes: via 16, behind u16, path cost 6,
 * expires u32. `decode` throws a RangeError on bytes that are not that.
 */
export const destinationRecord: ValueCodec<DestinationRecord> = {
  encode: ({ order, routes, said, value }) => {
    const w = new Writer(21 + VALUE_LENGTH + NODE_ID_LENGTH + routes.length * ROUTE_LENGTH)
      .u64(BigInt(order))
      .raw(value)
      .u8(said ? IS_SAID : 0);
    if (said) w.raw(said.via).u32(said.due);
    for (const r of routes) writeCost(w.raw(r.via).u16(order - r.order), r.cost).u32(r.expires);
    return w.bytes();
  },
  decode: (bytes) => {
    const record = decode(bytes, (r): DestinationRecord | undefined => {
      const order = Number(r.u64());
      const value = r.raw(VALUE_LENGTH).slice();
      const flags = r.u8();
      const via = () => nodeIdFrom(r.raw(NODE_ID_LENGTH).slice());
      const said = flags & IS_SAID ? { via: via(), due: r.u32() } : undefined;
      if (!Number.isSafeInteger(order) || flags > IS_SAID || r.left % ROUTE_LENGTH !== 0) return undefined;
      const routes = Array.from({ length: r.left / ROUTE_LENGTH }, () => ({
        via: via(),
        order: order - r.u16(),
        cost: readCost(r),
        expires: r.u32(),
      }));
      return routes.every((route) => route.order >= 0) ? { order, value, said, routes } : undefined;
    });
    if (!record) throw new RangeError(`${bytes.length} bytes that are no destination`);
    return record;
  },
};
