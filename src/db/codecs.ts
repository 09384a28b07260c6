/**
 * Codecs of keys and values. Those of fixed width are big-endian, so that the order of the bytes is the order of the
 * numbers, and serve as keys, as parts of keys and as values. A value that does not fit is a programmer's error.
 */
import { fromUtf8, utf8 } from '../core/bytes.ts';
import type { KeyCodec, ValueCodec } from './db.ts';

export interface FixedCodec<T> extends KeyCodec<T>, ValueCodec<T> {
  /** Bytes of every encoded value. */
  readonly width: number;
}

/** An integer in 0..2^32 - 1. */
export const u32: FixedCodec<number> = {
  width: 4,
  encode: (n) => {
    if (!Number.isInteger(n) || n < 0 || n > 0xffffffff) throw new RangeError(`${n} is not a u32`);
    return write(4, (view) => view.setUint32(0, n));
  },
  decode: (bytes) => view(bytes, 4).getUint32(0),
};

/** An integer in 0..2^64 - 1. */
export const u64: FixedCodec<bigint> = {
  width: 8,
  encode: (n) => {
    if (n < 0n || n >= 1n << 64n) throw new RangeError(`${n} is not a u64`);
    return write(8, (view) => view.setBigUint64(0, n));
  },
  decode: (bytes) => view(bytes, 8).getBigUint64(0),
};

/** A safe integer in 0..2^53 - 1, in eight bytes: counters, times in ms. */
export const counter: FixedCodec<number> = {
  width: 8,
  encode: (n) => {
    if (!Number.isSafeInteger(n) || n < 0) throw new RangeError(`${n} is not a counter`);
    return u64.encode(BigInt(n));
  },
  decode: (bytes) => {
    const n = Number(u64.decode(bytes));
    if (!Number.isSafeInteger(n)) throw new RangeError(`${n} is beyond a counter`);
    return n;
  },
};

/** Exactly `width` bytes. */
export function fixed(width: number): FixedCodec<Uint8Array> {
  const check = (bytes: Uint8Array) => {
    if (bytes.length !== width) throw new RangeError(`${bytes.length} bytes instead of ${width}`);
    return bytes;
  };
  return { width, encode: check, decode: check };
}

/** At most `max` bytes. */
export function bytes(max: number): KeyCodec<Uint8Array> & ValueCodec<Uint8Array> {
  const check = (b: Uint8Array) => {
    if (b.length > max) throw new RangeError(`${b.length} bytes, more than ${max}`);
    return b;
  };
  return { encode: check, decode: check };
}

/** UTF-8; as a key in the order of its code points, not empty, and within 511 bytes. */
export const text: KeyCodec<string> & ValueCodec<string> = {
  encode: utf8,
  decode: (b) => {
    const s = fromUtf8(b);
    if (s === undefined) throw new RangeError('not valid UTF-8');
    return s;
  },
};

/** Fields of fixed width one after the other, ordered by the first, then the second, and so on. */
export function tuple<T extends readonly unknown[]>(
  ...parts: { [I in keyof T]: FixedCodec<T[I]> }
): FixedCodec<T> {
  const fields = parts as readonly FixedCodec<unknown>[];
  const width = fields.reduce((sum, field) => sum + field.width, 0);
  return {
    width,
    encode: (values) => {
      const out = new Uint8Array(width);
      let at = 0;
      fields.forEach((field, i) => {
        out.set(field.encode(values[i]), at);
        at += field.width;
      });
      return out;
    },
    decode: (b) => {
      view(b, width);
      let at = 0;
      const values = fields.map((field) => {
        const end = at + field.width;
        const value = field.decode(b.subarray(at, end));
        at = end;
        return value;
      });
      return values as unknown as T;
    },
  };
}

function write(width: number, set: (view: DataView) => void): Uint8Array {
  const out = new Uint8Array(width);
  set(new DataView(out.buffer));
  return out;
}

function view(bytes: Uint8Array, width: number): DataView {
  if (bytes.length !== width) throw new RangeError(`${bytes.length} bytes instead of ${width}`);
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
