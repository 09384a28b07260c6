/** The real database with a window in it: what becomes durable in the table of traces is told to whoever watches. */
import type { CommitOptions, Db, Table, Tx } from '../src/db/db.ts';
import type { Holding } from '../src/store/holding.ts';

const TRACES = 'trace';

export interface TraceWatch {
  trace(holding: Holding): void;
  removed(holding: Holding): void;
}

/** `db`, which tells `watch` each trace once it is on the disk, or gone from it. */
export function watchedDb(db: Db, watch: TraceWatch): Db {
  return {
    table: (spec) => db.table(spec),
    read: (query) => db.read(query),
    count: (table) => db.count(table),
    commit: <T>(change: (tx: Tx) => T, options?: CommitOptions) =>
      db.commit((tx) => change(watchedTx(tx, watch)), options),
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

function watchedTx(tx: Tx, watch: TraceWatch): Tx {
  return {
    get: (table, key) => tx.get(table, key),
    range: (table, range) => tx.range(table, range),
    put<K, V>(table: Table<K, V>, key: K, value: V): void {
      tx.put(table, key, value);
      if (table.spec.name === TRACES) tx.afterCommit(() => watch.trace(value as unknown as Holding));
    },
    remove<K, V>(table: Table<K, V>, key: K): void {
      const before = table.spec.name === TRACES ? tx.get(table, key) : undefined;
      tx.remove(table, key);
      if (before) tx.afterCommit(() => watch.removed(before as unknown as Holding));
    },
    afterCommit: (run) => tx.afterCommit(run),
  };
}
