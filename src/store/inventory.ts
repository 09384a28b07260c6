/** What a box holds for whom, for people (`nexus store`): sums, and single objects a page at a time. */
import type { Db } from '../db/db.ts';
import type { NodeId } from '../identity/node-id.ts';
import { type Holding, hasBytes } from './holding.ts';
import type { Amount, Holdings } from './holdings.ts';
import type { ObjectId } from './object.ts';
import type { Trace } from './trace.ts';
import { type GarbageClass, GRACE_MS, garbageClass } from './unpaid.ts';

/** May an object go to make room, and in how many ms? */
export type Dispensable =
  | { readonly mayGo: GarbageClass; readonly inMs: number }
  /** Given by a contact, or our own. */
  | { readonly mayGo: 'never' }
  /** Its bytes are not here. */
  | { readonly mayGo: 'gone' };

export interface InventoryItem {
  readonly n: number;
  readonly id: ObjectId;
  readonly size: number;
  readonly state: Trace['state'];
  readonly recipient: NodeId;
  /** Who asked for it; undefined: written here. */
  readonly giver: NodeId | undefined;
  /** Who has it now, where it was handed on (NodeId in hex). */
  readonly taker: string | undefined;
  /** ms that it has been in this state; that its bytes were held in all; until it expires. */
  readonly sinceMs: number;
  readonly heldMs: number;
  readonly leftMs: number;
  readonly dispensable: Dispensable;
}

export interface Inventory {
  readonly amounts: ReadonlyMap<Trace['state'], Amount>;
  /** Held for strangers, who do not pay: the first to go. */
  readonly unpaidBytes: number;
  readonly items: readonly InventoryItem[];
}

/** `now` is own time, ms. */
export function inventoryOf(
  db: Db,
  holdings: Holdings,
  now: number,
  after: number,
  limit: number,
): Inventory {
  const page = db.read((tx) => holdings.page(tx, after, limit));
  return {
    amounts: holdings.amounts,
    unpaidBytes: holdings.shares.unpaid(undefined),
    items: page.map(({ n, holding }) => itemOf(n, holding, now)),
  };
}

function itemOf(n: number, holding: Holding, now: number): InventoryItem {
  const { expiresAt, from, id, recipient, since, size, trace } = holding;
  const here = Math.max(0, now - since);
  return {
    ...{ n, id, size, recipient },
    state: trace.state,
    giver: from,
    taker: trace.state === 'handed-on' ? trace.taker : undefined,
    sinceMs: here,
    heldMs: holding.heldMs + (trace.state === 'held' ? here : 0),
    leftMs: Math.max(0, expiresAt - now),
    dispensable: dispensableOf(holding, now),
  };
}

function dispensableOf(holding: Holding, now: number): Dispensable {
  if (!hasBytes(holding)) return { mayGo: 'gone' };
  const { from, since, stranger } = holding;
  if (!from || !stranger) return { mayGo: 'never' };
  if (garbageClass(holding, now) === 'lazy') return { mayGo: 'lazy', inMs: 0 };
  return { mayGo: 'unpaid', inMs: Math.max(0, since + GRACE_MS - now) };
}
