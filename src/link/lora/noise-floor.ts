/** What the channel sounds like when nobody speaks, from momentary RSSI readings. */

/** Enough to ride out a burst of traffic, few enough to follow a new neighbour's power supply within minutes. */
const KEPT = 64;
/** Below this many nothing is said: a first reading may be anyone's frame. */
const NEEDED = 8;
/** Of the lowest tenth: frames raise readings, nothing lowers any, and others may talk four fifths of the time. */
const QUANTILE = 0.1;

export class NoiseFloor {
  readonly #readings: number[] = [];
  /** Of these readings, until the next one comes. */
  #dbm: number | undefined;

  /** A reading in dBm, taken while the receiver followed no frame. */
  add(rssiDbm: number): void {
    this.#readings.push(rssiDbm);
    if (this.#readings.length > KEPT) this.#readings.shift();
    this.#dbm = undefined;
  }

  /** dBm; undefined until there are enough readings. */
  get dbm(): number | undefined {
    if (this.#readings.length < NEEDED) return undefined;
    if (this.#dbm !== undefined) return this.#dbm;
    const sorted = this.#readings.toSorted((a, b) => a - b);
    this.#dbm = sorted[Math.floor(QUANTILE * (sorted.length - 1))];
    return this.#dbm;
  }
}
