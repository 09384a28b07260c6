/** ChaCha20-Poly1305 as Noise uses it, and the bare cipher under lock-SIV (RFC 8439). */
import { EMPTY } from '../core/bytes.ts';
import { sodium } from './sodium.ts';

export const TAG_LENGTH = 16;

/** 2^64 − 1: Noise keeps it for `Rekey` and never sends under it (revision 34, section 5.1). */
export const REKEY_NONCE = 0xffff_ffff_ffff_ffffn;

/** Noise's nonce for ChaChaPoly (section 12.3): 32 zero bits, then `n` as 64 bits, little-endian. */
function nonceOf(n: bigint): Uint8Array {
  if (n < 0n || n > REKEY_NONCE) throw new RangeError(`no 64-bit nonce: ${n}`);
  const nonce = new Uint8Array(12);
  new DataView(nonce.buffer).setBigUint64(4, n, true);
  return nonce;
}

/** ENCRYPT(k, n, ad, plaintext): ciphertext with the tag of 16 bytes at its end. */
export function encrypt(key: Uint8Array, n: bigint, ad: Uint8Array, plaintext: Uint8Array): Uint8Array {
  return sodium.crypto_aead_chacha20poly1305_ietf_encrypt(plaintext, ad, null, nonceOf(n), key);
}

/** DECRYPT(k, n, ad, ciphertext): the plaintext, or undefined where the tag is not right. */
export function decrypt(
  key: Uint8Array,
  n: bigint,
  ad: Uint8Array,
  ciphertext: Uint8Array,
): Uint8Array | undefined {
  if (ciphertext.length < TAG_LENGTH) return undefined;
  const nonce = nonceOf(n);
  if (key.length !== 32) throw new RangeError(`a key of ${key.length} bytes`);
  try {
    return sodium.crypto_aead_chacha20poly1305_ietf_decrypt(null, ciphertext, ad, nonce, key);
  } catch {
    // all lengths are right: what is left to fail is the tag
    return undefined;
  }
}

/** REKEY(k) (section 4.2): the first 32 bytes of ENCRYPT(k, 2^64 − 1, zerolen, 32 zero bytes). */
export function rekeyed(key: Uint8Array): Uint8Array {
  return encrypt(key, REKEY_NONCE, EMPTY, new Uint8Array(32)).slice(0, 32);
}

/** ChaCha20-IETF without authentication (RFC 8439, section 2.4, counter from 0), `nonce` 12 bytes; its own inverse. */
export function chacha20(key: Uint8Array, nonce: Uint8Array, bytes: Uint8Array): Uint8Array {
  return sodium.crypto_stream_chacha20_ietf_xor(bytes, nonce, key);
}
