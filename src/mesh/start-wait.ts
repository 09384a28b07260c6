/**
 * A box that has kept links and routes over a start waits for its neighbours' answers before it asks for anybody whom
 * they may lead to: a solicit, and all that answer it, would cost more than all of those beacons.
 */
import type { Cancel, Clock } from '../core/clock.ts';
import { type NodeId, nodeIdKey } from '../identity/node-id.ts';

export class StartWait {
  readonly #held = new Map<string, NodeId>();
  readonly #cancel: Cancel;
  #isOver = false;

  /** Those that are still held after `ms` are handed to `over`, once. */
  constructor(clock: Clock, ms: number, over: (id: NodeId) => void) {
    this.#cancel = clock.after(ms, () => {
      this.#isOver = true;
      const held = [...this.#held.values()];
      this.#held.clear();
      for (const id of held) over(id);
    });
  }

  /** Holds a wanted node back; false once the wait is over. */
  hold(id: NodeId): boolean {
    if (this.#isOver) return false;
    this.#held.set(nodeIdKey(id), id);
    return true;
  }

  /** It is wanted no longer. */
  release(id: NodeId): void {
    this.#held.delete(nodeIdKey(id));
  }

  stop(): void {
    this.#cancel();
  }
}
