/**
 * What is said to one neighbour and answered by nothing: acknowledgements that found no window, and what is mentioned
 * to it. It rides with the next frame, or goes alone.
 */
import { SEALED_OVERHEAD } from './frame.ts';
import type { Rec } from './link.ts';
import { byLength, contentLength } from './records.ts';
import type { Live } from './sessions.ts';

/** Bytes of a frame that holds one `ack`. */
export const ACK_FRAME_LENGTH = SEALED_OVERHEAD + 3;

const MOST = 8;

export class OwedRecords {
  /** An `ack` means something only under the session of the frame it answers. */
  #owed: { readonly live: Live; readonly record: Rec }[] = [];

  /** To be said under that session. */
  add(live: Live, record: Rec): void {
    this.#owed = [...this.#owed, { live, record }].slice(-MOST);
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
      const more = [...all, owed.record].sort(byLength);
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
