/** Several numbers under one name. Most names have one, and for those no set is made: there are hundreds of thousands. */
export class NumberIndex {
  readonly #entries = new Map<string, number | Set<number>>();

  add(key: string, n: number): void {
    const entry = this.#entries.get(key);
    if (entry === undefined) this.#entries.set(key, n);
    else if (typeof entry !== 'number') entry.add(n);
    else if (entry !== n) this.#entries.set(key, new Set([entry, n]));
  }

  remove(key: string, n: number): void {
    const entry = this.#entries.get(key);
    if (entry === n) this.#entries.delete(key);
    if (typeof entry !== 'object') return;
    entry.delete(n);
    if (entry.size === 0) this.#entries.delete(key);
  }

  get(key: string): readonly number[] {
    const entry = this.#entries.get(key);
    if (entry === undefined) return [];
    return typeof entry === 'number' ? [entry] : [...entry];
  }

  /** One of them. */
  first(key: string): number | undefined {
    const entry = this.#entries.get(key);
    return typeof entry === 'object' ? entry.values().next().value : entry;
  }
  keys(): IterableIterator<string> {
    return this.#entries.keys();
  }
}
