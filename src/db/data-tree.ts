/**
 * Walks the trees of LMDB's data file level by level: every page is of its kind, used once, filled as its header says,
 * with its keys in order and between those of the page above; the sums are those that the tree's record gives.
 */
import { compare } from '../core/bytes.ts';
import type { Damage } from './data-file.ts';
import {
  childAt,
  flagsAt,
  HEADER,
  headerOf,
  keyAt,
  keySizeAt,
  NODE,
  nodeAt,
  type PageReader,
  type Pages,
  valueSizeAt,
} from './data-pages.ts';

const [BRANCH, LEAF, OVERFLOW] = [0x01, 0x02, 0x04];
/** Of leaf nodes: the value is on pages of its own; it is the root of a table. */
const [BIG_DATA, SUB_DATA] = [0x01, 0x02];
const NO_PAGE = 0xffff_ffff_ffff_ffffn;
const LONGEST_KEY = 511;
const TREE = 48;
/** MDB_ovpage: u64 page, u64 transaction, u64 pages. */
const LONG_VALUE = 24;
/** lmdb-js caps nothing, mdb.c does: CURSOR_STACK. */
const DEEPEST = 32;

/** MDB_db, 48 bytes: what the file says of one tree. */
export interface Tree {
  readonly flags: number;
  readonly depth: number;
  readonly branches: bigint;
  readonly leaves: bigint;
  readonly overflows: bigint;
  readonly entries: bigint;
  readonly root: bigint;
}

export function treeAt(page: DataView, at: number): Tree {
  return {
    flags: page.getUint16(at + 4, true),
    depth: page.getUint16(at + 6, true),
    branches: page.getBigUint64(at + 8, true),
    leaves: page.getBigUint64(at + 16, true),
    overflows: page.getBigUint64(at + 24, true),
    entries: page.getBigUint64(at + 32, true),
    root: page.getBigUint64(at + 40, true),
  };
}

/** A page that a tree refers to. */
interface Pending {
  readonly number: number;
  /** Its keys are within: from inclusive, to exclusive; undefined is unbounded. */
  readonly from: Uint8Array | undefined;
  readonly to: Uint8Array | undefined;
}

/** A value on pages of its own: which tree's, and its bytes. */
interface LongValue {
  readonly number: number;
  readonly pages: number;
  readonly size: number;
  readonly isFreeList: boolean;
}

type Order = (a: Uint8Array, b: Uint8Array) => number;

class Broken extends Error {}

export class TreeWalk {
  readonly #reader: PageReader;
  readonly #pages: Pages;
  /** A bit for each page that is used. */
  readonly #used: Uint8Array;
  readonly #tables: Tree[] = [];
  readonly #free: number[] = [];
  #cutShort = false;

  constructor(reader: PageReader, pages: Pages) {
    this.#reader = reader;
    this.#pages = pages;
    this.#used = new Uint8Array(Math.ceil((Math.min(pages.last, pages.inFile) + 1) / 8));
    this.#use(0);
    this.#use(1);
  }

  /** What is wrong with the tree of free pages, that of tables, and the tables. */
  check(free: Tree, main: Tree): Damage | undefined {
    try {
      this.#walk(free, 'free');
      this.#walk(main, 'main');
      for (const table of this.#tables) this.#walk(table, 'table');
      // a page that is free and used would be overwritten while it is read
      for (const page of this.#free) if (page <= this.#pages.inFile && this.#isUsed(page)) throw new Broken();
      return undefined;
    } catch (e) {
      if (!(e instanceof Broken)) throw e;
      return this.#cutShort ? 'cut short' : 'its pages do not fit together';
    }
  }

  #walk(tree: Tree, kind: 'free' | 'main' | 'table'): void {
    if (tree.root === NO_PAGE) {
      if (tree.entries !== 0n || tree.depth !== 0) throw new Broken();
      return;
    }
    if (tree.depth < 1 || tree.depth > DEEPEST) throw new Broken();
    const order = kind === 'free' ? byTransaction : compare;
    const sums = { branches: 0n, leaves: 0n, overflows: 0n, entries: 0n };
    let level: Pending[] = [{ number: this.#number(tree.root), from: undefined, to: undefined }];
    for (let depth = 1; depth < tree.depth; depth++) {
      const below: Pending[] = [];
      for (const pending of inOrder(level)) this.#branch(pending, order, below);
      sums.branches += BigInt(level.length);
      level = below;
    }
    const long: LongValue[] = [];
    for (const pending of inOrder(level)) sums.entries += BigInt(this.#leaf(pending, order, kind, long));
    sums.leaves = BigInt(level.length);
    for (const value of inOrder(long)) sums.overflows += BigInt(this.#long(value));
    const { branches, leaves, overflows, entries } = tree;
    if (sums.branches !== branches || sums.leaves !== leaves) throw new Broken();
    if (sums.overflows !== overflows || sums.entries !== entries) throw new Broken();
  }

  #branch({ number, from, to }: Pending, order: Order, below: Pending[]): void {
    const page = this.#page(number, BRANCH);
    const nodes = nodesOf(page);
    if (nodes.length < 2) throw new Broken();
    // the first key of a branch stands for all below, and is often empty
    const keys = nodes.map((node, i) => (i === 0 ? undefined : keyAt(page, node).slice()));
    nodes.forEach((node, i) => {
      const low = keys[i] ?? from;
      const high = keys[i + 1] ?? to;
      if (low && high && order(low, high) >= 0) throw new Broken();
      below.push({ number: this.#number(childAt(page, node)), from: low, to: high });
    });
    sizesFill(page, nodes, (node) => NODE + keySizeAt(page, node));
  }

  /** How many entries it has. */
  #leaf(pending: Pending, order: Order, kind: 'free' | 'main' | 'table', long: LongValue[]): number {
    const { from, number, to } = pending;
    const page = this.#page(number, LEAF);
    const nodes = nodesOf(page);
    let before = from;
    nodes.forEach((node, i) => {
      const key = keyAt(page, node);
      if (key.length === 0 || key.length > LONGEST_KEY) throw new Broken();
      const compared = before ? order(before, key) : -1;
      if (compared > 0 || (compared === 0 && i > 0)) throw new Broken();
      before = key;
      this.#value(page, node, kind, long);
    });
    if (before && to && nodes.length > 0 && order(before, to) >= 0) throw new Broken();
    sizesFill(page, nodes, (node) => NODE + keySizeAt(page, node) + inlineSize(page, node));
    return nodes.length;
  }

  #value(page: DataView, node: number, kind: 'free' | 'main' | 'table', long: LongValue[]): void {
    const flags = flagsAt(page, node);
    const at = node + NODE + keySizeAt(page, node);
    const size = valueSizeAt(page, node);
    if (kind === 'main' ? flags !== SUB_DATA : (flags & ~BIG_DATA) !== 0) throw new Broken();
    if (at + inlineSize(page, node) > page.byteLength) throw new Broken();
    if (flags === SUB_DATA) {
      if (size !== TREE) throw new Broken();
      const table = treeAt(page, at);
      if (table.flags !== 0) throw new Broken();
      this.#tables.push(table);
    } else if (flags & BIG_DATA) {
      if (page.getBigUint64(at + 8, true) > this.#pages.transaction) throw new Broken();
      const pages = Number(page.getBigUint64(at + 16, true));
      const number = this.#number(page.getBigUint64(at, true));
      long.push({ number, pages, size, isFreeList: kind === 'free' });
    } else if (kind === 'free') this.#freeList(page, at, size);
  }

  /** How many pages it fills. */
  #long({ isFreeList, number, pages, size }: LongValue): number {
    const page = this.#page(number, OVERFLOW);
    const { inFile, pageSize } = this.#pages;
    if (pages < 1 || headerOf(page).pages !== pages || HEADER + size > pages * pageSize) throw new Broken();
    if (number + pages > inFile) throw this.#endsBefore();
    for (let i = 1; i < pages; i++) this.#use(number + i);
    if (isFreeList) this.#longFreeList(number, size);
    return pages;
  }

  #longFreeList(number: number, size: number): void {
    const { pageSize } = this.#pages;
    const whole = new Uint8Array(size);
    for (let at = -HEADER, i = 0; at < size; at += pageSize, i++) {
      const page = this.#reader.page(number + i);
      if (!page) throw this.#endsBefore();
      const skipped = i === 0 ? HEADER : 0;
      const from = new Uint8Array(page.buffer, page.byteOffset + skipped, pageSize - skipped);
      whole.set(from.subarray(0, size - (at + skipped)), at + skipped);
    }
    this.#freeList(new DataView(whole.buffer), 0, size);
  }

  /** midl.c of lmdb-js: count, then so many: 0 is an empty slot, a negative length stands before the first of a block. */
  #freeList(page: DataView, at: number, size: number): void {
    const count = Number(page.getBigUint64(at, true));
    if (8 * (count + 1) > size) throw new Broken();
    for (let i = 1; i <= count; i++) {
      const entry = page.getBigInt64(at + 8 * i, true);
      if (entry === 0n) continue;
      if (entry < 0n && i === count) throw new Broken();
      const first = entry < 0n ? page.getBigInt64(at + 8 * ++i, true) : entry;
      const length = entry < 0n ? -entry : 1n;
      if (first < 2n || first + length - 1n > BigInt(this.#pages.last)) throw new Broken();
      for (let k = 0n; k < length; k++) this.#free.push(Number(first + k));
    }
  }

  /** The page with that number, of that kind, used from now on. */
  #page(number: number, kind: number): DataView {
    this.#use(number);
    const page = this.#reader.page(number);
    if (!page) throw this.#endsBefore();
    const { number: own, flags, transaction } = headerOf(page);
    if (own !== BigInt(number) || flags !== kind || transaction > this.#pages.transaction) throw new Broken();
    return page;
  }

  #number(number: bigint | number): number {
    const page = Number(number);
    if (page < 2 || page > this.#pages.last) throw new Broken();
    if (page >= this.#pages.inFile) throw this.#endsBefore();
    return page;
  }

  #use(number: number): void {
    if (number > this.#pages.last) throw new Broken();
    if (this.#isUsed(number)) throw new Broken();
    this.#used[number >> 3] = (this.#used[number >> 3] ?? 0) | (1 << (number & 7));
  }

  #isUsed(number: number): boolean {
    return ((this.#used[number >> 3] ?? 0) & (1 << (number & 7))) !== 0;
  }

  /** What is thrown where a page is used that is behind the end of the file. */
  #endsBefore(): Broken {
    this.#cutShort = true;
    return new Broken();
  }
}

/** Bytes of a value within its leaf. */
function inlineSize(page: DataView, node: number): number {
  return flagsAt(page, node) & BIG_DATA ? LONG_VALUE : valueSizeAt(page, node);
}

/** Where the nodes of a page begin; all are within it. */
function nodesOf(page: DataView): number[] {
  const { count, upper } = headerOf(page);
  if (HEADER + 2 * count > upper || upper > page.byteLength) throw new Broken();
  return Array.from({ length: count }, (_, i) => {
    const node = nodeAt(page, i);
    if (node < upper || node + NODE > page.byteLength) throw new Broken();
    if (node + NODE + keySizeAt(page, node) > page.byteLength) throw new Broken();
    return node;
  });
}

/** The nodes of a page lie side by side from `upper` to its end, each on an even byte. */
function sizesFill(page: DataView, nodes: readonly number[], sizeAt: (node: number) => number): void {
  let at = headerOf(page).upper;
  for (const node of [...nodes].sort((a, b) => a - b)) {
    if (node !== at) throw new Broken();
    at += (sizeAt(node) + 1) & ~1;
  }
  if (at !== page.byteLength) throw new Broken();
}

function inOrder<T extends { readonly number: number }>(pending: T[]): T[] {
  return pending.sort((a, b) => a.number - b.number);
}

/** Keys of the tree of free pages: u64 in the machine's order of bytes. */
function byTransaction(a: Uint8Array, b: Uint8Array): number {
  if (a.length !== 8 || b.length !== 8) throw new Broken();
  const [x, y] = [a, b].map((k) => new DataView(k.buffer, k.byteOffset, 8).getBigUint64(0, true)) as [
    bigint,
    bigint,
  ];
  return x < y ? -1 : x > y ? 1 : 0;
}
