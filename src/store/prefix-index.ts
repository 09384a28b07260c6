/**
 * From the first eight bytes of ids and locks to growing numbers, several under one prefix. A table with open
 * addressing in typed arrays: hundreds of thousands cost 16 to 32 bytes each, and none of them is an object of the
 * heap. Prefixes of hashes are spread evenly as they are; where somebody chooses them alike, a search takes as many
 * steps as there are such entries, which the shares bound (docs/protocol/store.md, "Bounds").
 */
export const PREFIX_LENGTH = 8;
const LEAST_SLOTS = 1024;
/** Of the slots. */
const MOST_FILLED = 0.75;

export class PrefixIndex {
  #high = new Uint32Array(LEAST_SLOTS);
  #low = new Uint32Array(LEAST_SLOTS);
  /** 0: the slot is empty. */
  #numbers = new Float64Array(LEAST_SLOTS);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** `n` is 1 or more; adding it twice under one prefix changes nothing. */
  add(key: Uint8Array, n: number): void {
    const [high, low] = wordsOf(key);
    if (this.#find(high, low, n) !== undefined) return;
    if (this.#size + 1 > this.#numbers.length * MOST_FILLED) this.#grow();
    this.#place(high, low, n);
    this.#size++;
  }

  remove(key: Uint8Array, n: number): void {
    const [high, low] = wordsOf(key);
    const found = this.#find(high, low, n);
    if (found === undefined) return;
    this.#size--;
    this.#vacate(found);
  }

  /** All numbers under a prefix. */
  get(key: Uint8Array): number[] {
    const [high, low] = wordsOf(key);
    const found: number[] = [];
    const mask = this.#numbers.length - 1;
    for (let slot = low & mask; this.#numbers[slot] !== 0; slot = (slot + 1) & mask)
      if (this.#low[slot] === low && this.#high[slot] === high) found.push(this.#numbers[slot] as number);
    return found;
  }

  #find(high: number, low: number, n: number): number | undefined {
    const mask = this.#numbers.length - 1;
    for (let slot = low & mask; this.#numbers[slot] !== 0; slot = (slot + 1) & mask)
      if (this.#numbers[slot] === n && this.#low[slot] === low && this.#high[slot] === high) return slot;
    return undefined;
  }

  #place(high: number, low: number, n: number): void {
    const mask = this.#numbers.length - 1;
    let slot = low & mask;
    while (this.#numbers[slot] !== 0) slot = (slot + 1) & mask;
    this.#high[slot] = high;
    this.#low[slot] = low;
    this.#numbers[slot] = n;
  }

  /** Empties a slot, and moves up what was placed behind it because it was taken (Knuth 6.4, algorithm R). */
  #vacate(slot: number): void {
    const mask = this.#numbers.length - 1;
    let hole = slot;
    for (let next = (hole + 1) & mask; this.#numbers[next] !== 0; next = (next + 1) & mask) {
      const home = (this.#low[next] as number) & mask;
      if (((next - home) & mask) < ((next - hole) & mask)) continue;
      this.#high[hole] = this.#high[next] as number;
      this.#low[hole] = this.#low[next] as number;
      this.#numbers[hole] = this.#numbers[next] as number;
      hole = next;
    }
    this.#numbers[hole] = 0;
  }

  #grow(): void {
    const [high, low, numbers] = [this.#high, this.#low, this.#numbers];
    this.#high = new Uint32Array(2 * numbers.length);
    this.#low = new Uint32Array(2 * numbers.length);
    this.#numbers = new Float64Array(2 * numbers.length);
    for (let slot = 0; slot < numbers.length; slot++)
      if (numbers[slot] !== 0)
        this.#place(high[slot] as number, low[slot] as number, numbers[slot] as number);
  }
}

function wordsOf(key: Uint8Array): [high: number, low: number] {
  if (key.length < PREFIX_LENGTH) throw new RangeError(`a key of ${key.length} bytes`);
  const view = new DataView(key.buffer, key.byteOffset, PREFIX_LENGTH);
  return [view.getUint32(0), view.getUint32(4)];
}
