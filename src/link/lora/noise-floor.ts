/** What the channel sounds like when nobody speaks, from momentary RSSI readings. */

/** Enough to ride out a burst of traffic, few enough to follow a new neighbour's power supply within minutes. */
const KEPT = 64;
/** Below this many nothing is said: a first reading may be anyone's frame. */
const NEEDED = 8;
/** Of the lowest tenth: frames raise readings, nothing lowers any, and others may talk four fifths of the time. */
const QUANTILE = 0.1;

export class NoiseFloor {
  /** In the order they came, and the lowest first. */
  readonly #readings: number[] = [];
  readonly #sorted: number[] = [];

  /** A reading in dBm, taken while the receiver followed no frame. */
  add(rssiDbm: number): void {
    this.#readings.push(rssiDbm);
    this.#sorted.splice(placeOf(rssiDbm, this.#sorted), 0, rssiDbm);
    if (this.#readings.length <= KEPT) return;
    const oldest = this.#readings.shift() as number;
    this.#sorted.splice(placeOf(oldest, this.#sorted), 1);
  }

  /** dBm; undefined until there are enough readings. */
  get dbm(): number | undefined {
    const { length } = this.#sorted;
    return length < NEEDED ? undefined : this.#sorted[Math.floor(QUANTILE * (length - 1))];
  }
}

/** Of the first that is not below `value`. */
function placeOf(value: number, sorted: readonly number[]): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((sorted[middle] as number) < value) low = middle + 1;
    else high = middle;
  }
  return low;
}
