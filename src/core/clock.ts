/** Time is handed in: everything that waits or measures takes a `Clock`. */

/** Undoes a registration or a timer; calling it again does nothing. */
export type Cancel = () => void;

export interface Clock {
  /** Milliseconds, fractional, never going back; its zero has no meaning. */
  monotonic(): number;
  /** Calendar time, for people only: no protocol decision depends on it. */
  wall(): Date;
  /** Runs `run` once, `ms` from now (0 or less: as soon as possible, never synchronously). */
  after(ms: number, run: () => void): Cancel;
  /** Resolves `ms` from now; rejects with the signal's reason where it aborts first. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

/** A promise-based wait over any clock's `after`; what every `Clock` implements `sleep` with. */
export function sleepOn(after: Clock['after'], ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const onAbort = () => {
      cancel();
      reject(signal?.reason);
    };
    const cancel = after(ms, () => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    });
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}

/** Node caps a timer at 2^31 - 1 ms and would fire a longer one at once. */
const LONGEST = 0x7fffffff;

/** The machine's own time. */
export class SystemClock implements Clock {
  monotonic(): number {
    return performance.now();
  }
  wall(): Date {
    return new Date();
  }
  after(ms: number, run: () => void): Cancel {
    let timer: ReturnType<typeof setTimeout>;
    const arm = (left: number) => {
      timer = setTimeout(
        () => (left > LONGEST ? arm(left - LONGEST) : run()),
        Math.min(Math.max(left, 0), LONGEST),
      );
    };
    arm(ms);
    return () => clearTimeout(timer);
  }
  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return sleepOn((t, run) => this.after(t, run), ms, signal);
  }
}

/** Runs `task` every `ms`, first after `ms`, until cancelled; a slow task delays the next run, runs never overlap. */
export function every(clock: Clock, ms: number, task: () => void | Promise<void>): Cancel {
  let stopped = false;
  let cancel: Cancel;
  const arm = () => {
    cancel = clock.after(ms, async () => {
      await task();
      if (!stopped) arm();
    });
  };
  arm();
  return () => {
    stopped = true;
    cancel();
  };
}
