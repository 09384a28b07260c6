/** docs/protocol/messages.md, "Lock-SIV". */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { EMPTY, fromHex, toHex, utf8 } from '../../src/core/bytes.ts';
import { lockOf, opensLock } from '../../src/crypto/lock.ts';
import { type Context, open, seal } from '../../src/crypto/lock-siv.ts';

const context: Context = {
  mk: Uint8Array.from({ length: 32 }, (_, i) => i),
  ad: utf8('header'),
  preceding: utf8('before'),
};
const text = utf8('Hello from the roof');

const some = (maxLength: number) => fc.uint8Array({ maxLength });
const contexts = fc.record({
  mk: fc.uint8Array({ minLength: 32, maxLength: 32 }),
  ad: some(40),
  preceding: some(100),
});

function flipped(bytes: Uint8Array, at: number): Uint8Array {
  const out = bytes.slice();
  const bit = at % (8 * bytes.length);
  out[bit >> 3] = (out[bit >> 3] as number) ^ (1 << (bit & 7));
  return out;
}

describe('golden bytes', () => {
  test('as an implementation over other libraries has them', () => {
    const { ct, lock, secret } = seal(context, text);
    expect(toHex(ct)).toBe('6aa66c4f5c53bdaa26e4b41b8adb8173a42b4f');
    expect(toHex(lock)).toBe('d69838e4b48c2dd600efb5243550b19f');
    expect(toHex(secret)).toBe('164d544701090bbd9d187ef0d21f9c9e');
    expect(open(context, ct, lock)).toEqual({ plaintext: text, secret });
  });
});

describe('sealing', () => {
  test('is deterministic, keeps the length, and opens', () => {
    fc.assert(
      fc.property(contexts, some(300), (c, plaintext) => {
        const sealed = seal(c, plaintext);
        expect(seal(c, plaintext)).toEqual(sealed);
        expect(sealed.ct).toHaveLength(plaintext.length);
        expect(opensLock(sealed.secret, sealed.lock)).toBe(true);
        expect(open(c, sealed.ct, sealed.lock)).toEqual({ plaintext, secret: sealed.secret });
      }),
    );
  });

  test('two texts under one key share no keystream', () => {
    const a = seal(context, new Uint8Array(64));
    const b = seal(context, Uint8Array.of(1, ...new Uint8Array(63)));
    const equalBytes = a.ct.filter((x, i) => x === b.ct[i]).length;
    expect(equalBytes).toBeLessThan(8);
  });
});

describe('opening', () => {
  test('refuses any flipped bit in key, ad, preceding, ct or lock', () => {
    const bit = fc.nat();
    fc.assert(
      fc.property(contexts, fc.uint8Array({ minLength: 1, maxLength: 300 }), bit, (c, plaintext, at) => {
        const { ct, lock } = seal(c, plaintext);
        expect(open(c, flipped(ct, at), lock)).toBeUndefined();
        expect(open(c, ct, flipped(lock, at))).toBeUndefined();
        expect(open({ ...c, mk: flipped(c.mk, at) }, ct, lock)).toBeUndefined();
        if (c.ad.length > 0) expect(open({ ...c, ad: flipped(c.ad, at) }, ct, lock)).toBeUndefined();
        if (c.preceding.length > 0)
          expect(open({ ...c, preceding: flipped(c.preceding, at) }, ct, lock)).toBeUndefined();
      }),
    );
  });

  test('refuses every truncation, an extension, and bytes moved between ad and preceding', () => {
    const { ct, lock } = seal(context, text);
    for (let length = 0; length < ct.length; length++)
      expect(open(context, ct.subarray(0, length), lock)).toBeUndefined();
    expect(open(context, Uint8Array.of(...ct, 0), lock)).toBeUndefined();
    expect(open(context, ct, lock.subarray(1))).toBeUndefined();
    expect(open(context, ct, EMPTY)).toBeUndefined();
    const moved = { ...context, ad: utf8('headerb'), preceding: utf8('efore') };
    expect(open(moved, ct, lock)).toBeUndefined();
  });

  test('a key or associated data of a wrong length is a programmer error', () => {
    expect(() => open({ ...context, mk: new Uint8Array(31) }, EMPTY, new Uint8Array(16))).toThrow(RangeError);
    expect(() => seal({ ...context, ad: new Uint8Array(65_536) }, EMPTY)).toThrow(RangeError);
  });
});

describe('a lock', () => {
  test('is the BLAKE3 of its secret, cut to 16 bytes', () => {
    expect(toHex(lockOf(fromHex('164d544701090bbd9d187ef0d21f9c9e') ?? EMPTY))).toBe(
      'd69838e4b48c2dd600efb5243550b19f',
    );
  });

  test('opens for its secret alone', () => {
    const secret = Uint8Array.from({ length: 16 }, (_, i) => i);
    const lock = lockOf(secret);
    expect(opensLock(secret, lock)).toBe(true);
    for (let bit = 0; bit < 128; bit++) {
      expect(opensLock(flipped(secret, bit), lock)).toBe(false);
      expect(opensLock(secret, flipped(lock, bit))).toBe(false);
    }
    expect(opensLock(secret, lock.subarray(0, 8))).toBe(false);
    expect(opensLock(secret.subarray(1), lockOf(secret.subarray(1)))).toBe(false);
  });
});
