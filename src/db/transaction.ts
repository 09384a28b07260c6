/** What a closure sees of the database: tables, typed, over the layers of changes and LMDB. */
import { toHex } from '../core/bytes.ts';
import { messageOf } from '../core/errors.ts';
import { DamagedRecord, type Range, type Table, type Tx } from './db.ts';
import { Damaged, type Environment, fromBytes, MAX_KEY_BYTES, toBytes } from './environment.ts';
import { type Entry, type KeyRange, Layer, merge } from './overlay.ts';

type AnyTable = { readonly spec: { readonly name: string } };

/** A record that cannot be read back, and its bytes, where they are known. */
export type OnDamaged = (record: DamagedRecord, key: string, value: Uint8Array) => void;

/** Valid while its closure runs; used later it throws. */
export class Transaction implements Tx {
  /** What this transaction wrote. */
  readonly changes = new Layer();
  readonly afterCommits: (() => void)[] = [];
  readonly #environment: Environment;
  /** Newest first; this transaction's own changes are the first. */
  readonly #layers: readonly Layer[];
  readonly #owns: (table: AnyTable) => boolean;
  readonly #onDamaged: OnDamaged;
  #open = true;

  /** `earlier`: the layers that are not durable yet, newest first. `owns`: whether a table is of this database. */
  constructor(
    environment: Environment,
    earlier: readonly Layer[],
    owns: (table: AnyTable) => boolean,
    onDamaged: OnDamaged,
  ) {
    this.#environment = environment;
    this.#onDamaged = onDamaged;
    this.#layers = [this.changes, ...earlier];
    this.#owns = owns;
  }

  /** The closure is done. */
  end(): void {
    this.#open = false;
  }

  get<K, V>(table: Table<K, V>, key: K): V | undefined {
    const name = this.#use(table);
    const encoded = encodeKey(table, key);
    const layer = this.#layers.find((l) => l.of(name)?.has(encoded));
    const value = layer ? layer.of(name)?.get(encoded) : this.#environment.get(name, encoded);
    return value && this.#decoded(table, encoded, value);
  }

  *range<K, V>(table: Table<K, V>, range: Range<K> = {}): Generator<{ key: K; value: V }> {
    const name = this.#use(table);
    const limit = range.limit ?? Number.POSITIVE_INFINITY;
    if (limit <= 0) return;
    const bounds: KeyRange = {
      from: range.from === undefined ? undefined : encodeKey(table, range.from),
      to: range.to === undefined ? undefined : encodeKey(table, range.to),
      reverse: range.reverse ?? false,
    };
    let count = 0;
    for (const { key, value } of this.#entries(name, bounds)) {
      if (!value) continue;
      const entry = this.#entry(table, key, value);
      if (!entry) continue;
      yield entry;
      if (++count >= limit) return;
      this.#use(table);
    }
  }

  /** The newest entry of every key, removals included. */
  #entries(table: string, range: KeyRange): Iterable<Entry<Uint8Array | Damaged>> {
    let entries: Iterable<Entry<Uint8Array | Damaged>> = this.#environment.range(table, range);
    for (const layer of this.#layers.toReversed()) {
      const changes = layer.of(table);
      if (changes) entries = merge(changes.range(range), entries, range.reverse);
    }
    return entries;
  }

  put<K, V>(table: Table<K, V>, key: K, value: V): void {
    // a copy, because a codec may give back what it was given, and the caller may use that again
    this.changes.set(this.#use(table), encodeKey(table, key), new Uint8Array(table.spec.value.encode(value)));
  }

  remove<K, V>(table: Table<K, V>, key: K): void {
    this.changes.set(this.#use(table), encodeKey(table, key), undefined);
  }

  afterCommit(run: () => void): void {
    this.afterCommits.push(run);
  }

  #entry<K, V>(
    table: Table<K, V>,
    key: string,
    value: Uint8Array | Damaged,
  ): { key: K; value: V } | undefined {
    const decoded = this.#decoded(table, key, value);
    if (decoded === undefined) return undefined;
    try {
      return { key: table.spec.key.decode(toBytes(key)), value: decoded };
    } catch (cause) {
      return this.#damaged(table, key, value, cause);
    }
  }

  #decoded<K, V>(table: Table<K, V>, key: string, value: Uint8Array | Damaged): V | undefined {
    if (value instanceof Damaged) return this.#damaged(table, key, value, new Error('its checksum is wrong'));
    try {
      // a copy, because what a codec gives back may be a view
      return table.spec.value.decode(value.slice());
    } catch (cause) {
      return this.#damaged(table, key, value, cause);
    }
  }

  #damaged<K, V>({ spec }: Table<K, V>, key: string, value: Uint8Array | Damaged, cause: unknown): undefined {
    const record = new DamagedRecord(
      spec.name,
      `${toHex(toBytes(key))} cannot be read (${messageOf(cause)})`,
      { cause },
    );
    if (spec.damaged === 'thrown') throw record;
    this.#onDamaged(record, key, value instanceof Damaged ? value.bytes : value);
    return undefined;
  }

  #use(table: AnyTable): string {
    if (!this.#open) throw new Error('a transaction was used after its closure had returned');
    if (!this.#owns(table)) throw new Error(`the table ${table.spec.name} is not of this database`);
    return table.spec.name;
  }
}

function encodeKey<K, V>(table: Table<K, V>, key: K): string {
  const bytes = table.spec.key.encode(key);
  if (bytes.length === 0 || bytes.length > MAX_KEY_BYTES)
    throw new RangeError(`a key of ${table.spec.name} has ${bytes.length} bytes, not 1 to ${MAX_KEY_BYTES}`);
  return fromBytes(bytes);
}
