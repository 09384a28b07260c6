import { createPrivateKey, createPublicKey, sign as otherSign } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { concat, EMPTY, fromHex, toHex, utf8 } from '../../src/core/bytes.ts';
import {
  diffieHellman,
  edwardsPublicKey,
  isValidPublicKey,
  keyPairOf,
  montgomeryPublicKey,
  signBitOf,
} from '../../src/crypto/curve.ts';
import { agreementKeysOf, sign, signingKeysOf, verify } from '../../src/crypto/signatures.ts';
import { sodium } from '../../src/crypto/sodium.ts';

const hex = (text: string) => fromHex(text) ?? EMPTY;
const seed = fc.uint8Array({ minLength: 32, maxLength: 32 });

/** A point of order 8, and one of order 4: y = 0. */
const ORDER_8 = hex('c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a');
const ORDER_4 = new Uint8Array(32);

describe('X25519', () => {
  test('RFC 7748, section 5.2, first vector', () => {
    const scalar = hex('a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4');
    const u = hex('e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c');
    expect(toHex(diffieHellman(scalar, u) ?? EMPTY)).toBe(
      'c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552',
    );
  });

  test('refuses keys that would agree on zero (section 6.1)', () => {
    const { secretKey } = keyPairOf(new Uint8Array(32).fill(7));
    for (const u of [
      new Uint8Array(32),
      Uint8Array.of(1, ...new Uint8Array(31)),
      hex('e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800'),
      hex('5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157'),
      hex('ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f'),
      hex('edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f'),
      hex('eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f'),
    ])
      expect(diffieHellman(secretKey, u)).toBeUndefined();
    expect(() => diffieHellman(secretKey, new Uint8Array(31))).toThrow(RangeError);
  });
});

describe('the two forms of a key', () => {
  test('agree: X25519 of the secret half is the X25519 form of the public half', () => {
    fc.assert(
      fc.property(seed, (s) => {
        const signing = signingKeysOf(s);
        expect(montgomeryPublicKey(signing.publicKey)).toEqual(agreementKeysOf(signing).publicKey);
      }),
      { numRuns: 30 },
    );
  });

  test('map back with the sign bit, and to the other key with the other one', () => {
    fc.assert(
      fc.property(seed, (s) => {
        const { publicKey } = signingKeysOf(s);
        const u = montgomeryPublicKey(publicKey) ?? EMPTY;
        const sign = signBitOf(publicKey);
        expect(edwardsPublicKey(u, sign)).toEqual(publicKey);
        const negative = publicKey.slice();
        negative[31] = (negative[31] as number) ^ 0x80;
        expect(edwardsPublicKey(u, sign === 0 ? 1 : 0)).toEqual(negative);
      }),
      { numRuns: 30 },
    );
  });

  test('X25519 keys that stand for no identity are refused', () => {
    const { publicKey } = signingKeysOf(new Uint8Array(32));
    const u = montgomeryPublicKey(publicKey) ?? EMPTY;
    const topBit = u.slice();
    topBit[31] = (topBit[31] as number) | 0x80;
    const cases: [string, Uint8Array][] = [
      ['u = 0 (order 2)', new Uint8Array(32)],
      ['u = 1 (order 4)', Uint8Array.of(1, ...new Uint8Array(31))],
      ['u = −1: no inverse', hex('ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f')],
      ['u = 2: on the twist', Uint8Array.of(2, ...new Uint8Array(31))],
      ['u = p + 9: not canonical', hex('f6ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f')],
      ['a valid u with its top bit set', topBit],
      ['31 bytes', u.subarray(1)],
    ];
    for (const [what, bad] of cases)
      for (const sign of [0, 1] as const) expect(edwardsPublicKey(bad, sign), what).toBeUndefined();
    expect(edwardsPublicKey(u, signBitOf(publicKey))).toEqual(publicKey);
  });

  test('u = 9, the base point, maps to the base point of Ed25519', () => {
    const nine = Uint8Array.of(9, ...new Uint8Array(31));
    expect(toHex(edwardsPublicKey(nine, 0) ?? EMPTY)).toBe(`58${'66'.repeat(31)}`);
  });
});

describe('a valid Ed25519 public key', () => {
  const { publicKey } = signingKeysOf(new Uint8Array(32).fill(1));

  test('is what a seed gives (RFC 8032, section 7.1, test 1)', () => {
    const keys = signingKeysOf(hex('9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60'));
    expect(toHex(keys.publicKey)).toBe('d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a');
    expect(isValidPublicKey(keys.publicKey)).toBe(true);
  });

  test.each([
    ['the identity', Uint8Array.of(1, ...new Uint8Array(31))],
    ['order 4', ORDER_4],
    ['order 8', ORDER_8],
    ['mixed order', sodium.crypto_core_ed25519_add(publicKey, ORDER_8)],
    ['not canonical', hex('f0ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f')],
    ['not on the curve', Uint8Array.of(2, ...new Uint8Array(31))],
    ['short', publicKey.subarray(1)],
    ['long', concat(publicKey, Uint8Array.of(0))],
  ])('is not: %s', (_what, bytes) => {
    expect(isValidPublicKey(bytes)).toBe(false);
    expect(montgomeryPublicKey(bytes)).toBeUndefined();
  });
});

describe('signatures', () => {
  const keys = signingKeysOf(new Uint8Array(32).fill(1));
  const fields = [utf8('one'), utf8('two')];
  const signature = sign(keys, 'announce', ...fields);

  test('cover "nexus/1 <purpose>" ‖ 0 ‖ fields (OpenSSL says the same)', () => {
    const pkcs8 = concat(hex('302e020100300506032b657004220420'), new Uint8Array(32).fill(1));
    const key = createPrivateKey({ key: Buffer.from(pkcs8), format: 'der', type: 'pkcs8' });
    const covered = concat(utf8('nexus/1 announce'), Uint8Array.of(0), utf8('onetwo'));
    expect(toHex(signature)).toBe(otherSign(null, covered, key).toString('hex'));
    expect(createPublicKey(key).export({ format: 'jwk' }).x).toBe(
      Buffer.from(keys.publicKey).toString('base64url'),
    );
  });

  test('are good for their purpose, fields and key alone', () => {
    expect(verify(keys.publicKey, signature, 'announce', ...fields)).toBe(true);
    expect(verify(keys.publicKey, signature, 'announce', utf8('onetwo'))).toBe(true);
    expect(verify(keys.publicKey, signature, 'prekey', ...fields)).toBe(false);
    expect(verify(keys.publicKey, signature, 'announce', utf8('other'))).toBe(false);
    expect(verify(signingKeysOf(new Uint8Array(32)).publicKey, signature, 'announce', ...fields)).toBe(false);
  });

  test('of wrong lengths, with any flipped bit, or with a malleable S are refused and do not throw', () => {
    expect(verify(keys.publicKey.subarray(1), signature, 'announce', ...fields)).toBe(false);
    expect(verify(keys.publicKey, signature.subarray(1), 'announce', ...fields)).toBe(false);
    for (let bit = 0; bit < 512; bit += 5) {
      const bad = signature.slice();
      bad[bit >> 3] = (bad[bit >> 3] as number) ^ (1 << (bit & 7));
      expect(verify(keys.publicKey, bad, 'announce', ...fields)).toBe(false);
    }
    // S + L verifies where S < L is not checked (RFC 8032, section 5.1.7)
    const order = 2n ** 252n + 27742317777372353535851937790883648493n;
    const little = (b: Uint8Array) => b.reduceRight((n, x) => (n << 8n) | BigInt(x), 0n);
    const s = little(signature.subarray(32)) + order;
    const malleable = concat(
      signature.subarray(0, 32),
      Uint8Array.from({ length: 32 }, (_, i) => Number((s >> BigInt(8 * i)) & 0xffn)),
    );
    expect(verify(keys.publicKey, malleable, 'announce', ...fields)).toBe(false);
  });
});
