import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { toHex, utf8 } from '../../src/core/bytes.ts';
import { edwardsPublicKey, isValidPublicKey } from '../../src/crypto/curve.ts';
import { verify } from '../../src/crypto/signatures.ts';
import { Identity } from '../../src/identity/keys.ts';
import { nodeIdFrom, nodeIdKey, nodeIdOf } from '../../src/identity/node-id.ts';

const seed = Uint8Array.from({ length: 32 }, (_, i) => i);

describe('an identity', () => {
  test('golden bytes of all that follows from a seed', () => {
    const identity = new Identity(seed);
    expect(toHex(identity.publicKey)).toBe(
      '03a107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b8',
    );
    expect(identity.signBit).toBe(1);
    expect(toHex(identity.agreement.publicKey)).toBe(
      '4701d08488451f545a409fb58ae3e58581ca40ac3f7f114698cd71deac73ca01',
    );
    expect(nodeIdKey(identity.nodeId)).toBe('9d24e2eeaf27c2a088a564a32fc03a88');
  });

  test('is restored from its X25519 form and the sign bit', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), (s) => {
        const { publicKey, agreement, signBit } = new Identity(s);
        expect(isValidPublicKey(publicKey)).toBe(true);
        expect(edwardsPublicKey(agreement.publicKey, signBit)).toEqual(publicKey);
      }),
      { numRuns: 30 },
    );
  });

  test('signs', () => {
    const identity = new Identity(seed);
    const signature = identity.sign('announce', utf8('a'), utf8('b'));
    expect(verify(identity.publicKey, signature, 'announce', utf8('ab'))).toBe(true);
  });

  test('has no secret left when destroyed, and leaves the seed to its owner', () => {
    const own = seed.slice();
    const identity = new Identity(own);
    const signature = identity.sign('announce', utf8('a'));
    identity.destroy();
    expect(own).toEqual(seed);
    expect(identity.agreement.secretKey).toEqual(new Uint8Array(32));
    expect(identity.sign('announce', utf8('a'))).not.toEqual(signature);
  });

  test('needs a seed of 32 bytes', () => {
    expect(() => new Identity(seed.subarray(1))).toThrow(RangeError);
  });
});

describe('a NodeId', () => {
  test('is taken from 16 bytes, no more and no less', () => {
    const { publicKey, nodeId } = new Identity(seed);
    expect(nodeIdFrom(nodeId.slice())).toEqual(nodeIdOf(publicKey));
    expect(() => nodeIdFrom(new Uint8Array(15))).toThrow(RangeError);
    expect(() => nodeIdFrom(new Uint8Array(17))).toThrow(RangeError);
  });
});
