/**
 * When to speak on a shared channel (docs/protocol/link.md, "Medium access on LoRa"). Pure: time, readings and random
 * draws come in, the next step comes out; whoever calls reads the receiver and waits.
 *
 * Two waits, and both are needed.
 *
 * The *first* attempt on a channel draws a few slots only. Nothing was found busy, so nobody is known to wait; what
 * two boxes may share is the moment that woke them, and that was in most cases a frame both heard. So the window is 8
 * slots and 8 more for every grant seen in the last 512 slots, up to 96: on a quiet channel a message waits 3.5 slots
 * on average (50 ms at SF7, 150 ms at SF10) where a draw from 96 would cost 47; on a crowded one everybody draws from
 * the same 96, and the box that has just sent has no advantage over those who wait. Own grants count too, so that a
 * long transfer gives way more and more.
 *
 * Where the channel is *busy*, all who wait are lined up at its end: each draws from the whole contention window of
 * the page, 96 slots growing to 512. Slots are far shorter than frames, since what follows a draw is a new look at the
 * channel.
 *
 * That look is the last thing before transmitting, and a look alone: one transfer, of a receiver that has listened for
 * preambles all the time. A detection (CAD) hears no more than that, takes a dozen transfers, and its sender is deaf
 * meanwhile. With 1–5 ms a transfer, ten boxes and a load of 0.3, detecting each time cost 15 of 100 receptions at SF7
 * and 7 at SF10. So it is kept for when the receiver's own word cannot be believed.
 */

import { FOLLOWS, type Follows, KIND } from '../frame.ts';
import { ANSWER_WINDOW } from '../timing.ts';

const VERSION = 1;

const FIRST_WINDOW = 8;
const SMALLEST_WINDOW = 96;
const LARGEST_WINDOW = 512;

/** The turnaround between two frames of one burst, with a host's occasional pause. */
const BURST_GAP_MS = 60;

/**
 * Nothing on a LoRa channel lasts as long: a receiver that claims to be in the middle of something for longer is
 * stuck, and a constant carrier is no reason to be silent for ever. "Busy receiving" has frozen others' relays.
 */
const LONGEST_LOUD_MS = 10_000;
const LONGEST_DETECTED_MS = 30_000;

/** What follows a frame, as its first byte says (docs/protocol/link.md, "Frames"). */
export function whatFollows(firstByte: number): Follows {
  if (firstByte >> 6 !== VERSION) return FOLLOWS.nothing;
  const kind = (firstByte >> 3) & 7;
  if (kind === KIND.handshake) return (firstByte & 1) === 0 ? FOLLOWS.answer : FOLLOWS.nothing;
  const follows = firstByte & 3;
  return kind === KIND.sealed && follows !== 3 ? (follows as Follows) : FOLLOWS.nothing;
}

/** Nothing to do until then; then `step` is asked again. */
export interface Wait {
  readonly kind: 'wait';
  readonly until: number;
}

/** The channel is won. `done` follows once it was used. */
export interface Won {
  readonly kind: 'transmit';
}

/** The receiver's state: in the middle of a preamble or frame, or a level well above the noise floor. */
export interface Sight {
  readonly receiving: boolean;
  readonly loud: boolean;
}

export interface AccessTimes {
  /** 4 symbols + 10 ms. */
  readonly slotMs: number;
  /** On air, of the short frame that an announced answer is. */
  readonly answerMs: number;
  /** On air, of the longest frame there is with these settings. */
  readonly longestMs: number;
}

export type Sense = 'receiving' | 'loud' | 'detected';

export class Access {
  readonly #times: AccessTimes;
  readonly #draw: (slots: number) => number;
  readonly #senses: Readonly<Record<Sense, Belief>>;
  /** Until when an overheard announcement, or one of our own, keeps the channel. */
  #reservedUntil = Number.NEGATIVE_INFINITY;
  /** When each grant of the last 512 slots was seen. */
  #grants: number[] = [];
  #attempt: { at: number; busy: boolean } | undefined;
  #window = SMALLEST_WINDOW;

  /**
   * `draw(n)`: a uniform integer in [0, n). `onDisbelief` is told each time a sense has claimed a busy channel for
   * longer than anything can last, and is not listened to until it says otherwise.
   */
  constructor(times: AccessTimes, draw: (slots: number) => number, onDisbelief: (sense: Sense) => void) {
    this.#times = times;
    this.#draw = draw;
    const longest = 2 * times.longestMs + BURST_GAP_MS;
    this.#senses = {
      receiving: new Belief(longest, () => onDisbelief('receiving')),
      loud: new Belief(Math.max(longest, LONGEST_LOUD_MS), () => onDisbelief('loud')),
      detected: new Belief(Math.max(longest, LONGEST_DETECTED_MS), () => onDisbelief('detected')),
    };
  }

  /** A frame of anybody's ended at `at`; it lasted `airtimeMs`. */
  heard(firstByte: number, airtimeMs: number, at: number): void {
    this.#senses.receiving.believe(false, at);
    this.#seen(firstByte, airtimeMs, at);
  }

  /** A frame of our own ended at `at`: the answer or follower it announces has the channel likewise. */
  sent(firstByte: number, airtimeMs: number, at: number): void {
    this.#seen(firstByte, airtimeMs, at);
  }

  #seen(firstByte: number, airtimeMs: number, at: number): void {
    // what was announced belongs to the grant that announced it
    if (at > this.#reservedUntil) this.#grants.push(at);
    const follows = whatFollows(firstByte);
    if (follows === FOLLOWS.answer) this.#reservedUntil = at + ANSWER_WINDOW + this.#times.answerMs;
    // all fragments of a transfer but the last are of one length
    else if (follows === FOLLOWS.burst) this.#reservedUntil = at + BURST_GAP_MS + airtimeMs;
    else this.#reservedUntil = at;
  }

  /** Something waits for the channel. `look`: read the receiver's state and tell `looked`. */
  step(now: number): Wait | { readonly kind: 'look' } {
    this.#attempt ??= { at: now + this.#slots(this.#firstWindow(now)), busy: false };
    if (now < this.#reservedUntil) {
      this.#attempt.busy = true;
      return { kind: 'wait', until: this.#reservedUntil };
    }
    if (!this.#attempt.busy && now < this.#attempt.at) return { kind: 'wait', until: this.#attempt.at };
    return { kind: 'look' };
  }

  /**
   * What the receiver is in the middle of. `detect`: that is not believed, so do a channel activity detection and
   * tell `detected`.
   */
  looked(sight: Sight, now: number): Wait | Won | { readonly kind: 'detect' } {
    const attempt = this.#running();
    const receiving = this.#senses.receiving.believe(sight.receiving, now);
    const loud = this.#senses.loud.believe(sight.loud, now);
    if (receiving || loud) return this.#busy(attempt, now);
    if (attempt.busy) {
      attempt.busy = false;
      attempt.at = now + this.#slots(this.#window);
      this.#window = Math.min(2 * this.#window, LARGEST_WINDOW);
      if (attempt.at > now) return { kind: 'wait', until: attempt.at };
    }
    return sight.receiving || sight.loud ? { kind: 'detect' } : { kind: 'transmit' };
  }

  /** What the detection found. */
  detected(found: boolean, now: number): Wait | Won {
    const attempt = this.#running();
    return this.#senses.detected.believe(found, now) ? this.#busy(attempt, now) : { kind: 'transmit' };
  }

  /** The grant was used, or nobody waits for the channel any more: the next attempt is a first one. */
  done(): void {
    this.#attempt = undefined;
    this.#window = SMALLEST_WINDOW;
    for (const belief of Object.values(this.#senses)) belief.pause();
  }

  #running(): { at: number; busy: boolean } {
    if (!this.#attempt) throw new Error('a reading without an attempt');
    return this.#attempt;
  }

  #busy(attempt: { busy: boolean }, now: number): Wait {
    attempt.busy = true;
    return { kind: 'wait', until: now + this.#times.slotMs };
  }

  #firstWindow(now: number): number {
    const since = now - LARGEST_WINDOW * this.#times.slotMs;
    this.#grants = this.#grants.filter((at) => at > since);
    return Math.min(FIRST_WINDOW * (1 + this.#grants.length), SMALLEST_WINDOW);
  }

  #slots(window: number): number {
    return this.#draw(window) * this.#times.slotMs;
  }
}

/** One sense of a busy channel, believed for a bounded time only, and again once it has said that it is clear. */
class Belief {
  readonly #limitMs: number;
  readonly #onEnd: () => void;
  #since: number | undefined;
  #ended = false;

  constructor(limitMs: number, onEnd: () => void) {
    this.#limitMs = limitMs;
    this.#onEnd = onEnd;
  }

  /** Whether the channel is to be taken as busy. */
  believe(busy: boolean, now: number): boolean {
    if (!busy) {
      this.#since = undefined;
      this.#ended = false;
      return false;
    }
    this.#since ??= now;
    if (!this.#ended && now - this.#since > this.#limitMs) {
      this.#ended = true;
      this.#onEnd();
    }
    return !this.#ended;
  }

  /** Nothing will be read for a while: a spell does not go on over the gap. */
  pause(): void {
    this.#since = undefined;
  }
}
