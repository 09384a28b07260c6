/**
 * The log byte for spans of time: times to live, ages, intervals (docs/protocol/store.md). x stands for round(2^(x/16))
 * minutes, so that a byte spans one minute to thirty days in steps of at most 4.5 % (where a step is more than a minute).
 */

/** 2^(246/16) minutes, 29.5 days: larger bytes are refused. */
export const LONGEST_LOG_BYTE = 246;

/** Minutes of a log byte, or undefined where it is beyond thirty days. */
export function minutesOf(logByte: number): number | undefined {
  return logByte <= LONGEST_LOG_BYTE ? Math.round(2 ** (logByte / 16)) : undefined;
}

/** The least log byte of at least so many minutes; the greatest one for more than it can say. */
export function logByteOf(minutes: number): number {
  for (let x = 0; x < LONGEST_LOG_BYTE; x++) if (Math.round(2 ** (x / 16)) >= minutes) return x;
  return LONGEST_LOG_BYTE;
}
