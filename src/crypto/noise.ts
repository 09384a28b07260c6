/**
 * Noise handshakes (revision 34): IK for sessions between neighbours, X under the first message to somebody, both
 * over 25519, ChaChaPoly and BLAKE2b (docs/protocol/link.md, messages.md).
 */
import { concat } from '../core/bytes.ts';
import type { Random } from '../core/random.ts';
import { TAG_LENGTH } from './aead.ts';
import { CURVE_LENGTH, diffieHellman, drawKeyPair, type KeyPair } from './curve.ts';
import type { CipherState } from './noise-cipher.ts';
import { SymmetricState } from './noise-symmetric.ts';
import { wipe } from './secret.ts';

/** Section 3: no Noise message is longer. */
const LONGEST_MESSAGE = 65_535;

type Token = 'e' | 's' | 'ee' | 'es' | 'se' | 'ss';

/** Sections 7.4 and 7.5. In both the initiator knows the responder's static key beforehand (`<- s`). */
const PATTERNS = {
  IK: [
    ['e', 'es', 's', 'ss'],
    ['e', 'ee', 'se'],
  ],
  X: [['e', 'es', 's', 'ss']],
} as const satisfies Record<string, readonly (readonly Token[])[]>;

export type Pattern = keyof typeof PATTERNS;

interface Shared {
  readonly pattern: Pattern;
  /** What both sides must agree on already; it is hashed, not sent. */
  readonly prologue: Uint8Array;
  /** Own static pair. It stays the caller's: `destroy` leaves it alone. */
  readonly static: KeyPair;
}

export interface InitiatorOptions extends Shared {
  /** The responder's X25519 key, from a valid Ed25519 key. */
  readonly remoteStatic: Uint8Array;
  readonly random: Random;
}

export interface ResponderOptions extends Shared {
  /** Needed in IK; in X the responder sends nothing. */
  readonly random?: Random;
}

/** The two directions of a session. */
export interface Transport {
  readonly send: CipherState;
  readonly receive: CipherState;
  /** The handshake hash: 64 bytes, the same on both sides, not secret. */
  readonly handshakeHash: Uint8Array;
}

/**
 * One side of one handshake: writes and reads its messages in turn, then splits. A message that does not open leaves
 * the state as it was, so that a forged one cannot end the handshake of the true one. Calls out of turn are
 * programmer errors and throw.
 */
export class HandshakeState {
  readonly #messages: readonly (readonly Token[])[];
  readonly #initiator: boolean;
  readonly #static: KeyPair;
  readonly #random: Random | undefined;
  #symmetric: SymmetricState;
  #ephemeral: KeyPair | undefined;
  #remoteStatic: Uint8Array | undefined;
  #remoteEphemeral: Uint8Array | undefined;
  #next = 0;

  private constructor(options: Shared, initiator: boolean, responderStatic: Uint8Array, random?: Random) {
    this.#messages = PATTERNS[options.pattern];
    this.#initiator = initiator;
    this.#static = options.static;
    this.#random = random;
    this.#symmetric = new SymmetricState(`Noise_${options.pattern}_25519_ChaChaPoly_BLAKE2b`);
    this.#symmetric.mixHash(options.prologue);
    this.#symmetric.mixHash(responderStatic);
  }

  static initiator(options: InitiatorOptions): HandshakeState {
    const state = new HandshakeState(options, true, options.remoteStatic, options.random);
    state.#remoteStatic = options.remoteStatic;
    return state;
  }

  static responder(options: ResponderOptions): HandshakeState {
    return new HandshakeState(options, false, options.static.publicKey, options.random);
  }

  /** The other side's static X25519 key: a responder has it once message 1 opened. */
  get remoteStatic(): Uint8Array | undefined {
    return this.#remoteStatic;
  }

  /** The other side's ephemeral X25519 key, once received. */
  get remoteEphemeral(): Uint8Array | undefined {
    return this.#remoteEphemeral;
  }

  /** Whether all messages of the pattern are through: only then may it be split. */
  get finished(): boolean {
    return this.#next === this.#messages.length;
  }

  /** The next message, with its payload. */
  writeMessage(payload: Uint8Array): Uint8Array {
    const keys = this.writeKeys();
    const message = concat(keys, this.#symmetric.encryptAndHash(payload));
    if (message.length > LONGEST_MESSAGE) throw new RangeError(`a Noise message of ${message.length} bytes`);
    return message;
  }

  /** The next message up to its payload, which is left to the caller: see `exportSecrets`. */
  writeKeys(): Uint8Array {
    const tokens = this.#turn(true);
    const parts: Uint8Array[] = [];
    for (const token of tokens) {
      if (token === 'e') {
        if (!this.#random) throw new Error('this side was given no randomness to write with');
        this.#ephemeral = drawKeyPair(this.#random);
        parts.push(this.#ephemeral.publicKey);
        this.#symmetric.mixHash(this.#ephemeral.publicKey);
      } else if (token === 's') {
        parts.push(this.#symmetric.encryptAndHash(this.#static.publicKey));
      } else {
        const mixed = this.#mixAgreement(token, this.#symmetric, this.#remoteStatic, this.#remoteEphemeral);
        // an opened message proved every other key; what is left is the one this side began with
        if (!mixed) throw new RangeError("the responder's static key is of small order");
      }
    }
    this.#next++;
    return concat(...parts);
  }

  /** The payload of the next message, or undefined where it does not open; the state is then as before. */
  readMessage(message: Uint8Array): Uint8Array | undefined {
    if (message.length > LONGEST_MESSAGE) return undefined;
    return this.#read(message, (symmetric, rest) => symmetric.decryptAndHash(rest));
  }

  /** Reads what `writeKeys` wrote, exactly; false where it does not open; the state is then as before. */
  readKeys(message: Uint8Array): boolean {
    return this.#read(message, (_symmetric, rest) => (rest.length === 0 ? rest : undefined)) !== undefined;
  }

  /**
   * ck and h (64 bytes each) after the last token of the last message, and the own ephemeral pair where there is one,
   * for protocols that derive their own keys instead of splitting. This state is zeroed; the caller wipes what it got.
   */
  exportSecrets(): { chainingKey: Uint8Array; hash: Uint8Array; ephemeral: KeyPair | undefined } {
    this.#mustBeFinished();
    const { chainingKey, hash } = this.#symmetric;
    const ephemeral = this.#ephemeral;
    this.#ephemeral = undefined;
    this.destroy();
    return { chainingKey, hash, ephemeral };
  }

  /** The session's two directions. This state is zeroed. In X only the initiator sends. */
  split(): Transport {
    this.#mustBeFinished();
    const handshakeHash = this.#symmetric.hash;
    const [first, second] = this.#symmetric.split();
    this.destroy();
    return this.#initiator
      ? { send: first, receive: second, handshakeHash }
      : { send: second, receive: first, handshakeHash };
  }

  /** Zeroes everything secret that is this handshake's own; it can do nothing more. */
  destroy(): void {
    this.#symmetric.destroy();
    if (this.#ephemeral) wipe(this.#ephemeral.secretKey);
    this.#ephemeral = undefined;
    this.#next = Number.POSITIVE_INFINITY;
  }

  #read(
    message: Uint8Array,
    payloadOf: (symmetric: SymmetricState, rest: Uint8Array) => Uint8Array | undefined,
  ): Uint8Array | undefined {
    const tokens = this.#turn(false);
    const symmetric = this.#symmetric.copy();
    let remoteStatic = this.#remoteStatic;
    let remoteEphemeral = this.#remoteEphemeral;
    let at = 0;
    const opens = tokens.every((token) => {
      if (token === 'e') {
        remoteEphemeral = message.slice(at, at + CURVE_LENGTH);
        at += CURVE_LENGTH;
        symmetric.mixHash(remoteEphemeral);
        return at <= message.length;
      }
      if (token === 's') {
        // both patterns send s under a key
        remoteStatic = symmetric.decryptAndHash(message.subarray(at, at + CURVE_LENGTH + TAG_LENGTH));
        at += CURVE_LENGTH + TAG_LENGTH;
        return remoteStatic !== undefined;
      }
      return this.#mixAgreement(token, symmetric, remoteStatic, remoteEphemeral);
    });
    const payload = opens ? payloadOf(symmetric, message.subarray(at)) : undefined;
    if (!payload) {
      symmetric.destroy();
      return undefined;
    }
    this.#symmetric.destroy();
    this.#symmetric = symmetric;
    this.#remoteStatic = remoteStatic;
    this.#remoteEphemeral = remoteEphemeral;
    this.#next++;
    return payload;
  }

  /** MixKey(DH) of a token; false where the result would be zero. The token's first letter is the initiator's key. */
  #mixAgreement(
    token: Exclude<Token, 'e' | 's'>,
    symmetric: SymmetricState,
    remoteStatic: Uint8Array | undefined,
    remoteEphemeral: Uint8Array | undefined,
  ): boolean {
    const [own, other] = this.#initiator ? [token[0], token[1]] : [token[1], token[0]];
    const secretKey = own === 'e' ? this.#ephemeral?.secretKey : this.#static.secretKey;
    const publicKey = other === 'e' ? remoteEphemeral : remoteStatic;
    if (!secretKey || !publicKey) throw new Error(`no key for ${token}`);
    const agreed = diffieHellman(secretKey, publicKey);
    if (!agreed) return false;
    symmetric.mixKey(agreed);
    wipe(agreed);
    return true;
  }

  #turn(writing: boolean): readonly Token[] {
    const tokens = this.#messages[this.#next];
    if (!tokens) throw new Error('this handshake has no further message');
    if ((this.#next % 2 === 0) !== (writing === this.#initiator))
      throw new Error("it is the other side's turn");
    return tokens;
  }

  #mustBeFinished(): void {
    if (!this.finished) throw new Error('this handshake is not finished');
  }
}
