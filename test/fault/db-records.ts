/** What the children of the database's fault tests write, and what must hold of it whenever they end. */
import { appendFileSync, existsSync, openSync, readFileSync, writeSync } from 'node:fs';
import { bytes, counter, text, u32 } from '../../src/db/codecs.ts';
import type { Db, ReadTx, Table } from '../../src/db/db.ts';

export const ACCOUNTS = { name: 'accounts', key: u32, value: bytes(1 << 20) };
export const COPIES = { name: 'copies', key: u32, value: bytes(1 << 20) };
export const TOTALS = { name: 'totals', key: text, value: counter };

/** The three tables of which every commit changes all. */
export class Records {
  readonly #db: Db;
  readonly #accounts: Table<number, Uint8Array>;
  readonly #copies: Table<number, Uint8Array>;
  readonly #totals: Table<string, number>;

  constructor(db: Db) {
    this.#db = db;
    this.#accounts = db.table(ACCOUNTS);
    this.#copies = db.table(COPIES);
    this.#totals = db.table(TOTALS);
  }

  /** Adds the record after the newest, of `size` bytes, in one commit; resolves with its number. */
  add(size: number): Promise<number> {
    return this.#db.commit((tx) => {
      const number = this.count(tx);
      tx.put(this.#accounts, number, new Uint8Array(size).fill(number));
      tx.put(this.#copies, number, new Uint8Array(size).fill(number));
      tx.put(this.#totals, 'records', number + 1);
      return number;
    });
  }

  count(tx: ReadTx): number {
    return tx.get(this.#totals, 'records') ?? 0;
  }

  /** The number of records; throws where a commit is there in part. */
  check(): number {
    return this.#db.read((tx) => {
      const count = this.count(tx);
      const [accounts, copies] = [this.#accounts, this.#copies].map((table) =>
        [...tx.range(table)].map(({ key, value }, i) => {
          if (key !== i || value.some((b) => b !== key % 256))
            throw new Error(`${table.spec.name} lacks ${i}`);
          return value.length;
        }),
      );
      if (accounts?.length !== count || copies?.join() !== accounts.join())
        throw new Error(`${accounts?.length} accounts, ${copies?.length} copies, ${count} in total`);
      return count;
    });
  }
}

/** Notes what was acknowledged in a file outside the database, which outlives the process. */
export class Acknowledged {
  readonly #file: number;
  constructor(path: string) {
    this.#file = openSync(path, 'a');
  }
  note(number: number): void {
    writeSync(this.#file, `${number}\n`);
  }
  /** The numbers noted at `path`, none where there is no such file. */
  static read(path: string): number[] {
    if (!existsSync(path)) appendFileSync(path, '');
    return readFileSync(path, 'utf8').split('\n').filter(Boolean).map(Number);
  }
}
