/**
 * Who may fill how much of the store (docs/protocol/store.md, "Bounds"). Keys are free to make, so all strangers share
 * one part. Traces count beside the bytes: each is remembered for its object's time to live.
 */

/** Of others' objects, held or remembered; about 15 MB of memory. */
export const MOST_TRACES = 131_072;
/** The strangers' parts of the bytes and of the traces. */
const STRANGERS_BYTES = 1 / 10;
const STRANGERS_TRACES = 1 / 2;
/** Of what its kind may fill, one neighbour. */
const NEIGHBOURS_PART = 1 / 4;

interface Use {
  bytes: number;
  traces: number;
}

/** Which part of the store has no room. */
export type ShareRefusal = 'store' | 'strangers' | 'neighbour';

export class Shares {
  readonly #all: Use = { bytes: 0, traces: 0 };
  readonly #strangers: Use = { bytes: 0, traces: 0 };
  readonly #neighbours = new Map<string, Use>();

  /** Books bytes and traces that came from `neighbour`, or takes them off where negative. */
  book(neighbour: string, stranger: boolean, bytes: number, traces: number): void {
    const own = this.#neighbours.get(neighbour) ?? { bytes: 0, traces: 0 };
    for (const use of stranger ? [this.#all, this.#strangers, own] : [this.#all, own]) {
      use.bytes += bytes;
      use.traces += traces;
    }
    if (own.traces > 0 || own.bytes > 0) this.#neighbours.set(neighbour, own);
    else this.#neighbours.delete(neighbour);
  }

  /** Bytes that strangers' objects fill, or those of one neighbour (NodeId in hex). */
  unpaid(neighbour: string | undefined): number {
    return neighbour === undefined ? this.#strangers.bytes : (this.#neighbours.get(neighbour)?.bytes ?? 0);
  }

  /** Whose part is full where an object of `bytes` from `neighbour` would not fit into a store of `maxBytes`. */
  refusal(neighbour: string, stranger: boolean, bytes: number, maxBytes: number): ShareRefusal | undefined {
    const most = { bytes: maxBytes, traces: MOST_TRACES };
    const part = stranger
      ? { bytes: maxBytes * STRANGERS_BYTES, traces: MOST_TRACES * STRANGERS_TRACES }
      : most;
    const fits = (use: Use, limit: Use, share: number) =>
      use.bytes + bytes <= limit.bytes * share && use.traces + 1 <= limit.traces * share;
    if (!fits(this.#all, most, 1)) return 'store';
    if (stranger && !fits(this.#strangers, part, 1)) return 'strangers';
    const own = this.#neighbours.get(neighbour) ?? { bytes: 0, traces: 0 };
    return fits(own, part, NEIGHBOURS_PART) ? undefined : 'neighbour';
  }
}
