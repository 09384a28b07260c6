/** Noise's CipherState (revision 34, section 5.1), its nonce given by the caller: frames are lost and reordered. */
import { decrypt, encrypt, REKEY_NONCE, rekeyed } from './aead.ts';
import { KEY_LENGTH } from './hashes.ts';
import { wipe } from './secret.ts';

export class CipherState {
  readonly #key: Uint8Array;

  /** Takes a copy of `key`, 32 bytes. */
  constructor(key: Uint8Array) {
    if (key.length !== KEY_LENGTH) throw new RangeError(`a cipher key of ${key.length} bytes`);
    this.#key = key.slice();
  }

  /** A copy of the key, 32 bytes, for what is to go on after a restart; the caller wipes it. */
  get key(): Uint8Array {
    return this.#key.slice();
  }

  /** EncryptWithAd under nonce `n` (0 to 2^64 − 2), which the caller never uses twice: 16 bytes longer. */
  encrypt(n: bigint | number, ad: Uint8Array, plaintext: Uint8Array): Uint8Array {
    return encrypt(this.#key, usable(n), ad, plaintext);
  }

  /** DecryptWithAd under nonce `n`: the plaintext, or undefined where it does not open. */
  decrypt(n: bigint | number, ad: Uint8Array, ciphertext: Uint8Array): Uint8Array | undefined {
    return decrypt(this.#key, usable(n), ad, ciphertext);
  }

  /** Rekey (section 11.3): the old key is gone; the nonce is the caller's and goes on. */
  rekey(): void {
    const next = rekeyed(this.#key);
    this.#key.set(next);
    wipe(next);
  }

  /** Another state as `rekey` would leave this one: for a receiver that does not yet know whether the sender did. */
  rekeyed(): CipherState {
    const next = new CipherState(this.#key);
    next.rekey();
    return next;
  }

  /** Zeroes the key: nothing made with this state afterwards means anything. */
  destroy(): void {
    wipe(this.#key);
  }
}

function usable(n: bigint | number): bigint {
  const nonce = BigInt(n);
  if (nonce >= REKEY_NONCE) throw new RangeError('the nonces of this key are used up');
  return nonce;
}
