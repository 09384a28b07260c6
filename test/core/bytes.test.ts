import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  compare,
  concat,
  decode,
  equal,
  fromHex,
  fromUtf8,
  Reader,
  ShortRead,
  startsWith,
  toHex,
  utf8,
  Writer,
} from '../../src/core/bytes.ts';

describe('Writer and Reader', () => {
  test('lay out integers little-endian', () => {
    const bytes = new Writer()
      .u8(1)
      .u16(0x0203)
      .u32(0x04050607)
      .u64(0x08090a0b0c0d0e0fn)
      .raw(utf8('é'))
      .bytes();
    expect(toHex(bytes)).toBe('01' + '0302' + '07060504' + '0f0e0d0c0b0a0908' + 'c3a9');
    const r = new Reader(bytes);
    expect([r.u8(), r.u16(), r.u32(), r.u64(), fromUtf8(r.rest())]).toEqual([
      1,
      0x0203,
      0x04050607,
      0x08090a0b0c0d0e0fn,
      'é',
    ]);
  });

  test('agree over any sequence of fields, however often the writer has to grow', () => {
    const field = fc.oneof(
      fc.record({ kind: fc.constant('u8' as const), value: fc.nat(0xff) }),
      fc.record({ kind: fc.constant('u16' as const), value: fc.nat(0xffff) }),
      fc.record({ kind: fc.constant('u32' as const), value: fc.nat(0xffffffff) }),
      fc.record({ kind: fc.constant('u64' as const), value: fc.bigInt(0n, 2n ** 64n - 1n) }),
      fc.record({ kind: fc.constant('raw' as const), value: fc.uint8Array({ maxLength: 40 }) }),
    );
    fc.assert(
      fc.property(fc.array(field, { maxLength: 60 }), (fields) => {
        const w = new Writer(0);
        for (const f of fields) {
          if (f.kind === 'u64') w.u64(f.value);
          else if (f.kind === 'raw') w.raw(f.value);
          else w[f.kind](f.value);
        }
        const bytes = w.bytes();
        expect(bytes).toHaveLength(w.length);
        const r = new Reader(bytes);
        for (const f of fields)
          expect(f.kind === 'raw' ? r.raw(f.value.length) : r[f.kind]()).toEqual(f.value);
        expect(r.left).toBe(0);
      }),
    );
  });

  test('a read past the end is a ShortRead, and `decode` makes it undefined', () => {
    expect(() => new Reader(utf8('a')).u16()).toThrow(ShortRead);
    expect(decode(utf8('a'), (r) => r.u16())).toBeUndefined();
    expect(decode(utf8('abc'), (r) => r.u16())).toBeUndefined();
    expect(decode(utf8('ab'), (r) => r.u16())).toBe(0x6261);
  });
  test('`decode` lets a programmer error through', () => {
    const broken = () => decode(utf8('ab'), () => ([] as string[][])[0]?.[0]?.length ?? JSON.parse('{'));
    expect(broken).toThrow(SyntaxError);
  });
});

describe('hex', () => {
  test('goes both ways', () => {
    fc.assert(fc.property(fc.uint8Array(), (b) => equal(fromHex(toHex(b)) ?? utf8('x'), b)));
    expect(fromHex('AbCd')).toEqual(Uint8Array.of(0xab, 0xcd));
  });
  test.each(['0', 'zz', '0x00', ' 00'])('refuses %j', (text) => {
    expect(fromHex(text)).toBeUndefined();
  });
});

test('order is that of LMDB: byte by byte, a prefix first', () => {
  const sorted = ['', '00', '0001', '01', '0100', 'ff'];
  const shuffled = [...sorted].reverse().map((t) => fromHex(t) as Uint8Array);
  expect(shuffled.sort(compare).map(toHex)).toEqual(sorted);
});

test('concat, equal, startsWith', () => {
  const ab = concat(utf8('a'), new Uint8Array(0), utf8('b'));
  expect(equal(ab, utf8('ab'))).toBe(true);
  expect(equal(ab, utf8('abc'))).toBe(false);
  expect(startsWith(ab, utf8('a'))).toBe(true);
  expect(startsWith(utf8('a'), ab)).toBe(false);
});

test('bytes that are not UTF-8 are no text', () => {
  expect(fromUtf8(Uint8Array.of(0xff))).toBeUndefined();
  expect(fromUtf8(Uint8Array.of(0xed, 0xa0, 0x80))).toBeUndefined();
});
