/**
 * Looks for values of others' chains (docs/protocol/mesh.md, "Freshness"). One that proves nothing takes hundreds or
 * thousands of hashes: once there were many within an hour, a value is looked for a few steps around the newest only.
 */
import type { Destination } from './destinations.ts';
import { CHAIN_STEPS, type Order } from './freshness.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
/** A chain moves on by one step in a minute at most, and by some at every boot. */
const BOOT_STEPS = 256;
/** A restart takes 17. */
const NEAR_STEPS = 20;

export class ChainProofs {
  readonly #most: number;
  #since: number;
  #fruitless = 0;

  /** After `most` in an hour that prove nothing it looks near the newest only; `since`: when that hour has begun, ms. */
  constructor(most: number, since = Number.NEGATIVE_INFINITY) {
    this.#most = most;
    this.#since = since;
  }

  /** Whether its hour is over, so that it knows no more than a new one. */
  isOver(now: number): boolean {
    return now - this.#since >= HOUR;
  }

  /** The order of a value, which is the newest from then on if it is newer; undefined where it proves nothing. */
  prove({ chain, provenAt }: Destination, value: Uint8Array, now: number): Order | undefined {
    if (this.isOver(now)) [this.#since, this.#fruitless] = [now, 0];
    const most = provenAt === undefined ? CHAIN_STEPS : BOOT_STEPS + Math.floor((now - provenAt) / MINUTE);
    const order = chain.prove(value, most, this.#fruitless < this.#most ? CHAIN_STEPS : NEAR_STEPS);
    if (order === undefined) this.#fruitless++;
    return order;
  }
}
