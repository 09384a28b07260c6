/** Routes that a test fixes, over the real mesh: who is next is said by name, who is there is heard. */
import { Event } from '../src/core/events.ts';
import { type NodeId, nodeIdKey } from '../src/identity/node-id.ts';
import type { Router } from '../src/mesh/router.ts';
import type { Candidate, Routing } from '../src/mesh/routing.ts';

/** Next hops of one box by target, best first, and the sequence of each target; keys are NodeIds in hex. */
export interface RouteTable {
  readonly hops: Map<string, readonly NodeId[]>;
  readonly sequences: Map<string, number>;
}

export class StaticRoutes implements Routing {
  readonly onHeard: Event<NodeId>;
  readonly onRoute = new Event<NodeId>();
  readonly #router: Router;
  readonly #table: RouteTable;
  /** Targets to which there was no way when asked. */
  readonly #missed = new Map<string, NodeId>();

  constructor(router: Router, table: RouteTable) {
    this.#router = router;
    this.#table = table;
    this.onHeard = router.onHeard;
    router.onHeard.on(() => {
      for (const target of [...this.#missed.values()]) {
        this.#missed.delete(nodeIdKey(target));
        if (this.candidates(target).length > 0) this.onRoute.emit(target);
      }
    });
  }

  /** The table has changed for this target. */
  changed(target: NodeId): void {
    this.onRoute.emit(target);
  }

  candidates(target: NodeId): readonly Candidate[] {
    const reachable = (id: NodeId) => this.#router.reachable(id);
    const direct = reachable(target) ? [{ neighbour: target, metric: 0, direct: true }] : [];
    const hops = this.#table.hops.get(nodeIdKey(target)) ?? [];
    const relayed = hops
      .filter(reachable)
      .map((neighbour, i) => ({ neighbour, metric: 1 + i, direct: false }));
    if (direct.length + relayed.length === 0) this.#missed.set(nodeIdKey(target), target);
    return [...direct, ...relayed];
  }

  /** Fixed hops are there or are none. */
  awaited(): readonly NodeId[] {
    return [];
  }

  sequenceOf(target: NodeId): number | undefined {
    return this.#table.sequences.get(nodeIdKey(target));
  }

  want(target: NodeId): void {
    this.#router.want(target);
  }

  unwant(target: NodeId): void {
    this.#missed.delete(nodeIdKey(target));
    this.#router.unwant(target);
  }

  keyOf(id: NodeId): Uint8Array | undefined {
    return this.#router.keyOf(id);
  }
}
