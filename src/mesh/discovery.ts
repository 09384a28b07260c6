/** What a store that knows direct neighbours only asks of the mesh. */
import type { Event } from '../core/events.ts';
import type { NodeId } from '../identity/node-id.ts';

export interface Discovery {
  /** Heard lately, and its key known: a handshake has a chance. */
  reachable(id: NodeId): boolean;
  /** Solicits `id` until it is reachable or no longer wanted. */
  want(id: NodeId): void;
  unwant(id: NodeId): void;
  keyOf(id: NodeId): Uint8Array | undefined;
  /** A sign of life of a node. */
  readonly onHeard: Event<NodeId>;
}
