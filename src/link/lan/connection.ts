/** One connection: frames over a stream, and what is known of it. */
import { toHex } from '../../core/bytes.ts';
import { Event } from '../../core/events.ts';
import type { Kept } from './admission.ts';
import { Deframer, framed, KEEP_ALIVE, preamble, type StreamRefusal } from './framing.ts';
import { type End, type Life, lifeOf, UNPROVEN_FRAMES } from './life.ts';
import type { Stream } from './net.ts';

/** Bytes that may wait to leave; the rooms above are told that it is full. */
const MOST_BUFFERED = 131_072;

export interface ConnectionOptions {
  readonly via: string;
  readonly stream: Stream;
  readonly dialled: boolean;
  /** Its address stands in the configuration. */
  readonly configured: boolean;
  /** Of this box. */
  readonly instance: Uint8Array;
  readonly now: () => number;
}

/** `superfluous`: there is a better one to the same box; `evicted`: others need the place; `self`: both ends are this box. */
export type EndReason = StreamRefusal | End | 'superfluous' | 'evicted' | 'self' | 'closed';

/** What came was no protocol. */
export function isRefusal(reason: EndReason): reason is StreamRefusal {
  return reason === 'preamble' || reason === 'length';
}

export class Connection implements Kept, Life {
  /** The other end has said who it is. */
  readonly onNamed = new Event<void>();
  readonly onFrame = new Event<Uint8Array>();
  /** Once. */
  readonly onEnd = new Event<EndReason>();
  readonly via: string;
  readonly dialled: boolean;
  readonly configured: boolean;
  readonly since: number;
  instance: string | undefined;
  owner: string | undefined;
  stranger = false;
  frames = 0;
  heardAt: number;
  saidAt: number;
  midwaySince: number | undefined;
  bufferedSince: number | undefined;
  readonly #stream: Stream;
  readonly #now: () => number;
  readonly #deframer = new Deframer();
  #ended = false;

  constructor({ via, stream, dialled, configured, instance, now }: ConnectionOptions) {
    this.via = via;
    this.dialled = dialled;
    this.configured = configured;
    this.#stream = stream;
    this.#now = now;
    this.since = now();
    this.heardAt = this.since;
    this.saidAt = this.since;
    stream.onData.on((bytes) => this.#data(bytes));
    stream.onClose.on(() => this.end('closed'));
    stream.write(preamble(instance));
  }

  get remote(): string {
    return this.#stream.remote;
  }

  get proven(): boolean {
    return this.owner !== undefined;
  }

  get named(): boolean {
    return this.instance !== undefined;
  }

  /** Whether there was room for the frame. */
  send(frame: Uint8Array): boolean {
    if (this.#ended || this.#stream.buffered > MOST_BUFFERED) return false;
    this.#write(framed(frame));
    return true;
  }

  /** Ends it where its time has come, says that it lives where that is due. */
  look(): void {
    const now = this.#now();
    if (this.#stream.buffered === 0) this.bufferedSince = undefined;
    else this.bufferedSince ??= now;
    const life = lifeOf(this, now);
    if (life === 'keep-alive') this.#write(KEEP_ALIVE);
    else if (life !== 'good') this.end(life);
  }

  /** Nothing comes of it any more. */
  end(reason: EndReason): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#stream.destroy();
    this.onEnd.emit(reason);
  }

  #write(bytes: Uint8Array): void {
    this.saidAt = this.#now();
    this.#stream.write(bytes);
  }

  #data(bytes: Uint8Array): void {
    const now = this.#now();
    this.heardAt = now;
    for (const piece of this.#deframer.push(bytes)) {
      if (this.#ended) return;
      // whatever was whole has been read: what is incomplete now has begun now
      this.midwaySince = undefined;
      if (piece.is === 'refused') this.end(piece.reason);
      else if (piece.is === 'preamble') {
        this.instance = toHex(piece.instance);
        this.onNamed.emit();
      } else if (piece.is === 'frame') {
        this.frames++;
        if (!this.proven && this.frames > UNPROVEN_FRAMES) this.end('unproven');
        else this.onFrame.emit(piece.bytes);
      }
    }
    if (this.#deframer.midway) this.midwaySince ??= now;
    else this.midwaySince = undefined;
  }
}
