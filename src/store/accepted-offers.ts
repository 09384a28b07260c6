/**
 * Offers that were accepted and whose transfer has not come yet. Each is known by its neighbour and one of that
 * neighbour's 64 transfer ids, so that nobody has more than 64. Neighbours are free to make: where all places are
 * taken, whoever has the most gives way, and a transfer that is on its way is not turned into an unexpected one by
 * others' offers.
 */
import type { Offer } from './exchange-records.ts';

/** Over all neighbours. */
const MOST = 256;

/** How something comes: a `return` is met by other rules than an offer or a push. */
export type Way = 'offer' | 'return';

export interface AcceptedOffer {
  readonly way: Way;
  readonly offer: Offer;
}

export class AcceptedOffers {
  /** By neighbour (NodeId in hex) and transfer id, the oldest first. */
  readonly #of = new Map<string, Map<number, AcceptedOffer>>();
  #size = 0;

  /** In place of an older one under the same transfer id. */
  add(neighbour: string, accepted: AcceptedOffer): void {
    const { transferId } = accepted.offer;
    this.take(neighbour, transferId);
    if (this.#size >= MOST) this.#forgetOne();
    const own = this.#of.get(neighbour) ?? new Map<number, AcceptedOffer>();
    own.set(transferId, accepted);
    this.#of.set(neighbour, own);
    this.#size++;
  }

  /** The one whose transfer this is; it is expected no longer. */
  take(neighbour: string, transferId: number): AcceptedOffer | undefined {
    const own = this.#of.get(neighbour);
    const accepted = own?.get(transferId);
    if (!own || !accepted) return undefined;
    own.delete(transferId);
    if (own.size === 0) this.#of.delete(neighbour);
    this.#size--;
    return accepted;
  }

  /** The oldest of the neighbour that has the most. */
  #forgetOne(): void {
    let most: [string, Map<number, AcceptedOffer>] | undefined;
    for (const entry of this.#of) if (!most || entry[1].size > most[1].size) most = entry;
    const oldest = most?.[1].keys().next().value;
    if (most && oldest !== undefined) this.take(most[0], oldest);
  }
}
