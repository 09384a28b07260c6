/** Routes to direct neighbours only: each is its own next hop. */
import { Event } from '../core/events.ts';
import { type NodeId, nodeIdKey } from '../identity/node-id.ts';
import type { Discovery } from './discovery.ts';
import type { Candidate, Routing } from './routing.ts';

export class DirectRoutes implements Routing {
  readonly onHeard: Event<NodeId>;
  readonly onRoute = new Event<NodeId>();
  readonly #discovery: Discovery;
  /** Targets that were asked for and not there. */
  readonly #missed = new Set<string>();

  constructor(discovery: Discovery) {
    this.#discovery = discovery;
    this.onHeard = discovery.onHeard;
    discovery.onHeard.on((id) => {
      if (discovery.reachable(id) && this.#missed.delete(nodeIdKey(id))) this.onRoute.emit(id);
    });
  }

  candidates(target: NodeId): readonly Candidate[] {
    if (this.#discovery.reachable(target)) return [{ neighbour: target, metric: 0, direct: true }];
    this.#missed.add(nodeIdKey(target));
    return [];
  }

  sequenceOf(): undefined {
    return undefined;
  }

  want(target: NodeId): void {
    this.#discovery.want(target);
  }

  unwant(target: NodeId): void {
    this.#missed.delete(nodeIdKey(target));
    this.#discovery.unwant(target);
  }

  keyOf(id: NodeId): Uint8Array | undefined {
    return this.#discovery.keyOf(id);
  }
}
