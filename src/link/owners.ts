/** Whose the connections of a medium have turned out to be: each is one node's, by the last frame of it that opened. */
import { equal } from '../core/bytes.ts';
import type { NodeId } from '../identity/node-id.ts';

export class Owners {
  /** By connection; the one used last comes last. */
  readonly #owners = new Map<string, NodeId>();

  /** A frame of `id` has opened that came by `via`; whether that is news. */
  note(via: string, id: NodeId): boolean {
    if (this.of(id) === via) return false;
    this.#owners.delete(via);
    this.#owners.set(via, id);
    return true;
  }

  /** The connection has ended; whose it was. */
  ended(via: string): NodeId | undefined {
    const owner = this.#owners.get(via);
    this.#owners.delete(via);
    return owner;
  }

  has(via: string): boolean {
    return this.#owners.has(via);
  }

  /** Whose a connection is; undefined while that is not known. */
  at(via: string): NodeId | undefined {
    return this.#owners.get(via);
  }

  /** The connection of a node; of several the one used last. */
  of(id: NodeId): string | undefined {
    let last: string | undefined;
    for (const [via, owner] of this.#owners) if (equal(owner, id)) last = via;
    return last;
  }

  /** Every node that has a connection. */
  all(): NodeId[] {
    return [...this.#owners.values()];
  }
}
