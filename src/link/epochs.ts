/**
 * Nonces that never repeat under one key, whatever a restart brings back (docs/protocol/link.md, "After a restart").
 *
 * An epoch is a number that is drawn once in a box's life: it is taken durably, in the database and in a mark beside
 * it, before it is used. A key notes the epoch f in which it was made, and that never changes. While E is the epoch
 * drawn last, nonces below (E − f + 1) · size − gap may be used; whoever restores the key first draws an epoch E′ > E
 * and goes on at (E′ − f) · size. That is above every nonce used in any earlier epoch, by at least `gap`, and depends
 * on f and E′ alone: how old the restored state is, and what was lost on the way to the disk, makes no difference.
 */
import { PersistedCounter } from '../db/counters.ts';
import { type Db, isDurable } from '../db/db.ts';

export class Epochs {
  /** Whether those drawn before this start are known from beside the database: without that mark it may be any old one. */
  readonly continued: boolean;
  readonly #counter: PersistedCounter;
  #current: number;
  #drawing = false;

  private constructor(counter: PersistedCounter, continued: boolean) {
    this.continued = continued;
    this.#counter = counter;
    this.#current = counter.next();
  }

  /** Draws the first epoch of this start. `name`: of letters and dashes. Rejects with `StorageFailed`. */
  static async open(db: Db, name: string): Promise<Epochs> {
    const continued = db.marks.get(name) > 0;
    // one at a time: what a larger block reserves, every restart skips
    return new Epochs(await PersistedCounter.open(db, name, 1), continued);
  }

  /** The epoch drawn last; this start's own. */
  get current(): number {
    return this.#current;
  }

  /** Draws the next one as soon as the disk takes it; where that fails, whoever needs it asks again. */
  async advance(): Promise<void> {
    if (this.#drawing) return;
    this.#drawing = true;
    if (await isDurable(this.#counter.ready())) this.#current = this.#counter.next();
    this.#drawing = false;
  }
}

export interface NonceBlocksOptions {
  readonly epochs: Epochs;
  /** The epoch in which the key was made. */
  readonly first: number;
  /** Nonces for each epoch. */
  readonly size: bigint;
  /** How many are left out at least by whoever goes on in a later epoch. */
  readonly gap: bigint;
}

/** The nonces of one key. */
export class NonceBlocks {
  readonly #o: NonceBlocksOptions;

  constructor(options: NonceBlocksOptions) {
    this.#o = options;
  }

  get first(): number {
    return this.#o.first;
  }

  /** Where a key that was just restored goes on. */
  get start(): bigint {
    return BigInt(this.#o.epochs.current - this.#o.first) * this.#o.size;
  }

  /** Whether `n` may be used now. */
  allows(n: bigint): boolean {
    return n < this.#limit;
  }

  /** Draws an epoch ahead where `n` is near the last nonce that may be used. */
  provide(n: bigint): void {
    if (this.#limit - n <= this.#o.size / 4n) void this.#o.epochs.advance();
  }

  get #limit(): bigint {
    return this.start + this.#o.size - this.#o.gap;
  }
}
