import { createHash, createHmac } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { concat, EMPTY, toHex, utf8 } from '../../src/core/bytes.ts';
import { blake2b, blake3, hkdf, hkdfKeys, hmac } from '../../src/crypto/hashes.ts';

describe('BLAKE2b', () => {
  test('RFC 7693, appendix A', () => {
    expect(toHex(blake2b(utf8('abc'), 64))).toBe(
      'ba80a53f981c4d0d6a2797b69f12f6e94c212f14685ac4b74b12bb6fdbffa2d17d87c5392aab792dc252d5de4533cc9518d38aa8dbf1925ab92386edd4009923',
    );
  });

  test('the digest length is a parameter, not a cut', () => {
    expect(toHex(blake2b(utf8('abc'), 32))).toBe(
      'bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319',
    );
  });

  test('keyed natively (first of the reference vectors)', () => {
    expect(
      toHex(
        blake2b(
          EMPTY,
          64,
          Uint8Array.from({ length: 64 }, (_, i) => i),
        ),
      ),
    ).toBe(
      '10ebb67700b1868efb4417987acf4690ae9d972fb7a590c2f02871799aaa4786b5e996e8f0f4eb981fc214b005f42d2ff4233499391653df7aefcbc13fc51568',
    );
  });
});

describe('BLAKE3', () => {
  /** Input of the published vectors: 0, 1, …, 250, 0, … */
  const input = (length: number) => Uint8Array.from({ length }, (_, i) => i % 251);

  test.each([
    [0, 'af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262'],
    [1, '2d3adedff11b61f14c886e35afa036736dcd87a74d27b5c1510225d0f592e213'],
    [1024, '42214739f095a406f3fc83deb889744ac00df831c10daa55189b5d121c855af7'],
  ])('published vector of %i bytes', (length, digest) => {
    expect(toHex(blake3(input(length)))).toBe(digest);
  });

  test('a shorter output is a prefix', () => {
    expect(blake3(input(100), 16)).toEqual(blake3(input(100)).slice(0, 16));
  });
});

describe('HMAC and HKDF over BLAKE2b-512', () => {
  const key = fc.uint8Array({ maxLength: 128 });
  const message = fc.uint8Array({ maxLength: 300 });

  test("HMAC is RFC 2104's (OpenSSL says the same)", () => {
    fc.assert(
      fc.property(key, message, (k, m) => {
        expect(toHex(hmac(k, m))).toBe(createHmac('blake2b512', k).update(m).digest('hex'));
      }),
    );
    expect(createHash('blake2b512').update('abc').digest('hex')).toBe(toHex(blake2b(utf8('abc'), 64)));
  });

  test('a key longer than a block is refused: none of this protocol is', () => {
    expect(() => hmac(new Uint8Array(129), EMPTY)).toThrow(RangeError);
  });

  test('HKDF chains its outputs (Noise, section 4.3)', () => {
    fc.assert(
      fc.property(key, message, (ck, ikm) => {
        const temporary = hmac(ck, ikm);
        const [a, b, c] = hkdf(ck, ikm, 3);
        expect(a).toEqual(hmac(temporary, Uint8Array.of(1)));
        expect(b).toEqual(hmac(temporary, concat(a, Uint8Array.of(2))));
        expect(c).toEqual(hmac(temporary, concat(b, Uint8Array.of(3))));
        expect(hkdf(ck, ikm, 2)).toEqual([a, b]);
        expect(hkdfKeys(ck, ikm)).toEqual([a.slice(0, 32), b.slice(0, 32), c.slice(0, 32)]);
      }),
      { numRuns: 30 },
    );
  });
});
