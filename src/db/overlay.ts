/**
 * Changes that are not on the disk yet, in memory, one layer over the other: a commit's own writes over those of the
 * groups that wait to become durable, over LMDB. Rolling back is dropping a layer.
 *
 * A key is held as a string of one character per byte (Latin-1): it can be the key of a Map, and the order of such
 * strings is the order of the bytes.
 */

export interface Entry<V = Uint8Array> {
  readonly key: string;
  /** Undefined where the entry was removed. */
  readonly value: V | undefined;
}

/** Bounds as encoded keys; undefined is unbounded. */
export interface KeyRange {
  /** Inclusive. */
  readonly from: string | undefined;
  /** Exclusive. */
  readonly to: string | undefined;
  readonly reverse: boolean;
}

/** One layer's changes to one table, in key order. */
export class TableChanges {
  readonly #values = new Map<string, Uint8Array | undefined>();
  readonly #sorted: string[] = [];

  has(key: string): boolean {
    return this.#values.has(key);
  }

  /** Undefined where the key was removed, and where it was not changed: ask `has`. */
  get(key: string): Uint8Array | undefined {
    return this.#values.get(key);
  }

  set(key: string, value: Uint8Array | undefined): void {
    if (!this.#values.has(key)) this.#sorted.splice(this.#position(key), 0, key);
    this.#values.set(key, value);
  }

  /** All changes, in no particular order. */
  entries(): Iterable<[string, Uint8Array | undefined]> {
    return this.#values;
  }

  /** The changes within `range`, in its direction. Throws where the table changes meanwhile. */
  *range({ from, to, reverse }: KeyRange): Generator<Entry> {
    const low = from === undefined ? 0 : this.#position(from);
    const high = to === undefined ? this.#sorted.length : this.#position(to);
    const size = this.#sorted.length;
    for (let i = 0; i < high - low; i++) {
      const key = this.#sorted[reverse ? high - 1 - i : low + i] as string;
      yield { key, value: this.#values.get(key) };
      if (this.#sorted.length !== size) throw new Error('a table was changed while it was iterated over');
    }
  }

  /** Index of the first key that is not below `key`; the end is tried first, because keys mostly grow. */
  #position(key: string): number {
    const sorted = this.#sorted;
    let low = 0;
    let high = sorted.length;
    if (high > 0 && (sorted[high - 1] as string) < key) return high;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((sorted[middle] as string) < key) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** Changes to any number of tables. */
export class Layer {
  readonly #tables = new Map<string, TableChanges>();

  get empty(): boolean {
    return this.#tables.size === 0;
  }

  get tables(): Iterable<[string, TableChanges]> {
    return this.#tables;
  }

  of(table: string): TableChanges | undefined {
    return this.#tables.get(table);
  }

  set(table: string, key: string, value: Uint8Array | undefined): void {
    let changes = this.#tables.get(table);
    if (!changes) {
      changes = new TableChanges();
      this.#tables.set(table, changes);
    }
    changes.set(key, value);
  }

  /** Takes over the changes of a newer layer, which is not used afterwards. */
  absorb(newer: Layer): void {
    for (const [table, changes] of newer.tables) {
      if (!this.#tables.has(table)) this.#tables.set(table, changes);
      else for (const [key, value] of changes.entries()) this.set(table, key, value);
    }
  }
}

/** Merges two ordered sequences; where both have a key, the newer's entry stands. */
export function* merge<V>(
  newer: Iterable<Entry>,
  older: Iterable<Entry<V>>,
  reverse: boolean,
): Generator<Entry<V | Uint8Array>> {
  const above = newer[Symbol.iterator]();
  const below = older[Symbol.iterator]();
  try {
    let a = above.next();
    let b = below.next();
    while (!a.done || !b.done) {
      if (b.done || (!a.done && (a.value.key === b.value.key || a.value.key < b.value.key !== reverse))) {
        if (!b.done && a.value.key === b.value.key) b = below.next();
        yield a.value;
        a = above.next();
      } else {
        yield b.value;
        b = below.next();
      }
    }
  } finally {
    above.return?.();
    below.return?.();
  }
}
