import fc from 'fast-check';
import * as v from 'valibot';
import { describe, expect, it } from 'vitest';
import { compare, fromHex, toHex } from '../../src/core/bytes.ts';
import { cbor } from '../../src/db/cbor.ts';
import { bytes, counter, fixed, text, tuple, u32, u64 } from '../../src/db/codecs.ts';

const hex = (digits: string) => fromHex(digits) as Uint8Array;

describe('golden bytes', () => {
  it.each([
    ['u32', u32, 0x01020304, '01020304'],
    ['u64', u64, 0x0102030405060708n, '0102030405060708'],
    ['counter', counter, 2 ** 53 - 1, '001fffffffffffff'],
    ['fixed', fixed(3), Uint8Array.of(1, 2, 3), '010203'],
    ['bytes', bytes(4), Uint8Array.of(9), '09'],
    ['text', text, 'é€', 'c3a9e282ac'],
    [
      'tuple',
      tuple(fixed(2), u32, counter),
      [Uint8Array.of(0xaa, 0xbb), 7, 258],
      'aabb000000070000000000000102',
    ],
  ] as const)('%s', (_name, codec, value, digits) => {
    expect(toHex((codec.encode as (v: unknown) => Uint8Array)(value))).toBe(digits);
    expect(codec.decode(hex(digits))).toEqual(value);
  });
});

describe('keys', () => {
  const sign = (n: number | bigint) => (n > 0 ? 1 : n < 0 ? -1 : 0);

  it('are ordered as their numbers', () => {
    const number = fc.oneof(fc.maxSafeNat(), fc.nat(300));
    fc.assert(
      fc.property(number, number, (a, b) => {
        expect(sign(compare(counter.encode(a), counter.encode(b)))).toBe(sign(a - b));
        expect(sign(compare(u64.encode(BigInt(a)), u64.encode(BigInt(b))))).toBe(sign(a - b));
      }),
    );
  });

  it('of several fields are ordered by the first, then the next', () => {
    const pair = tuple(u32, u64);
    const field = fc.nat(3);
    fc.assert(
      fc.property(field, field, field, field, (a, b, c, d) => {
        const order = compare(pair.encode([a, BigInt(b)]), pair.encode([c, BigInt(d)]));
        expect(sign(order)).toBe(sign(a - c || b - d));
      }),
    );
  });
});

describe('what does not fit', () => {
  it.each([
    ['u32', () => u32.encode(-1)],
    ['u32', () => u32.encode(2 ** 32)],
    ['u32', () => u32.encode(1.5)],
    ['u64', () => u64.encode(-1n)],
    ['u64', () => u64.encode(1n << 64n)],
    ['counter', () => counter.encode(2 ** 53)],
    ['counter', () => counter.decode(hex('0020000000000000'))],
    ['fixed', () => fixed(2).encode(Uint8Array.of(1))],
    ['fixed', () => fixed(2).decode(Uint8Array.of(1, 2, 3))],
    ['bytes', () => bytes(2).encode(Uint8Array.of(1, 2, 3))],
    ['bytes', () => bytes(2).decode(Uint8Array.of(1, 2, 3))],
    ['u32 bytes', () => u32.decode(Uint8Array.of(1, 2, 3))],
    ['u64 bytes', () => u64.decode(new Uint8Array(9))],
    ['text bytes', () => text.decode(Uint8Array.of(0xff))],
    ['tuple bytes', () => tuple(u32, u32).decode(new Uint8Array(7))],
    ['tuple bytes', () => tuple(u32, u32).decode(new Uint8Array(9))],
  ])('%s is refused', (_name, run) => {
    expect(run).toThrow(RangeError);
  });
});

describe('CBOR', () => {
  const codec = cbor(
    v.strictObject({
      name: v.string(),
      key: v.instance(Uint8Array),
      size: v.number(),
      note: v.optional(v.string()),
    }),
    200,
  );
  const value = { name: 'relay', key: Uint8Array.of(1, 2, 3), size: 2 ** 40 };

  it('is plain: a map of definite length, byte strings without a tag (RFC 8949, sections 3 and 3.4)', () => {
    const encoded = toHex(
      cbor(v.object({ a: v.number(), b: v.instance(Uint8Array) }), 20).encode({ a: 1, b: Uint8Array.of(7) }),
    );
    expect(encoded).toBe('a2616101616241' + '07');
  });

  it('gives back what it was given, bytes as plain arrays', () => {
    const back = codec.decode(new Uint8Array(codec.encode(value)));
    expect(back).toEqual(value);
    expect(Object.getPrototypeOf(back.key)).toBe(Uint8Array.prototype);
  });

  it('refuses what its schema does not describe, written or read', () => {
    expect(() => codec.encode({ ...value, size: 'large' } as never)).toThrow(v.ValiError);
    const other = new Uint8Array(cbor(v.any(), 200).encode({ ...value, more: 1 }));
    expect(() => codec.decode(other)).toThrow(v.ValiError);
  });

  it('refuses more bytes than it may have, before it looks at them', () => {
    expect(() => codec.encode({ ...value, name: 'x'.repeat(200) })).toThrow(RangeError);
    expect(() => codec.decode(new Uint8Array(201))).toThrow('201 bytes of CBOR, more than 200');
  });

  it('refuses every cut and every other first byte', () => {
    const encoded = new Uint8Array(codec.encode(value));
    for (let n = 0; n < encoded.length; n++) expect(() => codec.decode(encoded.subarray(0, n))).toThrow();
    for (let first = 0; first < 256; first++) {
      if (first === encoded[0]) continue;
      expect(() => codec.decode(Uint8Array.of(first, ...encoded.subarray(1))), `${first}`).toThrow();
    }
  });
});
