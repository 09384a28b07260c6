/**
 * From growing numbers to one number each, in typed arrays: 16 bytes a slot where a Map of numbers takes about 70. For
 * what is remembered of every held object.
 */
const LEAST_SLOTS = 64;
/** Of the slots. */
const MOST_FILLED = 0.75;

export class NumberMap {
  /** 0: the slot is empty. */
  #keys = new Float64Array(LEAST_SLOTS);
  #values = new Float64Array(LEAST_SLOTS);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get(key: number): number | undefined {
    const slot = this.#slotOf(key);
    return this.#keys[slot] === key ? this.#values[slot] : undefined;
  }

  /** `key` is an integer of 1 or more. */
  set(key: number, value: number): void {
    let slot = this.#slotOf(key);
    if (this.#keys[slot] === 0) {
      if (this.#size + 1 > this.#keys.length * MOST_FILLED) {
        this.#grow();
        slot = this.#slotOf(key);
      }
      this.#size++;
      this.#keys[slot] = key;
    }
    this.#values[slot] = value;
  }

  delete(key: number): void {
    const found = this.#slotOf(key);
    if (this.#keys[found] !== key) return;
    this.#size--;
    // what was placed behind it because it was taken moves up (Knuth 6.4, algorithm R)
    const mask = this.#keys.length - 1;
    let hole = found;
    for (let next = (hole + 1) & mask; this.#keys[next] !== 0; next = (next + 1) & mask) {
      const home = this.#home(this.#keys[next] as number);
      if (((next - home) & mask) < ((next - hole) & mask)) continue;
      this.#keys[hole] = this.#keys[next] as number;
      this.#values[hole] = this.#values[next] as number;
      hole = next;
    }
    this.#keys[hole] = 0;
  }

  /** In no particular order. Not to be changed meanwhile. */
  *entries(): Generator<readonly [key: number, value: number]> {
    for (let slot = 0; slot < this.#keys.length; slot++) {
      const key = this.#keys[slot] as number;
      if (key !== 0) yield [key, this.#values[slot] as number];
    }
  }

  /** Where the key is, or the empty slot where it belongs. */
  #slotOf(key: number): number {
    const mask = this.#keys.length - 1;
    let slot = this.#home(key);
    while (this.#keys[slot] !== 0 && this.#keys[slot] !== key) slot = (slot + 1) & mask;
    return slot;
  }

  /** Spreads numbers that follow each other (Knuth 6.4, multiplicative hashing). */
  #home(key: number): number {
    return (Math.imul(key, 0x9e3779b1) >>> 7) & (this.#keys.length - 1);
  }

  #grow(): void {
    const [keys, values] = [this.#keys, this.#values];
    this.#keys = new Float64Array(2 * keys.length);
    this.#values = new Float64Array(2 * keys.length);
    for (let i = 0; i < keys.length; i++) {
      const key = keys[i] as number;
      if (key === 0) continue;
      const slot = this.#slotOf(key);
      this.#keys[slot] = key;
      this.#values[slot] = values[i] as number;
    }
  }
}
