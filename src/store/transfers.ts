/**
 * Own transfers that are not answered (docs/protocol/store.md, "Forwarding", rules 1 and 4). In memory only: after a
 * crash a transfer is made again, and answered by what the other's trace says.
 */
import { type Stamp, sameStamp } from './stamp.ts';

interface Transfer {
  readonly to: string;
  readonly stamp: Stamp;
  /** False once its answer is given up on; should that come late, it still counts. */
  running: boolean;
}

/** One transfer of each object (by number) at most. */
export class Transfers {
  readonly #open = new Map<number, Transfer>();

  begin(n: number, to: string, stamp: Stamp): void {
    this.#open.set(n, { to, stamp: { attempt: stamp.attempt, sequence: stamp.sequence }, running: true });
  }

  /** An answer is waited for: whatever comes of this object is answered `busy`. */
  running(n: number): boolean {
    return this.#open.get(n)?.running ?? false;
  }

  /** No answer has come. */
  uncertain(n: number): void {
    const open = this.#open.get(n);
    if (open) open.running = false;
  }

  /** To whom it may have gone without our knowing. */
  uncertainTo(n: number): string | undefined {
    return this.#open.get(n)?.to;
  }

  /** Whether `custody` or `have` from that neighbour under that stamp releases what is held. */
  answeredBy(n: number, from: string, stamp: Stamp): boolean {
    const open = this.#open.get(n);
    return open !== undefined && open.to === from && sameStamp(open.stamp, stamp);
  }

  /**
   * It was answered; or it is settled otherwise; or we have just told somebody that we keep the object, and an answer
   * from before must not release it any more.
   */
  end(n: number): void {
    this.#open.delete(n);
  }
}
