/** When a connection has come to its end, and when it must say that it has not: pure decisions; times in ms. */

/** The other end must have said who it is. */
const PREAMBLE_MS = 5_000;
/** A frame must have opened that came by it. */
const PROOF_MS = 30_000;
/** A frame that has begun must be whole. */
const FRAME_MS = 10_000;
/** Something must have come, if only a keep-alive. */
const SILENCE_MS = 45_000;
/** Something must have gone. */
const KEEP_ALIVE_MS = 15_000;
/** What was written must have left. */
const STALL_MS = 30_000;
/** Frames that one may send before any has opened: an announce, some handshakes, what they are for. */
export const UNPROVEN_FRAMES = 64;

export interface Life {
  readonly since: number;
  readonly named: boolean;
  readonly proven: boolean;
  /** Frames that came. */
  readonly frames: number;
  readonly heardAt: number;
  readonly saidAt: number;
  /** Since when a piece has been incomplete; undefined: none is. */
  readonly midwaySince: number | undefined;
  /** Since when something written has not left; undefined: all has. */
  readonly bufferedSince: number | undefined;
}

/** Counted as `lan.dropped.<reason>`. */
export type End = 'no-preamble' | 'unproven' | 'stalled' | 'silent' | 'not-reading';

export function lifeOf(life: Life, now: number): 'good' | 'keep-alive' | End {
  const { since, named, proven, heardAt, saidAt, midwaySince, bufferedSince } = life;
  if (!named && now - since >= PREAMBLE_MS) return 'no-preamble';
  if (!proven && (now - since >= PROOF_MS || life.frames > UNPROVEN_FRAMES)) return 'unproven';
  if (midwaySince !== undefined && now - midwaySince >= FRAME_MS) return 'stalled';
  if (now - heardAt >= SILENCE_MS) return 'silent';
  if (bufferedSince !== undefined && now - bufferedSince >= STALL_MS) return 'not-reading';
  return now - saidAt >= KEEP_ALIVE_MS ? 'keep-alive' : 'good';
}
