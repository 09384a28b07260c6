/** The real database with a window in it: what becomes durable in the table of traces is told to whoever watches. */
import type { CommitOptions, Db, Table, Tx } from '../src/db/db.ts';
import type { Holding } from '../src/store/holding.ts';

export type OnTrace = (holding: Holding) => void;

/** `db`, which tells `onTrace` each trace once it is on the disk. */
export function watchedDb(db: Db, onTrace: OnTrace): Db {
  return {
    table: (spec) => db.table(spec),
    read: (query) => db.read(query),
    commit: <T>(change: (tx: Tx) => T, options?: CommitOptions) =>
      db.commit((tx) => change(watchedTx(tx, onTrace)), options),
    get failed() {
      return db.failed;
    },
    get refusal() {
      return db.refusal;
    },
    get disk() {
      return db.disk;
    },
    refusalOf: (options) => db.refusalOf(options),
    marks: db.marks,
    setAside: db.setAside,
    onDamaged: db.onDamaged,
    close: () => db.close(),
  };
}

function watchedTx(tx: Tx, onTrace: OnTrace): Tx {
  return {
    get: (table, key) => tx.get(table, key),
    range: (table, range) => tx.range(table, range),
    put<K, V>(table: Table<K, V>, key: K, value: V): void {
      tx.put(table, key, value);
      if (table.spec.name === 'trace') tx.afterCommit(() => onTrace(value as unknown as Holding));
    },
    remove: (table, key) => tx.remove(table, key),
    afterCommit: (run) => tx.afterCommit(run),
  };
}
