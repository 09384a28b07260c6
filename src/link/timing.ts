/** How long the link waits, and how often it tries (docs/protocol/link.md, "Records", "Transfers"). Times in ms. */
import { type Random, uniform } from '../core/random.ts';

/**
 * An answer begins after the first and before the second of these, from the end of the frame that asked for it: whoever
 * asked must be listening again, which takes a few transfers over a busy bus, and a preamble may last 12 ms.
 */
export const ANSWER_EARLIEST = 40;
export const ANSWER_WINDOW = 150;
/** What answers is waited for so long before a bare `ack` goes; the rest of the window is the channel's. */
export const ANSWER_HOLD = 100;
/** Late interrupts and a busy host at both ends of an answer. */
const ANSWER_SLACK = 50;

/** Tries in a row, unanswered: so many and the failure is reported; so many and the session is doubted. */
export const MOST_TRIES = 6;
export const TRIES_BEFORE_HANDSHAKE = 3;

const LONGEST_BACKOFF = 128;
const LONGEST_BURST_FRAMES = 8;
const LONGEST_BURST = 5000;

/** From the end of a frame until its answer must be here, if it came in its window. */
export function answerTimeout(answerAirtime: number): number {
  return ANSWER_WINDOW + answerAirtime + ANSWER_SLACK;
}

/** The random wait after try `tries` (from 1) of a frame; `exchangeAirtime` is that of the frame and its answer. */
export function retryDelay(tries: number, exchangeAirtime: number, random: Random): number {
  return uniform(random) * Math.min(2 ** tries, LONGEST_BACKOFF) * exchangeAirtime;
}

/** Fragments in a burst: clamp(⌊5 s ÷ airtime of a full frame⌋, 1, 8); without airtime, 8. */
export function burstLength(fullFrameAirtime: number | undefined): number {
  if (fullFrameAirtime === undefined) return LONGEST_BURST_FRAMES;
  return Math.min(Math.max(Math.floor(LONGEST_BURST / fullFrameAirtime), 1), LONGEST_BURST_FRAMES);
}
