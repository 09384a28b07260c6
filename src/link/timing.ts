/** How long the link waits, and how often it tries (docs/protocol/link.md, "Records", "Transfers"). Times in ms. */
import { type Random, uniform } from '../core/random.ts';
import type { Medium } from './medium.ts';

/**
 * An answer begins after the first and before the second of these, from the end of the frame that asked for it: whoever
 * asked must be listening again, which takes a few transfers over a busy bus, and a preamble may last 12 ms.
 */
const ANSWER_EARLIEST = 40;
export const ANSWER_WINDOW = 150;
/** What answers is waited for so long before a bare `ack` goes; the rest of the window is the channel's. */
export const ANSWER_HOLD = 100;
/** Late interrupts and a busy host at both ends of an answer. */
const ANSWER_SLACK = 50;

/** Tries in a row, unanswered: so many and the failure is reported; so many and the session is doubted. */
export const MOST_TRIES = 6;
export const TRIES_BEFORE_HANDSHAKE = 3;
/**
 * Tries of message 1 in a row, over the air: to begin with, and where frames under a session went unanswered. Whoever
 * has lost that says so when it boots, so nearly all who do not answer then are not there.
 */
export const MOST_HANDSHAKES = 4;
export const HANDSHAKES_IN_DOUBT = 1;

/** On a connection a session is an hour old at most: a fresh handshake costs less there than a change of keys. */
export const CONNECTED_SESSION_AGE = 3_600_000;

/** Where a medium has no airtime, a frame and its answer count as this much: two hosts and the net between them. */
const UNTIMED_EXCHANGE = 100;

const LONGEST_BACKOFF = 128;
const LONGEST_BURST_FRAMES = 8;
const LONGEST_BURST = 5000;

/** ms before which no answer may begin: a connection needs no time to turn round. */
export function earliestAnswer({ connections }: Medium): number {
  return connections ? 0 : ANSWER_EARLIEST;
}

/** From the end of a frame until its answer must be here, if it came in its window. */
export function answerTimeout(answerAirtime: number): number {
  return ANSWER_WINDOW + answerAirtime + ANSWER_SLACK;
}

/** The random wait after try `tries` (from 1) of a frame; `exchangeAirtime` is that of the frame and its answer. */
export function retryDelay(tries: number, exchangeAirtime: number, random: Random): number {
  const exchange = exchangeAirtime > 0 ? exchangeAirtime : UNTIMED_EXCHANGE;
  return uniform(random) * Math.min(2 ** tries, LONGEST_BACKOFF) * exchange;
}

/** Fragments in a burst: clamp(⌊5 s ÷ airtime of a full frame⌋, 1, 8); without airtime, 8. */
export function burstLength(fullFrameAirtime: number | undefined): number {
  if (fullFrameAirtime === undefined) return LONGEST_BURST_FRAMES;
  return Math.min(Math.max(Math.floor(LONGEST_BURST / fullFrameAirtime), 1), LONGEST_BURST_FRAMES);
}
