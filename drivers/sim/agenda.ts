/** What happens at exact times in the air and inside the chips, in the order of those times. */
import type { Cancel, Clock } from '../../src/core/clock.ts';

interface Entry {
  run: ((atMs: number) => void) | undefined;
}

interface Slot {
  readonly atMs: number;
  readonly entries: Entry[];
  cancelTimer: Cancel;
  done: boolean;
}

/** Adding to a clock's reading and taking away again rounds in the last bits. */
const ROUNDING_MS = 1e-6;

/**
 * A queue of moments. Timers of a busy machine come late, so whoever looks at the state of a chip first calls
 * `catchUp`: everything that was due by then happens before, in order, each with its own exact time. Entries of the
 * same moment share one timer: all receivers of a frame decide in one event.
 */
export class Agenda {
  readonly #clock: Clock;
  readonly #slots: Slot[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** ms of the clock that this agenda follows. */
  now(): number {
    return this.#clock.monotonic();
  }

  /** Runs `run` at `atMs`, as soon as possible where that is past. Never runs it synchronously. */
  at(atMs: number, run: (atMs: number) => void): Cancel {
    const entry: Entry = { run };
    const index = this.#indexOf(atMs);
    const slot = this.#slots[index];
    if (slot?.atMs === atMs) slot.entries.push(entry);
    else {
      const added: Slot = { atMs, entries: [entry], cancelTimer: () => {}, done: false };
      this.#slots.splice(index, 0, added);
      this.#arm(added);
    }
    return () => {
      entry.run = undefined;
    };
  }

  /** Runs everything that is due. */
  catchUp(): void {
    for (let slot = this.#slots[0]; slot && slot.atMs <= this.now() + ROUNDING_MS; slot = this.#slots[0]) {
      this.#slots.shift();
      slot.done = true;
      slot.cancelTimer();
      for (const entry of slot.entries) entry.run?.(slot.atMs);
    }
  }

  #arm(slot: Slot): void {
    slot.cancelTimer = this.#clock.after(slot.atMs - this.now(), () => {
      this.catchUp();
      // the machine's timers drop fractions of a millisecond and so come early at times
      if (!slot.done) this.#arm(slot);
    });
  }

  /** The first slot at or after `atMs`. */
  #indexOf(atMs: number): number {
    let low = 0;
    let high = this.#slots.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#slots[middle] as Slot).atMs < atMs) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
