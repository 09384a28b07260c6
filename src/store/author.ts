/** Whose objects custody keeps and opens: what it tells the room above, within the transaction that makes it durable. */
import type { Tx } from '../db/db.ts';
import { type NodeId, nodeIdFromKey } from '../identity/node-id.ts';
import type { Holding } from './holding.ts';
import type { DataObject, ObjectId } from './object.ts';
import type { TraceEvent } from './trace.ts';

/**
 * What the room above does with objects, each within the transaction that makes it durable.
 * Ids are those of objects that it submitted.
 */
export interface Author {
  /**
   * An object for this node: its secret where it opened and was kept; `full`: it opened, and nothing of it was kept.
   * Throws nothing but programmer errors.
   */
  arrived(tx: Tx, object: DataObject): Arrival;
  takenOver(tx: Tx, id: ObjectId, by: NodeId): void;
  /** It is on us again: a relay gave it back, or it is lost and sent once more. */
  heldAgain(tx: Tx, id: ObjectId, why: 'returned' | 'lost'): void;
  receipted(tx: Tx, id: ObjectId): void;
  unreadable(tx: Tx, id: ObjectId): void;
  expired(tx: Tx, id: ObjectId): void;
}

/** What the room above made of an object for this node. */
export type Arrival = { readonly secret: Uint8Array } | 'unreadable' | 'full';

/** What became of one of its own objects by an event. */
export function tellAuthor(
  author: Author,
  tx: Tx,
  event: TraceEvent,
  before: Holding,
  { id, trace }: Holding,
): void {
  if (before.trace.state === trace.state) return;
  if (trace.state === 'handed-on') author.takenOver(tx, id, nodeIdFromKey(trace.taker));
  else if (trace.state === 'held') author.heldAgain(tx, id, event.kind === 'raised' ? 'lost' : 'returned');
  else if (trace.state === 'receipted') author.receipted(tx, id);
  else if (trace.state === 'unreadable') author.unreadable(tx, id);
}
