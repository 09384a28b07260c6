/** The machine at the other end of the wires: when SPI transfers and interrupts really happen on it. */
import type { Cancel, Clock } from '../../src/core/clock.ts';
import { type Random, uniform } from '../../src/core/random.ts';
import type { GpioLine, RadioHardware, SpiBus } from '../hal/hal.ts';
import type { SimSx1276 } from './sx1276.ts';

/** From and to; uniform between them. */
export type Span = readonly [number, number];

export interface HostModel {
  /** What a transfer takes, ms, and how often it takes more. */
  readonly spiMs: Span;
  readonly spiTail: { readonly chance: number; readonly ms: Span };
  /** From a rising edge to the listener, ms, and how often it is later. */
  readonly interruptMs: Span;
  readonly interruptTail: { readonly chance: number; readonly ms: Span };
  /** Something keeps the event loop: nothing completes and no interrupt is heard meanwhile. */
  readonly stalls?: { readonly everyMs: number; readonly ms: Span };
}

/** A Raspberry Pi with other things to do. */
export const BUSY_PI: HostModel = {
  spiMs: [1, 5],
  spiTail: { chance: 0.01, ms: [5, 30] },
  interruptMs: [0.1, 2],
  interruptTail: { chance: 0.01, ms: [2, 25] },
  stalls: { everyMs: 20_000, ms: [20, 500] },
};

export const LINES = ['reset', 'dio0', 'dio1', 'dio2', 'dio3'] as const;
export type Line = (typeof LINES)[number];

/** An ideal host takes no time, so a host that asks without ever waiting would never stop. */
const MOST_TRANSFERS_AT_ONCE = 10_000;

/** The lines and the bus of `chip` as `model` delivers them. */
export function wireToHost(
  chip: SimSx1276,
  clock: Clock,
  random: Random,
  model: 'ideal' | HostModel,
  lines: readonly Line[] = LINES,
): RadioHardware {
  const timing = model === 'ideal' ? undefined : new HostTiming(clock, random, model);
  const has = (line: Line) => lines.includes(line);
  const dio = (n: number) => dioLine(chip, n, clock, timing);
  return {
    spi: timing ? slowBus(chip, clock, timing) : idealBus(chip, clock),
    ...(has('reset') && { reset: resetLine(chip) }),
    ...(has('dio0') && { dio0: dio(0) }),
    ...(has('dio1') && { dio1: dio(1) }),
    ...(has('dio2') && { dio2: dio(2) }),
    ...(has('dio3') && { dio3: dio(3) }),
  };
}

/** Draws latencies, and puts off what falls into a stall of the event loop. */
class HostTiming {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #model: HostModel;
  #stall: Span = [Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY];

  constructor(clock: Clock, random: Random, model: HostModel) {
    this.#clock = clock;
    this.#random = random;
    this.#model = model;
  }

  spiMs(): number {
    return this.#draw(this.#model.spiMs, this.#model.spiTail);
  }

  interruptMs(): number {
    return this.#draw(this.#model.interruptMs, this.#model.interruptTail);
  }

  /** How long after now the event loop notices something that happens now. */
  stallMs(): number {
    const { stalls } = this.#model;
    if (!stalls) return 0;
    const now = this.#clock.monotonic();
    if (this.#stall[1] === Number.NEGATIVE_INFINITY) this.#stall = this.#nextStall(stalls, now);
    while (this.#stall[1] <= now) this.#stall = this.#nextStall(stalls, this.#stall[1]);
    return this.#stall[0] <= now ? this.#stall[1] - now : 0;
  }

  #nextStall(stalls: NonNullable<HostModel['stalls']>, afterMs: number): Span {
    const from = afterMs - stalls.everyMs * Math.log(1 - uniform(this.#random));
    return [from, from + this.#between(stalls.ms)];
  }

  #draw(usual: Span, tail: { readonly chance: number; readonly ms: Span }): number {
    return this.#between(uniform(this.#random) < tail.chance ? tail.ms : usual);
  }

  #between([from, to]: Span): number {
    return from + (to - from) * uniform(this.#random);
  }
}

function assertWorking(chip: SimSx1276): void {
  if (chip.faults.bus === 'failing') throw new Error('EIO: SPI transfer failed');
}

function idealBus(chip: SimSx1276, clock: Clock): SpiBus {
  let transfers = 0;
  let atMs = Number.NaN;
  return {
    async transfer(tx) {
      // not within the caller's turn, as on a real bus
      await undefined;
      assertWorking(chip);
      const now = clock.monotonic();
      transfers = now === atMs ? transfers + 1 : 1;
      atMs = now;
      if (transfers > MOST_TRANSFERS_AT_ONCE) throw new Error(`${chip.name} is polled without ever waiting`);
      return chip.exchange(tx);
    },
    close: async () => {},
  };
}

function slowBus(chip: SimSx1276, clock: Clock, timing: HostTiming): SpiBus {
  let last: Promise<unknown> = Promise.resolve();
  const one = async (tx: Uint8Array) => {
    await clock.sleep(timing.spiMs());
    assertWorking(chip);
    const rx = chip.exchange(tx);
    const stall = timing.stallMs();
    if (stall > 0) await clock.sleep(stall);
    return rx;
  };
  return {
    transfer(tx) {
      const bytes = tx.slice();
      const done = last.then(() => one(bytes));
      last = done.catch(() => {});
      return done;
    },
    close: async () => {},
  };
}

function dioLine(chip: SimSx1276, dio: number, clock: Clock, timing: HostTiming | undefined): GpioLine {
  const cancels = new Set<Cancel>();
  const deliver = (listener: () => void) => {
    if (chip.faults.interruptsToLose > 0) {
      chip.faults.interruptsToLose--;
      return;
    }
    if (!timing) return listener();
    clock.after(timing.interruptMs(), () => {
      const stall = timing.stallMs();
      if (stall > 0) clock.after(stall, listener);
      else listener();
    });
  };
  return {
    read: async () => chip.level(dio),
    write: () => Promise.reject(new Error(`DIO${dio} is an output of the chip`)),
    release: async () => {},
    onEdge(listener) {
      let listening = true;
      const off = chip.onRise.on((n) => {
        if (n === dio) deliver(() => listening && listener());
      });
      const cancel = () => {
        listening = false;
        off();
        cancels.delete(cancel);
      };
      cancels.add(cancel);
      return cancel;
    },
    close: async () => {
      for (const cancel of cancels) cancel();
    },
  };
}

function resetLine(chip: SimSx1276): GpioLine {
  let level: 0 | 1 = 1;
  const drive = async (value: 0 | 1) => {
    level = value;
    if (value === 0) chip.holdReset();
    else chip.releaseReset();
  };
  return {
    read: async () => level,
    write: drive,
    release: () => drive(1),
    onEdge: () => () => {},
    close: () => drive(1),
  };
}
