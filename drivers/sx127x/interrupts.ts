/** DIO0's edges: believed, but never relied on. */
import type { Cancel, Clock } from '../../src/core/clock.ts';
import type { GpioLine } from '../hal/hal.ts';
import type { RegisterFile } from './register-file.ts';
import { Register } from './registers.ts';
import type { Signal } from './signal.ts';

/** After so many events in a row without their edge the line counts as dead, until an edge is seen again. */
const MISSED_UNTIL_DEAD = 3;
/** How much later than computed an interrupt may come before the flags are asked. */
const GRACE_MS = 30;
/** Between two looks at the flags once an event is overdue, or where there is no line. */
const OVERDUE_POLL_MS = 5;

export class Interrupts {
  readonly #line: GpioLine | undefined;
  readonly #clock: Clock;
  readonly #onMissed: () => void;
  #missedInARow = 0;

  /** `onMissed` is told of every event whose edge did not come although there is a line. */
  constructor(line: GpioLine | undefined, clock: Clock, onMissed: () => void) {
    this.#line = line;
    this.#clock = clock;
    this.#onMissed = onMissed;
  }

  listen(onEdge: () => void): Cancel {
    const edge = () => {
      this.#missedInARow = 0;
      onEdge();
    };
    return this.#line?.onEdge(edge) ?? (() => {});
  }

  /** Whether an event can be waited for; otherwise the flags have to be polled. */
  get trusted(): boolean {
    return this.#line !== undefined && this.#missedInARow < MISSED_UNTIL_DEAD;
  }

  /** The flags told what no edge had told. */
  missed(): void {
    if (!this.#line) return;
    this.#missedInARow++;
    this.#onMissed();
  }

  /**
   * Waits for one of the chip's flags: by interrupt, and by asking once that is overdue. Gives all flags and the time
   * at which they were up; undefined after 1.5 × `expectedMs` without it.
   */
  async awaitFlag(
    registers: RegisterFile,
    interrupt: Signal,
    flag: number,
    expectedMs: number,
  ): Promise<{ readonly flags: number; readonly at: number } | undefined> {
    const start = this.#clock.monotonic();
    const due = start + expectedMs + (this.trusted ? GRACE_MS : 0);
    const deadline = start + Math.max(1.5 * expectedMs, expectedMs + 2 * GRACE_MS);
    for (;;) {
      const wait = Math.max(due - this.#clock.monotonic(), OVERDUE_POLL_MS);
      const edge = await interrupt.wait(this.#clock, wait);
      const at = this.#clock.monotonic();
      const flags = await registers.read(Register.IrqFlags);
      if (flags & flag) {
        if (!edge) this.missed();
        return { flags, at };
      }
      // by the time before the flags were read: a process that slept too long has not found a stuck chip
      if (at >= deadline) return undefined;
    }
  }
}
