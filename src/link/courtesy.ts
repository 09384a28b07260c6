/**
 * Who speaks first on a new connection (docs/protocol/link.md, "The LAN"): of two that meet, the one with the lower id,
 * so that there is one session and not two; the other where nothing has come of that.
 */
import { compare } from '../core/bytes.ts';
import type { Cancel, Clock } from '../core/clock.ts';
import type { NodeId } from '../identity/node-id.ts';

/** ms for which the node with the lower id is left to begin. */
const COURTESY = 1_000;

export interface CourtesyOptions {
  readonly clock: Clock;
  readonly own: NodeId;
  /** Whether it is known whose the connection is. */
  readonly isOwned: (via: string) => boolean;
  /** Asks a node for a sign that the connection is its own. */
  readonly greet: (id: NodeId, via: string) => void;
}

export class Courtesy {
  readonly #options: CourtesyOptions;
  /** Connections on which the other end is left to begin. */
  readonly #waiting = new Map<string, Cancel>();

  constructor(options: CourtesyOptions) {
    this.#options = options;
  }

  /** A node has named itself on a connection. */
  met(id: NodeId, via: string): void {
    const { clock, own, isOwned, greet } = this.#options;
    if (isOwned(via) || this.#waiting.has(via)) return;
    const begin = () => {
      this.#waiting.delete(via);
      if (!isOwned(via)) greet(id, via);
    };
    if (compare(own, id) < 0) begin();
    else this.#waiting.set(via, clock.after(COURTESY, begin));
  }

  /** The connection has ended. */
  ended(via: string): void {
    this.#waiting.get(via)?.();
    this.#waiting.delete(via);
  }

  stop(): void {
    for (const cancel of this.#waiting.values()) cancel();
  }
}
