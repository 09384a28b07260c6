/** One grant of the channel: which frames go out on it, and when it has had enough (docs/protocol/link.md, "Transfers"). */
import type { Outgoing } from '../medium.ts';

/** The longest burst: eight frames, or what begins within five seconds of full frames. */
const MOST_FRAMES = 8;
const MOST_AIRTIME_MS = 5000;

export class Packer {
  readonly #mtu: number;
  readonly #airtime: (bytes: number) => number;
  readonly #outgoing: Outgoing;
  #frames = 0;
  #bytes = 0;
  #airtimeMs = 0;

  constructor(outgoing: Outgoing, mtu: number, airtime: (bytes: number) => number) {
    this.#outgoing = outgoing;
    this.#mtu = mtu;
    this.#airtime = airtime;
  }

  /** What the grant has carried so far. */
  get total(): { readonly frames: number; readonly bytes: number; readonly airtimeMs: number } {
    return { frames: this.#frames, bytes: this.#bytes, airtimeMs: this.#airtimeMs };
  }

  /**
   * Whether one frame more is within the grant. It is asked before the frame is built: a frame that was built and
   * then not sent would be a hole in its sender's counters.
   */
  get open(): boolean {
    if (this.#frames === 0) return true;
    return this.#frames < MOST_FRAMES && this.#airtimeMs + this.#airtime(this.#mtu) <= MOST_AIRTIME_MS;
  }

  /**
   * The next frame, or undefined where the grant is over. Throws `RangeError` for a frame of no bytes or of more
   * than the mtu: the sender's mistake.
   */
  next(): Uint8Array | undefined {
    if (!this.open) return undefined;
    const frame = this.#outgoing.next();
    if (!frame) return undefined;
    if (frame.length < 1 || frame.length > this.#mtu)
      throw new RangeError(`a frame of ${frame.length} bytes on a medium with an mtu of ${this.#mtu}`);
    this.#frames++;
    this.#bytes += frame.length;
    this.#airtimeMs += this.#airtime(frame.length);
    return frame;
  }
}
