/** What custody asks of the room that keeps subscriptions (docs/protocol/store.md, "Mailboxes"). */
import type { NodeId } from '../identity/node-id.ts';
import type { ObjectId, ObjectPriority } from './object.ts';

export interface Mailboxes {
  /** This box is a mailbox of that node: what is for it, or comes from it, is kept here until its time to live ends. */
  serves(id: NodeId): boolean;
  /** Those of this node: they take what nobody knows a way for. */
  readonly own: readonly NodeId[];
  /** Whether the recipient is there, has been told what waits, and has not asked for all of it. */
  waitsForPull(recipient: NodeId): boolean;
  /** Whether an object (by number) may go to its recipient, who is there, without having been asked for. */
  mayPush(n: number, recipient: NodeId): boolean;
}

/** An object that is held for somebody. */
export interface Waiting {
  readonly n: number;
  readonly id: ObjectId;
  /** Bytes. */
  readonly size: number;
  readonly priority: ObjectPriority;
}
