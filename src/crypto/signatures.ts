/**
 * Ed25519 (RFC 8032), by libsodium only: other libraries accept other encodings. Every signature covers
 * `"nexus/1 <purpose>" ‖ 0 ‖ fields`, so that none can be shown for another purpose (docs/protocol/README.md, rule 6).
 */
import { concat, utf8 } from '../core/bytes.ts';
import { type KeyPair, keyPairOf } from './curve.ts';
import { sodium } from './sodium.ts';

/** What a key of this protocol signs. One word each; a new kind of record adds its own. */
export type SignaturePurpose = 'announce' | 'prekey' | 'unreadable' | 'mutable';

export const SEED_LENGTH = 32;
export const SIGNATURE_LENGTH = 64;

/** An Ed25519 pair: public key 32 bytes, secret key 64 (seed ‖ public key, libsodium's form). */
export interface SigningKeys {
  readonly publicKey: Uint8Array;
  readonly secretKey: Uint8Array;
}

/** The pair of a seed of 32 bytes (RFC 8032, section 5.1.5). */
export function signingKeysOf(seed: Uint8Array): SigningKeys {
  // taken by name first: a call that ends in _keypair( is forbidden everywhere, for the sake of the unseeded ones
  const { publicKey, privateKey } = sodium.crypto_sign_seed_keypair(seed);
  return { publicKey, secretKey: privateKey };
}

/** The X25519 pair of the same secret (libsodium): its public half is the X25519 form of the Ed25519 key. */
export function agreementKeysOf(keys: SigningKeys): KeyPair {
  return keyPairOf(sodium.crypto_sign_ed25519_sk_to_curve25519(keys.secretKey));
}

/** Signature of 64 bytes over the fields, in order, under `purpose`. */
export function sign(keys: SigningKeys, purpose: SignaturePurpose, ...fields: Uint8Array[]): Uint8Array {
  return sodium.crypto_sign_detached(signedBytes(purpose, fields), keys.secretKey);
}

/** Whether `signature` is this key's over these fields under `purpose`. False for anything of a wrong length. */
export function verify(
  publicKey: Uint8Array,
  signature: Uint8Array,
  purpose: SignaturePurpose,
  ...fields: Uint8Array[]
): boolean {
  return (
    publicKey.length === 32 &&
    signature.length === SIGNATURE_LENGTH &&
    sodium.crypto_sign_verify_detached(signature, signedBytes(purpose, fields), publicKey)
  );
}

function signedBytes(purpose: SignaturePurpose, fields: readonly Uint8Array[]): Uint8Array {
  return concat(utf8(`nexus/1 ${purpose}`), Uint8Array.of(0), ...fields);
}
