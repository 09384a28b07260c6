/** Ids of transfers (docs/protocol/link.md, "Transfers"), for all neighbours and media of a node together. */
import { TRANSFER_IDS } from './fragments.ts';

/** In turn, so that an id comes back as late as possible: late answers may still name it. */
export class TransferIds {
  #next = 0;

  /** An id for which `isTaken` does not hold, or undefined where all 64 are taken. */
  next(isTaken: (id: number) => boolean): number | undefined {
    for (let i = 0; i < TRANSFER_IDS; i++) {
      const id = (this.#next + i) % TRANSFER_IDS;
      if (isTaken(id)) continue;
      this.#next = (id + 1) % TRANSFER_IDS;
      return id;
    }
    return undefined;
  }
}
