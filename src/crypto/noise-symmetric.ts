/** Noise's SymmetricState (revision 34, section 5.2) over ChaChaPoly and BLAKE2b. */
import { concat, EMPTY, utf8 } from '../core/bytes.ts';
import { blake2b, HASH_LENGTH, hkdf, KEY_LENGTH } from './hashes.ts';
import { CipherState } from './noise-cipher.ts';
import { wipe } from './secret.ts';

export class SymmetricState {
  #chainingKey: Uint8Array;
  #hash: Uint8Array;
  #key: Uint8Array | undefined;
  #nonce = 0n;

  /** InitializeSymmetric. Names longer than a hash are hashed; those of this protocol are shorter. */
  constructor(protocolName: string) {
    const name = utf8(protocolName);
    this.#hash = name.length <= HASH_LENGTH ? padded(name) : blake2b(name, HASH_LENGTH);
    this.#chainingKey = this.#hash.slice();
  }

  /** h: 64 bytes, not secret. */
  get hash(): Uint8Array {
    return this.#hash.slice();
  }

  /** ck: 64 bytes, a copy that the caller wipes. */
  get chainingKey(): Uint8Array {
    return this.#chainingKey.slice();
  }

  /** A second state that goes its own way, so that a message can be tried without being believed. */
  copy(): SymmetricState {
    const other = new SymmetricState('');
    other.#chainingKey = this.chainingKey;
    other.#hash = this.hash;
    other.#key = this.#key?.slice();
    other.#nonce = this.#nonce;
    return other;
  }

  mixHash(data: Uint8Array): void {
    this.#hash = blake2b(concat(this.#hash, data), HASH_LENGTH);
  }

  mixKey(input: Uint8Array): void {
    const [chainingKey, key] = hkdf(this.#chainingKey, input, 2);
    this.destroy();
    this.#chainingKey = chainingKey;
    this.#key = key.slice(0, KEY_LENGTH);
    this.#nonce = 0n;
    wipe(key);
  }

  /** EncryptAndHash: in the clear before the first key, 16 bytes longer after it. */
  encryptAndHash(plaintext: Uint8Array): Uint8Array {
    const cipher = this.#cipher();
    const out = cipher ? cipher.encrypt(this.#nonce++, this.#hash, plaintext) : plaintext;
    cipher?.destroy();
    this.mixHash(out);
    return out;
  }

  /** DecryptAndHash: undefined, and nothing changed, where it does not open. */
  decryptAndHash(ciphertext: Uint8Array): Uint8Array | undefined {
    const cipher = this.#cipher();
    const plaintext = cipher ? cipher.decrypt(this.#nonce, this.#hash, ciphertext) : ciphertext;
    cipher?.destroy();
    if (!plaintext) return undefined;
    if (cipher) this.#nonce++;
    this.mixHash(ciphertext);
    return plaintext;
  }

  /** Split: initiator's and responder's sending states. This state is zeroed. */
  split(): [CipherState, CipherState] {
    const [first, second] = hkdf(this.#chainingKey, EMPTY, 2);
    const made: [CipherState, CipherState] = [
      new CipherState(first.subarray(0, KEY_LENGTH)),
      new CipherState(second.subarray(0, KEY_LENGTH)),
    ];
    wipe(first, second);
    this.destroy();
    return made;
  }

  /** Zeroes ck and k; h stays. */
  destroy(): void {
    wipe(this.#chainingKey);
    if (this.#key) wipe(this.#key);
  }

  #cipher(): CipherState | undefined {
    return this.#key && new CipherState(this.#key);
  }
}

function padded(name: Uint8Array): Uint8Array {
  const out = new Uint8Array(HASH_LENGTH);
  out.set(name);
  return out;
}
