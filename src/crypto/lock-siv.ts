/**
 * Lock-SIV (docs/protocol/messages.md; the argument is in docs/security.md): SIV (Rogaway and Shrimpton, EUROCRYPT
 * 2006) with the synthetic IV hashed once, so that its preimage can be the receipt. The lock is IV, authenticator and
 * receipt lock in one.
 */
import { utf8, Writer } from '../core/bytes.ts';
import { chacha20 } from './aead.ts';
import { blake2b, KEY_LENGTH } from './hashes.ts';
import { LOCK_LENGTH, lockOf, SECRET_LENGTH } from './lock.ts';
import { constantTimeEqual, wipe } from './secret.ts';

const NONCE_LENGTH = 12;

export interface Context {
  /** The message key, 32 bytes. */
  readonly mk: Uint8Array;
  /** Associated data that the receiver has from elsewhere; at most 65,535 bytes. */
  readonly ad: Uint8Array;
  /** All bytes sent before the ciphertext. They must tell their own length, or the secret's input is ambiguous. */
  readonly preceding: Uint8Array;
}

/** Seals `plaintext`: `ct` of the same length, its lock and the lock's secret, 16 bytes each. */
export function seal(
  context: Context,
  plaintext: Uint8Array,
): { ct: Uint8Array; lock: Uint8Array; secret: Uint8Array } {
  const keys = keysOf(context.mk);
  const secret = secretOf(keys.authentication, context, plaintext);
  const lock = lockOf(secret);
  const ct = chacha20(keys.encryption, lock.subarray(0, NONCE_LENGTH), plaintext);
  wipe(keys.both);
  return { ct, lock, secret };
}

/** The plaintext and the secret, or undefined where anything differs from what was sealed. */
export function open(
  context: Context,
  ct: Uint8Array,
  lock: Uint8Array,
): { plaintext: Uint8Array; secret: Uint8Array } | undefined {
  if (lock.length !== LOCK_LENGTH) return undefined;
  const keys = keysOf(context.mk);
  const plaintext = chacha20(keys.encryption, lock.subarray(0, NONCE_LENGTH), ct);
  const secret = secretOf(keys.authentication, context, plaintext);
  wipe(keys.both);
  if (constantTimeEqual(lockOf(secret), lock)) return { plaintext, secret };
  wipe(plaintext, secret);
  return undefined;
}

/** K1 ‖ K2 = BLAKE2b-512(key mk, "k"). */
function keysOf(mk: Uint8Array): { both: Uint8Array; authentication: Uint8Array; encryption: Uint8Array } {
  if (mk.length !== KEY_LENGTH) throw new RangeError(`a message key of ${mk.length} bytes`);
  const both = blake2b(utf8('k'), 2 * KEY_LENGTH, mk);
  return { both, authentication: both.subarray(0, KEY_LENGTH), encryption: both.subarray(KEY_LENGTH) };
}

/** BLAKE2b-128(key K1, u16 |AD| ‖ AD ‖ preceding ‖ u32 |pt| ‖ pt). */
function secretOf(key: Uint8Array, { ad, preceding }: Context, plaintext: Uint8Array): Uint8Array {
  if (ad.length > 0xffff) throw new RangeError(`associated data of ${ad.length} bytes`);
  const input = new Writer(ad.length + preceding.length + plaintext.length + 6)
    .u16(ad.length)
    .raw(ad)
    .raw(preceding)
    .u32(plaintext.length)
    .raw(plaintext)
    .bytes();
  const secret = blake2b(input, SECRET_LENGTH, key);
  wipe(input);
  return secret;
}
