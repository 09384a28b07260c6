/** Acknowledgements of one neighbour's frames that found no window: they ride with the next frame, or go alone. */
import { SEALED_OVERHEAD } from './frame.ts';
import type { Rec } from './link.ts';
import { ackRecord, byLength, contentLength } from './records.ts';
import type { Live } from './sessions.ts';

/** Bytes of a frame that holds one `ack`. */
export const ACK_FRAME_LENGTH = SEALED_OVERHEAD + 3;

const MOST = 8;

export class OwedAcks {
  /** An `ack` means something only under the session of the frame it answers. */
  #owed: { readonly live: Live; readonly counter: number }[] = [];

  add(live: Live, counter: number): void {
    this.#owed = [...this.#owed, { live, counter }].slice(-MOST);
  }

  /** A session under which some are owed. */
  get session(): Live | undefined {
    this.#owed = this.#owed.filter((o) => !o.live.session.ended);
    return this.#owed[0]?.live;
  }

  /** `records` with those owed under `live`, as far as there is room for them in one frame's content. */
  ride(live: Live, records: readonly Rec[], room: number): Rec[] {
    let all = [...records];
    this.#owed = this.#owed.filter((owed) => {
      const more = [...all, ackRecord(owed.counter)].sort(byLength);
      if (owed.live !== live || contentLength(more) > room) return true;
      all = more;
      return false;
    });
    return all.sort(byLength);
  }

  clear(): void {
    this.#owed = [];
  }
}
