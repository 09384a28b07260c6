/** Events as an async iterable: nothing is lost between two `next()`, and it ends when its signal aborts. */
import type { Cancel } from '../core/clock.ts';

/** Values that wait for a slow reader; beyond that the reader is cut off rather than the box filled. */
const MOST_WAITING = 10_000;

/**
 * Yields `first()` and then what `subscribe` tells, until `last` holds for a value or the signal aborts.
 * Subscribes before it asks for the first values, so that none falls between.
 */
export async function* stream<T>(
  subscribe: (listener: (value: T) => void) => Cancel,
  first: () => readonly T[],
  last: (value: T) => boolean,
  signal: AbortSignal,
): AsyncGenerator<T, void, undefined> {
  const waiting: T[] = [];
  let wake = () => {};
  const cancel = subscribe((value) => {
    if (waiting.length < MOST_WAITING) waiting.push(value);
    wake();
  });
  const onAbort = () => wake();
  signal.addEventListener('abort', onAbort);
  try {
    for (const value of first()) {
      yield value;
      if (last(value)) return;
    }
    while (!signal.aborted) {
      const value = waiting.shift();
      if (value === undefined) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
        continue;
      }
      yield value;
      if (last(value) || waiting.length >= MOST_WAITING) return;
    }
  } finally {
    cancel();
    signal.removeEventListener('abort', onAbort);
  }
}
