/** ETX of one link (De Couto et al., 2003): expected transmissions until a frame and its answer have both arrived. */

/** Each observation weighs so much less with every later one: about the last twenty count. */
const FADE = 0.95;
/** So many good ones are assumed of a link that little is known of. */
const PRIOR = 2;
const WORST = 16;
/** Of signs of life in a row, more than these missing say that the neighbour was off, not the link bad. */
const MOST_MISSED = 3;

export class LinkMeter {
  #asked = 0;
  #answered = 0;
  #expected = 0;
  #heard = 0;
  #lastAsked = 0;
  #lastAnswered = 0;

  /** A sign of life was heard where, since the one before it, `expected` were due. */
  heard(expected: number): void {
    const due = Math.min(Math.max(expected, 1), MOST_MISSED + 1);
    this.#expected = this.#expected * FADE ** due + due;
    this.#heard = this.#heard * FADE ** due + 1;
  }

  /** The link's own counts of frames that asked, and that were answered, as they stand. */
  exchanged(asked: number, answered: number): void {
    // fewer than before: the link has begun to count anew
    const anew = asked < this.#lastAsked;
    const newAsked = anew ? asked : asked - this.#lastAsked;
    const newAnswered = anew ? answered : answered - this.#lastAnswered;
    this.#lastAsked = asked;
    this.#lastAnswered = answered;
    if (newAsked === 0) return;
    const faded = FADE ** newAsked;
    this.#asked = this.#asked * faded + newAsked;
    this.#answered = this.#answered * faded + Math.max(newAnswered, 0);
  }

  /** 1 … 16. Until frames were exchanged, what is heard stands for both ways. */
  get etx(): number {
    const heard = (this.#heard + PRIOR) / (this.#expected + PRIOR);
    const delivered = (this.#answered + PRIOR * heard ** 2) / (this.#asked + PRIOR);
    return Math.min(Math.max(1 / delivered, 1), WORST);
  }
}
