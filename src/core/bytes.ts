/**
 * Bytes: comparison, hex, and the two cursors with which every layout of the protocol is written and read.
 * All integers are little-endian (docs/protocol/README.md, rule 6).
 */

export const EMPTY = new Uint8Array(0);

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** UTF-8 bytes of `text`. */
export function utf8(text: string): Uint8Array {
  return encoder.encode(text);
}

/** Text of UTF-8 `bytes`, or undefined where they are not valid UTF-8. */
export function fromUtf8(bytes: Uint8Array): string | undefined {
  try {
    return decoder.decode(bytes);
  } catch {
    return undefined;
  }
}

const HEX = Array.from({ length: 256 }, (_, i) => i.toString(16).padStart(2, '0'));

/** Lower-case hex, two digits a byte. */
export function toHex(bytes: Uint8Array): string {
  let out = '';
  for (const b of bytes) out += HEX[b];
  return out;
}

/** By character code: the digit's value, or −1. */
const DIGITS = Int8Array.from({ length: 0x80 }, (_, code) => {
  const value = Number.parseInt(String.fromCharCode(code), 16);
  return Number.isNaN(value) ? -1 : value;
});

/** Bytes of a hex string of either case, or undefined where it is not hex of whole bytes. */
export function fromHex(text: string): Uint8Array | undefined {
  if (text.length % 2 !== 0) return undefined;
  const out = new Uint8Array(text.length / 2);
  for (let i = 0; i < out.length; i++) {
    const byte = (digit(text, 2 * i) << 4) | digit(text, 2 * i + 1);
    if (byte < 0) return undefined;
    out[i] = byte;
  }
  return out;
}

function digit(text: string, i: number): number {
  return DIGITS[text.charCodeAt(i)] ?? -1;
}

export function concat(...parts: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const p of parts) length += p.length;
  const out = new Uint8Array(length);
  let at = 0;
  for (const p of parts) {
    out.set(p, at);
    at += p.length;
  }
  return out;
}

/** Equality of public bytes; not constant-time (secrets are compared in the crypto room). */
export function equal(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** Lexicographic order, negative where `a` comes first: the order of LMDB keys and of NodeIds. */
export function compare(a: Uint8Array, b: Uint8Array): number {
  const n = Math.min(a.length, b.length);
  for (let i = 0; i < n; i++) {
    const d = (a[i] as number) - (b[i] as number);
    if (d !== 0) return d;
  }
  return a.length - b.length;
}

export function startsWith(bytes: Uint8Array, prefix: Uint8Array): boolean {
  return bytes.length >= prefix.length && equal(bytes.subarray(0, prefix.length), prefix);
}

/** Appends fixed-layout fields; `bytes()` is the result. Grows as needed. */
export class Writer {
  #buffer: Uint8Array;
  #view: DataView;
  #length = 0;

  constructor(capacity = 64) {
    this.#buffer = new Uint8Array(Math.max(capacity, 16));
    this.#view = new DataView(this.#buffer.buffer);
  }

  get length(): number {
    return this.#length;
  }

  /** Where the next `n` bytes go. May replace buffer and view: call it before using them. */
  #room(n: number): number {
    const at = this.#length;
    const need = at + n;
    if (need > this.#buffer.length) {
      const grown = new Uint8Array(Math.max(need, 2 * this.#buffer.length));
      grown.set(this.#buffer.subarray(0, at));
      this.#buffer = grown;
      this.#view = new DataView(grown.buffer);
    }
    this.#length = need;
    return at;
  }

  u8(v: number): this {
    const at = this.#room(1);
    this.#view.setUint8(at, v);
    return this;
  }
  u16(v: number): this {
    const at = this.#room(2);
    this.#view.setUint16(at, v, true);
    return this;
  }
  u32(v: number): this {
    const at = this.#room(4);
    this.#view.setUint32(at, v, true);
    return this;
  }
  u64(v: bigint): this {
    const at = this.#room(8);
    this.#view.setBigUint64(at, v, true);
    return this;
  }
  raw(v: Uint8Array): this {
    const at = this.#room(v.length);
    this.#buffer.set(v, at);
    return this;
  }

  /** A copy of what was written. */
  bytes(): Uint8Array {
    return this.#buffer.slice(0, this.#length);
  }
}

/** Thrown by `Reader` past the end. Caught at the border of each room by `decode`, never seen beyond it. */
export class ShortRead extends Error {
  override name = 'ShortRead';
}

/** Reads fixed-layout fields in order. Slices are views of the input, not copies. */
export class Reader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get at(): number {
    return this.#at;
  }
  get left(): number {
    return this.#bytes.length - this.#at;
  }

  #take(n: number): number {
    const at = this.#at;
    if (n < 0 || at + n > this.#bytes.length)
      throw new ShortRead(`need ${n} bytes at ${at} of ${this.#bytes.length}`);
    this.#at = at + n;
    return at;
  }

  u8(): number {
    return this.#view.getUint8(this.#take(1));
  }
  u16(): number {
    return this.#view.getUint16(this.#take(2), true);
  }
  u32(): number {
    return this.#view.getUint32(this.#take(4), true);
  }
  u64(): bigint {
    return this.#view.getBigUint64(this.#take(8), true);
  }
  raw(n: number): Uint8Array {
    const at = this.#take(n);
    return this.#bytes.subarray(at, at + n);
  }
  rest(): Uint8Array {
    return this.raw(this.left);
  }
}

/**
 * Runs a decoder over hostile bytes: its value, or undefined where the bytes are too short, where the decoder
 * says undefined itself, or (unless it ends with `rest()`) where bytes are left over.
 */
export function decode<T>(bytes: Uint8Array, read: (r: Reader) => T | undefined): T | undefined {
  const r = new Reader(bytes);
  try {
    const value = read(r);
    return r.left === 0 ? value : undefined;
  } catch (e) {
    if (e instanceof ShortRead) return undefined;
    throw e;
  }
}
