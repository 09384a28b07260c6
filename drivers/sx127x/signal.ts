import type { Clock } from '../../src/core/clock.ts';

/** An interrupt somebody waits for; one that came before the wait is not lost. */
export class Signal {
  #set = false;
  #wake: (() => void) | undefined;

  set(): void {
    this.#set = true;
    this.#wake?.();
  }

  /** True as soon as the signal is set (which is then taken), false after `ms`. */
  async wait(clock: Clock, ms: number): Promise<boolean> {
    if (!this.#set) {
      await new Promise<void>((resolve) => {
        const cancel = clock.after(ms, resolve);
        this.#wake = () => {
          cancel();
          resolve();
        };
      });
      this.#wake = undefined;
    }
    const set = this.#set;
    this.#set = false;
    return set;
  }
}
