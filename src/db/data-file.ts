/**
 * Reads LMDB's data file without LMDB, which crashes the process (SIGSEGV, SIGBUS) on a file that is not its own, was
 * cut short, or whose pages point where they should not. Every page that a tree uses is looked at, in the order of the
 * file: what passes may hold a wrong key or value, which checksums find (checksum.ts), but leads LMDB nowhere.
 * Layouts: LMDB 1.0 as lmdb-js has it, libraries/liblmdb/mdb.c, on a little-endian 64-bit machine.
 */
import { closeSync, fstatSync, openSync } from 'node:fs';
import { HEADER, headerOf, PageReader, type Pages, readPiece } from './data-pages.ts';
import { type Tree, TreeWalk, treeAt } from './data-tree.ts';

const MAGIC = 0xbeefc0de;
const VERSION = 2;
const META = 0x08;
/** MDB_INTEGERKEY: the tree of free pages is ordered by transaction. */
const INTEGER_KEYS = 0x08;
/** Far more than any disk: a larger mapping is a flipped bit. */
const MOST_MAPPED = 2n ** 46n;

export type Damage = 'not a database' | 'cut short' | 'its pages do not fit together';

interface Meta {
  readonly pageSize: number;
  readonly mapSize: bigint;
  /** Of free pages, and of tables. */
  readonly free: Tree;
  readonly main: Tree;
  readonly lastPage: number;
  readonly transaction: bigint;
}

/** Why LMDB must not be given the data file at `path`; undefined where it may. Throws what opening the file throws. */
export function damageOf(path: string): Damage | undefined {
  const file = openSync(path, 'r');
  try {
    const size = fstatSync(file).size;
    const first = readMeta(file, 0);
    const second = first && readMeta(file, first.pageSize);
    if (!first || !second || first.pageSize !== second.pageSize) return 'not a database';
    const meta = second.transaction > first.transaction ? second : first;
    const { lastPage, mapSize, pageSize } = meta;
    const apart = first.transaction - second.transaction;
    // LMDB writes the two in turn
    if (apart < -1n || apart > 1n || mapSize > MOST_MAPPED || lastPage < 1)
      return 'its pages do not fit together';
    const pages: Pages = {
      pageSize,
      inFile: Math.floor(size / pageSize),
      last: lastPage,
      transaction: meta.transaction,
    };
    const reader = new PageReader(file, pageSize);
    return new TreeWalk(reader, pages).check(meta.free, meta.main);
  } finally {
    closeSync(file);
  }
}

/** MDB_meta of the meta page at `offset`; undefined where there is none. */
function readMeta(file: number, offset: number): Meta | undefined {
  const page = readPiece(file, offset, HEADER + 136);
  if (!page || !(headerOf(page).flags & META)) return undefined;
  if (page.getUint32(HEADER, true) !== MAGIC) return undefined;
  if ((page.getUint32(HEADER + 4, true) & 0xffff) !== VERSION) return undefined;
  const pageSize = page.getUint32(HEADER + 24, true);
  if (pageSize < 512 || pageSize > 65536 || (pageSize & (pageSize - 1)) !== 0) return undefined;
  // two MDB_db of 48 bytes: free pages, then tables
  const free = treeAt(page, HEADER + 24);
  const main = treeAt(page, HEADER + 72);
  if ((free.flags & 0xff) !== INTEGER_KEYS || main.flags !== 0) return undefined;
  return {
    pageSize,
    free,
    main,
    mapSize: page.getBigUint64(HEADER + 16, true),
    lastPage: Number(page.getBigUint64(HEADER + 120, true)),
    transaction: page.getBigUint64(HEADER + 128, true),
  };
}
