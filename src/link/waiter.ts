/** Waits that end early: for something to have happened, or for a time. */
import type { Clock } from '../core/clock.ts';

export class Waiter {
  readonly #clock: Clock;
  #wake: () => void = () => {};

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Something has happened: whoever waits looks again. */
  wake(): void {
    this.#wake();
  }

  /** Resolves once `done()` holds after a `wake`, or at `deadline` (`Clock.monotonic()`). One wait at a time. */
  async until(done: () => boolean, deadline: number): Promise<void> {
    for (let left = this.#left(deadline); left > 0 && !done(); left = this.#left(deadline)) {
      const ms = left;
      await new Promise<void>((resolve) => {
        const cancel = this.#clock.after(ms, resolve);
        this.#wake = () => {
          cancel();
          resolve();
        };
      });
    }
    this.#wake = () => {};
  }

  #left(deadline: number): number {
    return deadline - this.#clock.monotonic();
  }
}
