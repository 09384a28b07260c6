/**
 * When those who keep an item of a shared frame say so (docs/protocol/store.md, "NXS-Pub"): in turn, by the places of
 * their tags, since all of them have heard it at the same moment, and may not hear each other.
 */
import { SEALED_OVERHEAD } from '../link/frame.ts';
import { GOT_LENGTH } from './records.ts';

/** Bytes of a frame that says so of one item. */
export const GOT_FRAME = SEALED_OVERHEAD + 1 + GOT_LENGTH;
/** Turns before the first: the next frame of the same round has begun by then. */
const LEAD = 2;
/** Turns after the last, and ms: the channel may be busy, and a disk slow. */
const SPARE = 6;
const SLACK_MS = 2_000;

/** ms from the last of so many items until whoever has this place answers, where a short answer lasts so long. */
export function answerAfter(slot: number, items: number, airtimeMs: number): number {
  return (LEAD + slot) * turn(items, airtimeMs);
}

/** ms after which nothing more is expected of so many neighbours. */
export function answeredWithin(members: number, items: number, airtimeMs: number): number {
  return answerAfter(members + SPARE, items, airtimeMs) + SLACK_MS;
}

/** The answer itself, and the longest draw for the channel, which every frame heard of late makes eight slots longer. */
function turn(items: number, airtimeMs: number): number {
  return (2 + items) * airtimeMs + 100 * items + 50;
}
