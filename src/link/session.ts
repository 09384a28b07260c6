/**
 * One session: two directions of sealed frames (docs/protocol/link.md, "Sealed frame", "Rekey"). It seals and opens;
 * when and what is sent is decided above.
 */
import { concat } from '../core/bytes.ts';
import type { Transport } from '../crypto/noise.ts';
import type { CipherState } from '../crypto/noise-cipher.ts';
import { type Follows, type SealedForm, writeSealedHeader } from './frame.ts';
import { ReplayWindow } from './window.ts';

/** ms: a sending key this old is changed, once it is known that the other side has it. */
export const REKEY_AFTER = 3_600_000;
/** ms, and frames sent: beyond either a fresh handshake is due. */
export const SESSION_AGE = 24 * 3_600_000;
export const SESSION_FRAMES = 2n ** 15n;
/** Nonces for which a receiver keeps the key before the current one. */
const OLD_KEY_NONCES = 64n;

/** Why a frame with a known session index was not opened; counted as `link.refused.<reason>`. */
export type SealedRefusal = 'replay' | 'noise';

export class Session {
  /** The peer's index, which frames to it carry. */
  readonly remoteIndex: number;
  /** `Clock.monotonic()` when the keys were made. */
  readonly madeAt: number;
  readonly #send: CipherState;
  #sendPhase: 0 | 1 = 0;
  #nextNonce = 0n;
  #keyAt: number;
  /** The first nonce under the current sending key, and whether one from there on was acknowledged. */
  #keyNonce = 0n;
  #keyKnown = false;
  #receive: CipherState;
  #receivePhase: 0 | 1 = 0;
  /** The first nonce opened under the current receiving key. */
  #receiveNonce = 0n;
  #previous: CipherState | undefined;
  readonly #window = new ReplayWindow();
  #ended = false;

  constructor(remoteIndex: number, transport: Transport, now: number) {
    this.remoteIndex = remoteIndex;
    this.#send = transport.send;
    this.#receive = transport.receive;
    this.madeAt = now;
    this.#keyAt = now;
  }

  /** How many frames were sealed. */
  get sent(): bigint {
    return this.#nextNonce;
  }

  /** Whether a frame of the peer has opened: it has the keys. */
  get opened(): boolean {
    return this.#window.highest >= 0n;
  }

  /** Whether its keys are gone. */
  get ended(): boolean {
    return this.#ended;
  }

  /** Whether a fresh handshake is due before further traffic; `age` is the most that its medium lets it have, ms. */
  isSpent(now: number, age = SESSION_AGE): boolean {
    return this.#nextNonce >= SESSION_FRAMES || now - this.madeAt >= age;
  }

  /** A sealed frame around `content`, and its nonce. */
  seal(content: Uint8Array, follows: Follows, now: number): { frame: Uint8Array; n: bigint } {
    if (this.#ended) throw new Error('this session has no keys any more');
    if (this.#keyKnown && now - this.#keyAt >= REKEY_AFTER) {
      this.#send.rekey();
      this.#sendPhase = this.#sendPhase ? 0 : 1;
      this.#keyAt = now;
      this.#keyNonce = this.#nextNonce;
      this.#keyKnown = false;
    }
    const n = this.#nextNonce++;
    const header = writeSealedHeader(this.remoteIndex, n, this.#sendPhase, follows);
    return { frame: concat(header, this.#send.encrypt(n, header, content)), n };
  }

  /** Notes that the peer has opened the frame of nonce `n`, and so has the key it was sealed with. */
  acknowledged(n: bigint): void {
    if (n >= this.#keyNonce) this.#keyKnown = true;
  }

  /** The content of a frame, or why it is dropped; one that does not open changes nothing. */
  open(frame: SealedForm): { content: Uint8Array; n: bigint } | SealedRefusal {
    const n = this.#window.reconstruct(frame.counter);
    if (!this.#window.accepts(n)) return 'replay';
    const content = this.#decrypt(frame, n);
    if (!content) return 'noise';
    this.#window.add(n);
    if (this.#previous && this.#window.highest >= this.#receiveNonce + OLD_KEY_NONCES) this.#dropPrevious();
    return { content, n };
  }

  #decrypt(frame: SealedForm, n: bigint): Uint8Array | undefined {
    const { header, ciphertext } = frame;
    if (frame.phase === this.#receivePhase) return this.#receive.decrypt(n, header, ciphertext);
    // before the change of keys: the key before; after it: the key that comes next
    if (n < this.#receiveNonce) return this.#previous?.decrypt(n, header, ciphertext);
    const next = this.#receive.rekeyed();
    const content = next.decrypt(n, header, ciphertext);
    if (!content) {
      next.destroy();
      return undefined;
    }
    this.#dropPrevious();
    this.#previous = this.#receive;
    this.#receive = next;
    this.#receivePhase = frame.phase;
    this.#receiveNonce = n;
    return content;
  }

  #dropPrevious(): void {
    this.#previous?.destroy();
    this.#previous = undefined;
  }

  /** Zeroes the keys. */
  destroy(): void {
    this.#ended = true;
    this.#send.destroy();
    this.#receive.destroy();
    this.#dropPrevious();
  }
}
