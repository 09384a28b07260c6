/**
 * One session: two directions of sealed frames (docs/protocol/link.md, "Sealed frame", "Rekey"). It seals and opens;
 * when and what is sent is decided above.
 */
import { concat } from '../core/bytes.ts';
import type { Transport } from '../crypto/noise.ts';
import { CipherState } from '../crypto/noise-cipher.ts';
import type { NonceBlocks } from './epochs.ts';
import { type Follows, type SealedForm, writeSealedHeader } from './frame.ts';
import { ReplayWindow } from './window.ts';

/** ms: a sending key this old is changed, once it is known that the other side has it. */
export const REKEY_AFTER = 3_600_000;
/** ms, and frames sent: beyond either a fresh handshake is due. */
export const SESSION_AGE = 24 * 3_600_000;
export const SESSION_FRAMES = 2n ** 15n;
/** Nonces for which a receiver keeps the key before the current one. */
const OLD_KEY_NONCES = 64n;

/**
 * Nonces for each epoch of a session that may be restored, and how many of them a restart skips at least: by a step of
 * more than `RESTART_GAP` the receiver knows that the sender has forgotten what it was about.
 */
export const SESSION_BLOCK = 512n;
export const RESTART_GAP = 256n;

/** Why a frame with a known session index was not opened; counted as `link.refused.<reason>`. */
export type SealedRefusal = 'replay' | 'noise';

/** What is needed to go on with a session after a restart; times as `Clock.monotonic()`. Whoever gets it wipes the keys. */
export interface KeptSession {
  readonly remoteIndex: number;
  readonly madeAt: number;
  readonly sendKey: Uint8Array;
  readonly sendPhase: 0 | 1;
  readonly keyAt: number;
  readonly keyKnown: boolean;
  /** The epoch in which the session was made. */
  readonly firstEpoch: number;
  readonly receiveKey: Uint8Array;
  readonly receivePhase: 0 | 1;
  /** The highest nonce opened; −1 where none was. */
  readonly highest: bigint;
}

/** What makes a session one that may be restored. */
export interface Keeping {
  readonly nonces: NonceBlocks;
  /** Told that the sending key is another one. */
  readonly onRekeyed: () => void;
}

/** A frame that has opened. */
export interface OpenedContent {
  readonly content: Uint8Array;
  readonly n: bigint;
  /** Its sender has gone on after a restart (or more than `RESTART_GAP` frames were lost in a row). */
  readonly restarted: boolean;
}

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
  #window = new ReplayWindow();
  #keeping: Keeping | undefined;
  #destroyed = false;

  constructor(remoteIndex: number, transport: Pick<Transport, 'send' | 'receive'>, now: number) {
    this.remoteIndex = remoteIndex;
    this.#send = transport.send;
    this.#receive = transport.receive;
    this.madeAt = now;
    this.#keyAt = now;
  }

  /**
   * A session as it was before a restart, sealing under nonces of this start's epoch. Everything up to the highest
   * nonce opened then is refused.
   */
  static resume(kept: KeptSession, keeping: Keeping): Session {
    const transport = { send: new CipherState(kept.sendKey), receive: new CipherState(kept.receiveKey) };
    const session = new Session(kept.remoteIndex, transport, kept.madeAt);
    session.#keeping = keeping;
    session.#sendPhase = kept.sendPhase;
    session.#nextNonce = keeping.nonces.start;
    session.#keyAt = kept.keyAt;
    session.#keyNonce = session.#nextNonce;
    session.#keyKnown = kept.keyKnown;
    session.#receivePhase = kept.receivePhase;
    session.#receiveNonce = kept.highest + 1n;
    session.#window = new ReplayWindow(kept.highest);
    return session;
  }

  /** From now on it may be restored after a restart. Said before its first frame. */
  keepBy(keeping: Keeping): void {
    if (this.#nextNonce > 0n) throw new Error('nonces were used without an epoch');
    this.#keeping = keeping;
  }

  /** What to keep of it; undefined where it is not kept, or ended. */
  get kept(): KeptSession | undefined {
    if (!this.#keeping || this.#destroyed) return undefined;
    return {
      remoteIndex: this.remoteIndex,
      madeAt: this.madeAt,
      sendKey: this.#send.key,
      sendPhase: this.#sendPhase,
      keyAt: this.#keyAt,
      keyKnown: this.#keyKnown,
      firstEpoch: this.#keeping.nonces.first,
      receiveKey: this.#receive.key,
      receivePhase: this.#receivePhase,
      highest: this.#window.highest,
    };
  }

  /** The next nonce: how many frames were sealed, where no restart has skipped any. */
  get sent(): bigint {
    return this.#nextNonce;
  }

  /** Whether a frame of the peer has opened: it has the keys. */
  get opened(): boolean {
    return this.#window.highest >= 0n;
  }

  /** Whether it seals nothing any more: its keys are gone, or the nonces that it may use are used up. */
  get ended(): boolean {
    return this.#destroyed || this.#keeping?.nonces.allows(this.#nextNonce) === false;
  }

  /** Whether a fresh handshake is due before further traffic; `age` is the most that its medium lets it have, ms. */
  isSpent(now: number, age = SESSION_AGE): boolean {
    return this.ended || this.#nextNonce >= SESSION_FRAMES || now - this.madeAt >= age;
  }

  /** A sealed frame around `content`, and its nonce. */
  seal(content: Uint8Array, follows: Follows, now: number): { frame: Uint8Array; n: bigint } {
    if (this.ended) throw new Error('this session seals nothing any more');
    if (this.#keyKnown && now - this.#keyAt >= REKEY_AFTER) {
      this.#send.rekey();
      this.#sendPhase = this.#sendPhase ? 0 : 1;
      this.#keyAt = now;
      this.#keyNonce = this.#nextNonce;
      this.#keyKnown = false;
      this.#keeping?.onRekeyed();
    }
    const n = this.#nextNonce++;
    this.#keeping?.nonces.provide(this.#nextNonce);
    const header = writeSealedHeader(this.remoteIndex, n, this.#sendPhase, follows);
    return { frame: concat(header, this.#send.encrypt(n, header, content)), n };
  }

  /** Notes that the peer has opened the frame of nonce `n`, and so has the key it was sealed with. */
  acknowledged(n: bigint): void {
    if (n >= this.#keyNonce) this.#keyKnown = true;
  }

  /** The content of a frame, or why it is dropped; one that does not open changes nothing. */
  open(frame: SealedForm): OpenedContent | SealedRefusal {
    const n = this.#window.reconstruct(frame.counter);
    if (!this.#window.accepts(n)) return 'replay';
    const content = this.#decrypt(frame, n);
    if (!content) return 'noise';
    const restarted = n - this.#window.highest > RESTART_GAP;
    this.#window.add(n);
    if (this.#previous && this.#window.highest >= this.#receiveNonce + OLD_KEY_NONCES) this.#dropPrevious();
    return { content, n, restarted };
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
    this.#destroyed = true;
    this.#send.destroy();
    this.#receive.destroy();
    this.#dropPrevious();
  }
}
