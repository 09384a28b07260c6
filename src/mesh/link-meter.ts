/**
 * ETX of one link (De Couto et al., 2003): expected transmissions until a message and its answer have both arrived.
 * Near the edge of earshot a frame is lost in proportion to its length, so what is learned from beacons of 23 bytes
 * and from exchanges of any length is kept as losses per byte, and said of a message.
 */
import type { Neighbour } from '../link/link.ts';

/** Bytes of the exchange that a link is measured by: a message of 100 bytes, and its answer. */
export const MESSAGE_FRAME = 144;
export const ANSWER_FRAME = 32;
/** ms on air of that exchange; undefined where the neighbour is reached without airtime. */
export function exchangeMs(neighbour: Pick<Neighbour, 'airtime'>): number | undefined {
  const [there, back] = [neighbour.airtime(MESSAGE_FRAME), neighbour.airtime(ANSWER_FRAME)];
  return there === undefined || back === undefined ? undefined : there + back;
}

/** Each observation weighs so much less with every later one: about the last twenty count. */
const FADE = 0.95;
/** Bytes without a loss that are assumed of a link that little is known of: about fourteen beacons. */
const PRIOR_BYTES = 300;
const WORST = 16;
/** Of signs of life in a row, more than these missing say that the neighbour was off, not the link bad. */
const MOST_MISSED = 3;

/** Frames that asked for an answer, those that were answered, and the bytes of the latter, since a link began to count. */
export interface Exchanges {
  readonly asked: number;
  readonly answered: number;
  readonly answeredBytes: number;
}

const NONE: Exchanges = { asked: 0, answered: 0, answeredBytes: 0 };

/** Frames that arrived and that did not, older ones counting less. */
class Losses {
  readonly #frames: number;
  readonly #bytes: number;
  readonly #lost: number;

  constructor(frames = 0, bytes = 0, lost = 0) {
    this.#frames = frames;
    this.#bytes = bytes;
    this.#lost = lost;
  }

  /** With more frames that arrived, their bytes together, and those that did not. */
  with(frames: number, bytes: number, lost: number): Losses {
    const faded = FADE ** (frames + lost);
    return new Losses(this.#frames * faded + frames, this.#bytes * faded + bytes, this.#lost * faded + lost);
  }

  /** The rate at which a byte is lost, where it is `assumed` until something is known. */
  perByte(assumed: number): number {
    const length = this.#frames > 0 ? this.#bytes / this.#frames : 1;
    const lost = this.#lost + assumed * PRIOR_BYTES;
    return Math.log1p((lost * length) / (this.#bytes + PRIOR_BYTES)) / length;
  }
}

export class LinkMeter {
  #heard = new Losses();
  #exchanged = new Losses();
  /** As they stood when the neighbour last gave a sign of life. */
  #whileHeard = new Losses();
  #last: Exchanges = NONE;

  /** A sign of life of so many bytes was heard where, since the one before it, `expected` were due. */
  heard(expected: number, bytes: number): void {
    const missed = Math.min(Math.max(expected, 1) - 1, MOST_MISSED);
    this.#heard = this.#heard.with(1, bytes, missed);
  }

  /** The link's own counts as they stand. */
  exchanged(now: Exchanges): void {
    // fewer than before: the link has begun to count anew
    const before = now.asked < this.#last.asked ? NONE : this.#last;
    this.#last = now;
    const answered = Math.max(now.answered - before.answered, 0);
    const asked = now.asked - before.asked;
    const bytes = Math.max(now.answeredBytes - before.answeredBytes, 0);
    if (asked > 0) this.#exchanged = this.#exchanged.with(answered, bytes, Math.max(asked - answered, 0));
  }

  /** A sign of life: whatever went unanswered did so while the neighbour was there. */
  alive(): void {
    this.#whileHeard = this.#exchanged;
  }

  /** The neighbour was off: what has gone unanswered since it was last heard says nothing of the link. */
  returned(): void {
    this.#exchanged = this.#whileHeard;
  }

  /** 1 … 16. Until frames were exchanged, what is heard stands for both ways. */
  get etx(): number {
    const perByte = this.#exchanged.perByte(this.#heard.perByte(0));
    return Math.min(Math.exp(perByte * (MESSAGE_FRAME + ANSWER_FRAME)), WORST);
  }
}
