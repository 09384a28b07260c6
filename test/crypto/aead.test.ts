import { createCipheriv } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { EMPTY, fromHex, toHex, utf8 } from '../../src/core/bytes.ts';
import { chacha20, decrypt, encrypt, REKEY_NONCE } from '../../src/crypto/aead.ts';
import { CipherState } from '../../src/crypto/noise-cipher.ts';
import { constantTimeEqual, wipe } from '../../src/crypto/secret.ts';

const key = Uint8Array.from({ length: 32 }, (_, i) => i);

describe('ChaCha20-Poly1305 with the nonces of Noise (section 12.3)', () => {
  test('the nonce is 32 zero bits and n little-endian (OpenSSL says the same)', () => {
    const n = 0x0102030405060708n;
    const nonce = fromHex('000000000807060504030201') ?? EMPTY;
    const other = createCipheriv('chacha20-poly1305', key, nonce, { authTagLength: 16 });
    const ad = utf8('header');
    const plaintext = utf8('Hello from the roof');
    other.setAAD(ad, { plaintextLength: plaintext.length });
    const expected = other.update(plaintext, undefined, 'hex') + other.final('hex');
    expect(toHex(encrypt(key, n, ad, plaintext))).toBe(expected + other.getAuthTag().toString('hex'));
  });

  test('any flipped bit, another n, other associated data and every truncation are refused', () => {
    const ad = utf8('header');
    const ct = encrypt(key, 5n, ad, utf8('text'));
    expect(decrypt(key, 5n, ad, ct)).toEqual(utf8('text'));
    expect(decrypt(key, 6n, ad, ct)).toBeUndefined();
    expect(decrypt(key, 5n, EMPTY, ct)).toBeUndefined();
    for (let bit = 0; bit < 8 * ct.length; bit++) {
      const bad = ct.slice();
      bad[bit >> 3] = (bad[bit >> 3] as number) ^ (1 << (bit & 7));
      expect(decrypt(key, 5n, ad, bad)).toBeUndefined();
    }
    for (let length = 0; length < ct.length; length++)
      expect(decrypt(key, 5n, ad, ct.subarray(0, length))).toBeUndefined();
  });

  test('a key of another length is a programmer error, not a failure to open', () => {
    expect(() => decrypt(new Uint8Array(16), 0n, EMPTY, new Uint8Array(16))).toThrow(RangeError);
    expect(() => encrypt(key, -1n, EMPTY, EMPTY)).toThrow(RangeError);
    expect(() => encrypt(key, REKEY_NONCE + 1n, EMPTY, EMPTY)).toThrow(RangeError);
  });
});

describe('CipherState', () => {
  test('rekeys to the first 32 bytes of ENCRYPT(k, 2^64 − 1, zerolen, zeros) (sections 4.2, 11.3)', () => {
    const state = new CipherState(key);
    const next = encrypt(key, 0xffff_ffff_ffff_ffffn, EMPTY, new Uint8Array(32)).slice(0, 32);
    const ahead = state.rekeyed();
    expect(state.encrypt(3, EMPTY, utf8('x'))).toEqual(encrypt(key, 3n, EMPTY, utf8('x')));
    state.rekey();
    expect(state.encrypt(3, EMPTY, utf8('x'))).toEqual(encrypt(next, 3n, EMPTY, utf8('x')));
    expect(ahead.decrypt(3, EMPTY, state.encrypt(3, EMPTY, utf8('x')))).toEqual(utf8('x'));
  });

  test('never sends under 2^64 − 1', () => {
    expect(() => new CipherState(key).encrypt(REKEY_NONCE, EMPTY, EMPTY)).toThrow('used up');
    expect(() => new CipherState(key).encrypt(REKEY_NONCE - 1n, EMPTY, EMPTY)).not.toThrow();
  });

  test('has no key left when destroyed, and leaves the one it was made from alone', () => {
    const own = key.slice();
    const state = new CipherState(own);
    state.destroy();
    expect(own).toEqual(key);
    expect(state.encrypt(0, EMPTY, utf8('x'))).toEqual(encrypt(new Uint8Array(32), 0n, EMPTY, utf8('x')));
  });
});

describe('ChaCha20', () => {
  test('RFC 8439, appendix A.1, vector 1: the counter begins at 0', () => {
    expect(toHex(chacha20(new Uint8Array(32), new Uint8Array(12), new Uint8Array(64)))).toBe(
      '76b8e0ada0f13d90405d6ae55386bd28bdd219b8a08ded1aa836efcc8b770dc7da41597c5157488d7724e03fb8d84a376a43b8f41518a11cc387b669b2ee6586',
    );
  });
});

describe('secrets', () => {
  test('compare equal only where they are', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), fc.uint8Array({ maxLength: 40 }), (a, b) => {
        expect(constantTimeEqual(a, b)).toBe(toHex(a) === toHex(b));
        expect(constantTimeEqual(a, a.slice())).toBe(true);
      }),
    );
  });

  test('are zeros when wiped', () => {
    const a = key.slice();
    wipe(a, EMPTY);
    expect(a).toEqual(new Uint8Array(32));
  });
});
