/** The pages of LMDB's data file, and the nodes within them (mdb.c: MDB_page_header, MDB_node). */
import { readSync } from 'node:fs';

/** MDB_page_header: u64 page, u64 transaction, u16 pad, u16 flags, u16 lower, u16 upper. */
export const HEADER = 24;
/** MDB_node without key and value: u16 size low, u16 size high, u16 flags, u16 key size. */
export const NODE = 8;
/** Pages read at a time: the walk goes through the file in its order. */
const WINDOW = 64;

/** How far page numbers go. */
export interface Pages {
  readonly pageSize: number;
  /** Whole pages in the file. */
  readonly inFile: number;
  /** The last one that was ever used. */
  readonly last: number;
  /** The newest transaction: no page that is used can be of a later one. */
  readonly transaction: bigint;
}

export interface PageHeader {
  readonly number: bigint;
  readonly transaction: bigint;
  readonly flags: number;
  /** Nodes of a branch or leaf. */
  readonly count: number;
  /** Where its nodes begin. */
  readonly upper: number;
  /** Of an overflow page: how many there are of it. */
  readonly pages: number;
}

export function headerOf(page: DataView): PageHeader {
  return {
    number: page.getBigUint64(0, true),
    transaction: page.getBigUint64(8, true),
    flags: page.getUint16(18, true),
    count: page.getUint16(20, true) >> 1,
    upper: page.getUint16(22, true) + HEADER,
    pages: page.getUint32(20, true),
  };
}

/** Where the i-th node of a page begins. */
export function nodeAt(page: DataView, i: number): number {
  return page.getUint16(HEADER + 2 * i, true) + HEADER;
}

export function keySizeAt(page: DataView, node: number): number {
  return page.getUint16(node + 6, true);
}

export function flagsAt(page: DataView, node: number): number {
  return page.getUint16(node + 4, true);
}

export function valueSizeAt(page: DataView, node: number): number {
  return page.getUint16(node, true) + page.getUint16(node + 2, true) * 0x10000;
}

/** Page number in a branch's node: the 48 bits that hold size and flags in a leaf's. */
export function childAt(page: DataView, node: number): number {
  return valueSizeAt(page, node) + page.getUint16(node + 4, true) * 0x1_0000_0000;
}

export function keyAt(page: DataView, node: number): Uint8Array {
  return new Uint8Array(page.buffer, page.byteOffset + node + NODE, keySizeAt(page, node));
}

/** Reads pages in windows, so that a walk in the order of the file reads it from front to back. */
export class PageReader {
  readonly #file: number;
  readonly #pageSize: number;
  readonly #window: Uint8Array;
  #from = 0;
  #whole = 0;

  constructor(file: number, pageSize: number) {
    this.#file = file;
    this.#pageSize = pageSize;
    this.#window = new Uint8Array(WINDOW * pageSize);
  }

  /** Valid until the next one is read; undefined where the file ends before its end. */
  page(number: number): DataView | undefined {
    if (number < this.#from || number >= this.#from + this.#whole) this.#move(number);
    if (number >= this.#from + this.#whole) return undefined;
    return new DataView(this.#window.buffer, (number - this.#from) * this.#pageSize, this.#pageSize);
  }

  #move(number: number): void {
    const read = readSync(this.#file, this.#window, 0, this.#window.length, number * this.#pageSize);
    this.#from = number;
    this.#whole = Math.floor(read / this.#pageSize);
  }
}

/** A piece of a file; undefined where the file ends before. */
export function readPiece(file: number, offset: number, length: number): DataView | undefined {
  const bytes = new Uint8Array(length);
  if (readSync(file, bytes, 0, length, offset) < length) return undefined;
  return new DataView(bytes.buffer);
}
