/**
 * Who may fill how much of the store (docs/protocol/store.md, "Bounds"). Keys are free to make, so all strangers share
 * one part. A trace without its object counts too: it is remembered for the object's time to live.
 */

/** What a trace costs on the disk and in memory, bytes. */
export const TRACE_COST = 512;
const STRANGERS_PART = 1 / 10;
/** Of the part that its kind may fill, one neighbour. */
const NEIGHBOURS_PART = 1 / 4;
const MOST_HELD = 10_000;
const MOST_HELD_OF_STRANGER = 1_000;

interface Use {
  bytes: number;
  held: number;
}

export type ShareRefusal = 'store' | 'strangers' | 'neighbour';

export class Shares {
  readonly #all: Use = { bytes: 0, held: 0 };
  readonly #strangers: Use = { bytes: 0, held: 0 };
  readonly #neighbours = new Map<string, Use>();

  /** Books `bytes` and `held` objects, or takes them off where negative. */
  book(neighbour: string, stranger: boolean, bytes: number, held: number): void {
    const own = this.#neighbours.get(neighbour) ?? { bytes: 0, held: 0 };
    for (const use of stranger ? [this.#all, this.#strangers, own] : [this.#all, own]) {
      use.bytes += bytes;
      use.held += held;
    }
    if (own.bytes > 0) this.#neighbours.set(neighbour, own);
    else this.#neighbours.delete(neighbour);
  }

  /** Whose part is full where an object of `size` bytes from `neighbour` would not fit into `maxBytes`. */
  refusal(neighbour: string, stranger: boolean, size: number, maxBytes: number): ShareRefusal | undefined {
    const cost = size + TRACE_COST;
    const part = stranger ? maxBytes * STRANGERS_PART : maxBytes;
    const own = this.#neighbours.get(neighbour) ?? { bytes: 0, held: 0 };
    if (this.#all.bytes + cost > maxBytes) return 'store';
    if (stranger && this.#strangers.bytes + cost > part) return 'strangers';
    const most = stranger ? MOST_HELD_OF_STRANGER : MOST_HELD;
    return own.bytes + cost > part * NEIGHBOURS_PART || own.held >= most ? 'neighbour' : undefined;
  }
}
