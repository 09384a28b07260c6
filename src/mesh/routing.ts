/** What the store asks of the mesh: who is there, and who is next towards a node (docs/protocol/mesh.md). */
import type { Event } from '../core/events.ts';
import type { NodeId } from '../identity/node-id.ts';
import type { Policy } from './metric.ts';

export interface Candidate {
  /** A neighbour that is up and whose key is known. */
  readonly neighbour: NodeId;
  /** Expected airtime from here to the target, as metric units; smaller is better. */
  readonly metric: number;
  /** The neighbour is the target itself. */
  readonly direct: boolean;
}

export interface Routing {
  /**
   * Neighbours with a feasible, unexpired route to `target` that carries `minBandwidth` bps, best first; the target
   * itself where it is a neighbour. Empty where there is none. What is best, `policy` says: *balanced* where left out.
   */
  candidates(target: NodeId, minBandwidth: number, policy?: Policy): readonly Candidate[];
  /** Neighbours that are away, with a route as above: what is for `target` may wait here until one of them is back. */
  awaited(target: NodeId, minBandwidth: number): readonly NodeId[];
  /** The newest sequence known of the target, u16, to be compared serially; undefined where none is. */
  sequenceOf(target: NodeId): number | undefined;
  /**
   * Solicits `target` until there is a candidate, or, where there are some that are of no use, a newer sequence than is
   * known now; or until it is no longer wanted. `giver` has given something for it, and may know its announce.
   */
  want(target: NodeId, giver?: NodeId): void;
  unwant(target: NodeId): void;
  /** The Ed25519 key of a node, where it is known. */
  keyOf(id: NodeId): Uint8Array | undefined;
  /** A sign of life of a neighbour. */
  readonly onHeard: Event<NodeId>;
  /** A target has a candidate that it had not, or a newer sequence. */
  readonly onRoute: Event<NodeId>;
}
