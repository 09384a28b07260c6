/** Curve25519 in its two dresses: Ed25519 names and signs, X25519 agrees on keys (docs/protocol/link.md, Identity). */
import { equal } from '../core/bytes.ts';
import type { Random } from '../core/random.ts';
import { sodium } from './sodium.ts';

/** Length of every public key and of every X25519 result. */
export const CURVE_LENGTH = 32;

/** An X25519 key pair, 32 bytes each. */
export interface KeyPair {
  readonly publicKey: Uint8Array;
  readonly secretKey: Uint8Array;
}

/** The pair of an X25519 secret key (32 bytes, kept as the pair's own). */
export function keyPairOf(secretKey: Uint8Array): KeyPair {
  return { publicKey: sodium.crypto_scalarmult_base(secretKey), secretKey };
}

/** X25519 (RFC 7748), or undefined where the other side's key is of small order and the result would be zero. */
export function diffieHellman(secretKey: Uint8Array, publicKey: Uint8Array): Uint8Array | undefined {
  if (secretKey.length !== CURVE_LENGTH || publicKey.length !== CURVE_LENGTH)
    throw new RangeError('X25519 keys have 32 bytes');
  try {
    return sodium.crypto_scalarmult(secretKey, publicKey);
  } catch {
    // lengths are right: what is left to fail is the check for zero
    return undefined;
  }
}

/** A fresh X25519 pair. */
export function drawKeyPair(random: Random): KeyPair {
  return keyPairOf(random.bytes(CURVE_LENGTH));
}

/** Whether these are an Ed25519 public key: canonical, on the curve, in the prime-order subgroup, not the identity. */
export function isValidPublicKey(publicKey: Uint8Array): boolean {
  return publicKey.length === CURVE_LENGTH && sodium.crypto_core_ed25519_is_valid_point(publicKey);
}

/** The X25519 form of an Ed25519 public key, or undefined where it is no valid one. The sign bit is lost. */
export function montgomeryPublicKey(publicKey: Uint8Array): Uint8Array | undefined {
  return isValidPublicKey(publicKey) ? sodium.crypto_sign_ed25519_pk_to_curve25519(publicKey) : undefined;
}

/** The sign bit of an Ed25519 public key: what its X25519 form does not tell. */
export function signBitOf(publicKey: Uint8Array): 0 | 1 {
  return ((publicKey[CURVE_LENGTH - 1] as number) & 0x80) === 0 ? 0 : 1;
}

const P = 2n ** 255n - 19n;

/**
 * The Ed25519 public key of an X25519 one and its sign bit: y = (u − 1) / (u + 1) (RFC 7748, section 4.1). Undefined
 * where `u` is not canonical, lies on the twist, or is of small order: the result is taken only if it is a valid key
 * whose X25519 form is `u` again.
 */
export function edwardsPublicKey(u: Uint8Array, signBit: 0 | 1): Uint8Array | undefined {
  if (u.length !== CURVE_LENGTH) return undefined;
  const value = toNumber(u);
  const y = mod((value - 1n) * inverse(mod(value + 1n)));
  const publicKey = fromNumber(y | (BigInt(signBit) << 255n));
  const back = montgomeryPublicKey(publicKey);
  return back && equal(back, u) ? publicKey : undefined;
}

function mod(a: bigint): bigint {
  const r = a % P;
  return r < 0n ? r + P : r;
}

/** a^(p − 2) (Fermat); 0 for 0. Public values only: its duration depends on them. */
function inverse(a: bigint): bigint {
  let result = 1n;
  let square = a;
  for (let e = P - 2n; e > 0n; e >>= 1n) {
    if (e & 1n) result = mod(result * square);
    square = mod(square * square);
  }
  return result;
}

function toNumber(littleEndian: Uint8Array): bigint {
  return littleEndian.reduceRight((n, b) => (n << 8n) | BigInt(b), 0n);
}

function fromNumber(n: bigint): Uint8Array {
  return Uint8Array.from({ length: CURVE_LENGTH }, (_, i) => Number((n >> BigInt(8 * i)) & 0xffn));
}
