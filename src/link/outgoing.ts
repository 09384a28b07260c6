/** One transfer as its sender sees it: which fragments are still missing at the other side. */
import {
  type Bitmap,
  fragmentRecord,
  fragmentRoom,
  MOST_FRAGMENTS,
  MOST_PUSHED_FRAGMENTS,
  says,
  TRANSFER_IDS,
} from './fragments.ts';
import type { OutgoingTransfer, Rec } from './link.ts';
import { covers } from './ranges.ts';

export class OutgoingFragments {
  readonly #transfer: OutgoingTransfer;
  readonly #length: number;
  readonly #count: number;
  /** What a bitmap has said to be there. */
  readonly #confirmed = new Set<number>();
  #missing: Set<number>;

  /** Cut for frames of `mtu` bytes. Throws `RangeError` for a transfer that no receiver would take. */
  constructor(transfer: OutgoingTransfer, mtu: number) {
    this.#transfer = transfer;
    this.#length = fragmentRoom(mtu);
    this.#count = Math.ceil(transfer.bytes.length / this.#length);
    const most = transfer.pushed ? MOST_PUSHED_FRAGMENTS : MOST_FRAGMENTS;
    if (this.#count < 1 || this.#count > most)
      throw new RangeError(`a transfer of ${this.#count} fragments, where 1 to ${most} are possible`);
    if (transfer.id < 0 || transfer.id >= TRANSFER_IDS)
      throw new RangeError(`no transfer id: ${transfer.id}`);
    this.#missing = this.#all();
    // with everything there, one fragment still asks what the store says
    if (this.#missing.size === 0) this.#missing.add(this.#count - 1);
  }

  get id(): number {
    return this.#transfer.id;
  }

  get complete(): boolean {
    return this.#missing.size === 0;
  }

  /** The next fragments to send, at most `most`. */
  burst(most: number): number[] {
    return [...this.#missing].sort((a, b) => a - b).slice(0, most);
  }

  record(index: number): Rec {
    const { id, pushed, bytes } = this.#transfer;
    const from = index * this.#length;
    return fragmentRecord({
      id,
      pushed,
      last: index === this.#count - 1,
      index,
      bytes: bytes.subarray(from, from + this.#length),
    });
  }

  /**
   * Strikes out what the other side has, and takes back what it said before that it held; whether that was news. What
   * a bitmap once confirmed stays: a late one may be older.
   */
  apply(bitmap: Bitmap): boolean {
    const before = this.#confirmed.size;
    for (let i = 0; i < this.#count; i++) {
      if (says(bitmap, i)) this.#confirmed.add(i);
      if (this.#confirmed.has(i)) this.#missing.delete(i);
      else this.#missing.add(i);
    }
    return this.#confirmed.size > before;
  }

  /** The other side has lost what was sent: it belonged to a session that is gone. */
  restart(): void {
    this.#confirmed.clear();
    this.#missing = this.#all();
  }

  /** All fragments but those that lie within what the receiver said it holds. */
  #all(): Set<number> {
    const missing = new Set<number>();
    for (let i = 0; i < this.#count; i++) {
      const from = i * this.#length;
      const to = Math.min(from + this.#length, this.#transfer.bytes.length);
      if (!covers(this.#transfer.held, from, to)) missing.add(i);
    }
    return missing;
  }
}
