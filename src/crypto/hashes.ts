/**
 * BLAKE2b derives identities and keys; BLAKE3 addresses content and makes locks; they are never mixed
 * (docs/protocol/README.md).
 */
import { blake3 as nobleBlake3 } from '@noble/hashes/blake3.js';
import { concat, EMPTY } from '../core/bytes.ts';
import { wipe } from './secret.ts';
import { sodium } from './sodium.ts';

/** BLAKE2b's block, which is HMAC's block size B (RFC 2104). */
const BLOCK = 128;
/** BLAKE2b-512's digest: Noise's HASHLEN. */
export const HASH_LENGTH = 64;
/** Every symmetric key. Where a hash gives more, the key is its first 32 bytes. */
export const KEY_LENGTH = 32;

/**
 * BLAKE2b (RFC 7693) of `bytes` with the digest parameter `length` (1–64), keyed natively where `key` (1–64 bytes)
 * is given. A shorter digest is another function, not a prefix of the longer one.
 */
export function blake2b(bytes: Uint8Array, length: number, key?: Uint8Array): Uint8Array {
  return sodium.crypto_generichash(length, bytes, key ?? null);
}

/** BLAKE3 of `bytes`, `length` bytes of its output stream: a shorter output is a prefix of the longer one. */
export function blake3(bytes: Uint8Array, length = 32): Uint8Array {
  return nobleBlake3(bytes, { dkLen: length });
}

/** HMAC (RFC 2104) over unkeyed BLAKE2b-512: 64 bytes. `key` is at most one block, as all keys here are. */
export function hmac(key: Uint8Array, message: Uint8Array): Uint8Array {
  if (key.length > BLOCK) throw new RangeError(`an HMAC key of ${key.length} bytes is longer than a block`);
  const inner = new Uint8Array(BLOCK + message.length).fill(0x36, 0, BLOCK);
  const outer = new Uint8Array(BLOCK + HASH_LENGTH).fill(0x5c, 0, BLOCK);
  for (const [i, k] of key.entries()) {
    inner[i] = k ^ 0x36;
    outer[i] = k ^ 0x5c;
  }
  inner.set(message, BLOCK);
  outer.set(blake2b(inner, HASH_LENGTH), BLOCK);
  const mac = blake2b(outer, HASH_LENGTH);
  wipe(inner, outer);
  return mac;
}

/**
 * Noise's HKDF (revision 34, section 4.3): two or three outputs of 64 bytes.
 */
export function hkdf(chainingKey: Uint8Array, input: Uint8Array, outputs: 2): [Uint8Array, Uint8Array];
export function hkdf(
  chainingKey: Uint8Array,
  input: Uint8Array,
  outputs: 3,
): [Uint8Array, Uint8Array, Uint8Array];
export function hkdf(chainingKey: Uint8Array, input: Uint8Array, outputs: 2 | 3): Uint8Array[] {
  const temporary = hmac(chainingKey, input);
  const made: Uint8Array[] = [];
  let previous: Uint8Array = EMPTY;
  for (let i = 1; i <= outputs; i++) {
    const chained = concat(previous, Uint8Array.of(i));
    previous = hmac(temporary, chained);
    made.push(previous);
    wipe(chained);
  }
  wipe(temporary);
  return made;
}

/** The three outputs of HKDF, each cut to a key of 32 bytes. */
export function hkdfKeys(chainingKey: Uint8Array, input: Uint8Array): [Uint8Array, Uint8Array, Uint8Array] {
  const [a, b, c] = hkdf(chainingKey, input, 3);
  const cut = [a, b, c].map((o) => o.slice(0, KEY_LENGTH)) as [Uint8Array, Uint8Array, Uint8Array];
  wipe(a, b, c);
  return cut;
}
