/** The receiver's side of counters: the whole nonce from its low 16 bits, and each nonce once (docs/protocol/link.md). */

/** How far behind the highest opened nonce one may still come, itself included. */
export const WINDOW = 64n;

const MASK = (1n << WINDOW) - 1n;

/** Nonces opened so far. Asked before a frame is opened, told after: a forged frame changes nothing. */
export class ReplayWindow {
  /** −1 before the first. */
  #highest: bigint;
  /** Bit i: highest − i was opened. */
  #opened: bigint;

  /** Everything up to `highest` counts as opened. */
  constructor(highest = -1n) {
    this.#highest = highest;
    this.#opened = highest < 0n ? 0n : MASK;
  }

  get highest(): bigint {
    return this.#highest;
  }

  /** The nonce closest to the highest opened that ends with these 16 bits; of two as close, the higher. */
  reconstruct(low: number): bigint {
    const base = this.#highest < 0n ? 0n : this.#highest;
    const ahead = (BigInt(low) - base) & 0xffffn;
    const back = 0x10000n - ahead;
    return ahead <= back || base < back ? base + ahead : base - back;
  }

  /** Whether a frame of this nonce may be opened: not yet seen, and not behind the window. */
  accepts(n: bigint): boolean {
    if (n > this.#highest) return true;
    const age = this.#highest - n;
    return age < WINDOW && ((this.#opened >> age) & 1n) === 0n;
  }

  /** Notes that a frame of this nonce has opened. */
  add(n: bigint): void {
    if (n > this.#highest) {
      const step = n - this.#highest;
      this.#opened = step >= WINDOW ? 1n : ((this.#opened << step) | 1n) & MASK;
      this.#highest = n;
    } else {
      this.#opened |= 1n << (this.#highest - n);
    }
  }
}
