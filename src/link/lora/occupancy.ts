/** How much of the time somebody is on the channel, from samples: airtime that nobody could decode counts too. */

/** An hour of samples five seconds apart. */
const KEPT = 720;

export class Occupancy {
  /** 1 for busy; a ring. */
  readonly #samples = new Uint8Array(KEPT);
  #taken = 0;
  #busy = 0;

  add(busy: boolean): void {
    const place = this.#taken++ % KEPT;
    this.#busy += Number(busy) - (this.#samples[place] as number);
    this.#samples[place] = Number(busy);
  }

  /** 0 … 1 over the last hour; undefined before the first sample. */
  get share(): number | undefined {
    return this.#taken === 0 ? undefined : this.#busy / Math.min(this.#taken, KEPT);
  }
}
