/**
 * Reads LMDB's data file without LMDB, which crashes the process (SIGSEGV, SIGBUS) on a file that is not its own or
 * was cut short. Layouts: LMDB 1.0, libraries/liblmdb/mdb.c, on a little-endian 64-bit machine.
 */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';

const HEADER = 24; // MDB_page_header: u64 page, u64 transaction, u16 pad, u16 flags, u16 lower, u16 upper
const MAGIC = 0xbeefc0de;
const VERSION = 2;
const NO_PAGE = 0xffff_ffff_ffff_ffffn;

const [BRANCH, LEAF, OVERFLOW, META] = [0x01, 0x02, 0x04, 0x08];
const [BIG_DATA, SUB_DATA] = [0x01, 0x02];

interface Meta {
  readonly pageSize: number;
  readonly roots: readonly bigint[];
  readonly lastPage: number;
  readonly transaction: bigint;
}

/** Why LMDB must not be given the data file at `path`; undefined where it may. Throws what opening the file throws. */
export function damageOf(path: string): 'not a database' | 'cut short' | undefined {
  const file = openSync(path, 'r');
  try {
    const size = fstatSync(file).size;
    const first = readMeta(file, 0);
    const second = first && readMeta(file, first.pageSize);
    if (!first || !second || first.pageSize !== second.pageSize) return 'not a database';
    const meta = second.transaction > first.transaction ? second : first;
    // the last pages may be missing where nothing uses them; only then is it worth reading them all
    if ((meta.lastPage + 1) * meta.pageSize <= size) return undefined;
    return isWhole(file, size, meta) ? undefined : 'cut short';
  } finally {
    closeSync(file);
  }
}

/** MDB_meta of the meta page at `offset`; undefined where there is none. */
function readMeta(file: number, offset: number): Meta | undefined {
  const page = readAt(file, offset, HEADER + 136);
  if (!page || !(page.getUint16(18, true) & META)) return undefined;
  if (page.getUint32(HEADER, true) !== MAGIC) return undefined;
  if ((page.getUint32(HEADER + 4, true) & 0xffff) !== VERSION) return undefined;
  const pageSize = page.getUint32(HEADER + 24, true);
  if (pageSize < 512 || pageSize > 65536) return undefined;
  return {
    pageSize,
    // of the two MDB_db of 48 bytes, free pages and tables, the last field
    roots: [page.getBigUint64(HEADER + 64, true), page.getBigUint64(HEADER + 112, true)],
    lastPage: Number(page.getBigUint64(HEADER + 120, true)),
    transaction: page.getBigUint64(HEADER + 128, true),
  };
}

/** Whether every page that a tree refers to is within the file and of its kind. */
function isWhole(file: number, size: number, meta: Meta): boolean {
  const pending = meta.roots.filter((root) => root !== NO_PAGE);
  for (let visited = 0; pending.length > 0; visited++) {
    const number = pending.pop() as bigint;
    const page = readAt(file, Number(number) * meta.pageSize, meta.pageSize);
    if (!page || page.getBigUint64(0, true) !== number || visited > meta.lastPage) return false;
    const flags = page.getUint16(18, true);
    const count = page.getUint16(20, true) >> 1;
    if (flags & OVERFLOW) {
      if ((Number(number) + page.getUint32(20, true)) * meta.pageSize > size) return false;
    } else if (flags & (BRANCH | LEAF) && HEADER + 2 * count <= meta.pageSize) {
      for (let i = 0; i < count; i++) {
        const node = page.getUint16(HEADER + 2 * i, true) + HEADER;
        if (node + 8 > meta.pageSize) return false;
        const child = flags & BRANCH ? childOf(page, node) : referenceOf(page, node);
        if (child === undefined) return false;
        if (child !== NO_PAGE) pending.push(child);
      }
    } else return false;
  }
  return true;
}

/** Page number in a branch's node: the 48 bits that hold size and flags in a leaf's. */
function childOf(page: DataView, node: number): bigint {
  return page.getBigUint64(node, true) & 0xffff_ffff_ffffn;
}

/** Page a leaf's node refers to: of a long value or a table's root. Undefined where it is malformed. */
function referenceOf(page: DataView, node: number): bigint | undefined {
  const flags = page.getUint16(node + 4, true);
  const data = node + 8 + page.getUint16(node + 6, true);
  const at = flags & SUB_DATA ? data + 40 : data;
  if (!(flags & (SUB_DATA | BIG_DATA))) return NO_PAGE;
  return at + 8 <= page.byteLength ? page.getBigUint64(at, true) : undefined;
}

/** Undefined where the file ends before. */
function readAt(file: number, offset: number, length: number): DataView | undefined {
  const bytes = new Uint8Array(length);
  if (readSync(file, bytes, 0, length, offset) < length) return undefined;
  return new DataView(bytes.buffer);
}
