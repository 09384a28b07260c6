/** How much of the time somebody is on the channel, from samples: airtime that nobody could decode counts too. */

/** An hour of samples five seconds apart. */
const KEPT = 720;

export class Occupancy {
  readonly #samples: boolean[] = [];
  #busy = 0;

  add(busy: boolean): void {
    this.#samples.push(busy);
    if (busy) this.#busy++;
    if (this.#samples.length > KEPT && this.#samples.shift()) this.#busy--;
  }

  /** 0 … 1 over the last hour; undefined before the first sample. */
  get share(): number | undefined {
    return this.#samples.length === 0 ? undefined : this.#busy / this.#samples.length;
  }
}
