/** A node's keys, all from one seed of 32 bytes. */
import { type KeyPair, signBitOf } from '../crypto/curve.ts';
import { wipe } from '../crypto/secret.ts';
import {
  agreementKeysOf,
  SEED_LENGTH,
  type SignaturePurpose,
  type SigningKeys,
  sign,
  signingKeysOf,
} from '../crypto/signatures.ts';
import { type NodeId, nodeIdOf } from './node-id.ts';

export class Identity {
  readonly nodeId: NodeId;
  /** X25519, for Noise: the same secret in its other form. */
  readonly agreement: KeyPair;
  readonly #signing: SigningKeys;

  /** The seed stays the caller's, who wipes it. */
  constructor(seed: Uint8Array) {
    if (seed.length !== SEED_LENGTH) throw new RangeError(`a seed of ${seed.length} bytes`);
    this.#signing = signingKeysOf(seed);
    this.agreement = agreementKeysOf(this.#signing);
    this.nodeId = nodeIdOf(this.#signing.publicKey);
  }

  /** Ed25519, 32 bytes: what contacts hold. */
  get publicKey(): Uint8Array {
    return this.#signing.publicKey;
  }

  /** What `agreement.publicKey` does not tell about `publicKey`; sent wherever the one stands for the other. */
  get signBit(): 0 | 1 {
    return signBitOf(this.publicKey);
  }

  /** An Ed25519 signature of 64 bytes over `"nexus/1 <purpose>" ‖ 0 ‖ fields`. */
  sign(purpose: SignaturePurpose, ...fields: Uint8Array[]): Uint8Array {
    return sign(this.#signing, purpose, ...fields);
  }

  /** Zeroes the secrets; nothing made with this identity afterwards means anything. */
  destroy(): void {
    wipe(this.#signing.secretKey, this.agreement.secretKey);
  }
}
