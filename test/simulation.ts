/**
 * Virtual time: pops one timer (by time, then by the order it was set), runs it, lets every promise and
 * immediate it caused settle, and goes on. A whole mesh then runs as fast as the machine can, and the same seed
 * gives the same run.
 */
import { type Cancel, type Clock, sleepOn } from '../src/core/clock.ts';
import { type Random, SeededRandom } from '../src/core/random.ts';

interface Timer {
  readonly at: number;
  readonly order: number;
  run: (() => void) | undefined;
}

export interface SimulationOptions {
  /** Calendar time at virtual time 0, ms since 1970. */
  readonly wallStart?: number;
  /** ms by which every reading moves the clock on, as a real one does; 0 unless said. */
  readonly creepMs?: number;
}

export class Simulation implements Clock {
  readonly seed: number | string;
  readonly random: Random;
  readonly #start: number;
  readonly #creepMs: number;
  readonly #heap: Timer[] = [];
  #now = 0;
  #order = 0;
  #events = 0;

  constructor(seed: number | string = 1, options: SimulationOptions = {}) {
    this.seed = seed;
    this.random = new SeededRandom(seed);
    this.#start = options.wallStart ?? Date.UTC(2030, 0, 1);
    this.#creepMs = options.creepMs ?? 0;
  }

  /** Timers run so far. */
  get events(): number {
    return this.#events;
  }

  monotonic(): number {
    this.#now += this.#creepMs;
    return this.#now;
  }
  wall(): Date {
    return new Date(this.#start + this.#now);
  }
  after(ms: number, run: () => void): Cancel {
    if (Number.isNaN(ms)) throw new RangeError('a timer needs a time');
    const timer: Timer = { at: this.#now + Math.max(ms, 0), order: this.#order++, run };
    this.#push(timer);
    return () => {
      timer.run = undefined;
    };
  }
  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return sleepOn((t, run) => this.after(t, run), ms, signal);
  }

  /** Runs until virtual time has advanced by `ms`. */
  async run(ms: number): Promise<void> {
    const end = this.#now + ms;
    await settle();
    for (let next = this.#peek(); next && next.at <= end; next = this.#peek()) await this.#step();
    this.#now = Math.max(this.#now, end);
  }

  /** Runs until `done()` holds; throws once `ms` of virtual time have passed without it. */
  async until(done: () => boolean, ms: number, what = 'the awaited condition'): Promise<void> {
    const end = this.#now + ms;
    await settle();
    while (!done()) {
      const next = this.#peek();
      if (!next || next.at > end)
        throw new Error(`${what} did not come true within ${ms} ms of virtual time (seed ${this.seed})`);
      await this.#step();
    }
  }

  /** Runs until `promise` settles, and gives its value; throws once `ms` of virtual time have passed without it. */
  async resolve<T>(promise: Promise<T>, ms: number, what = 'the promise'): Promise<T> {
    let settled = false;
    const done = () => {
      settled = true;
    };
    promise.then(done, done);
    await this.until(() => settled, ms, what);
    return promise;
  }

  async #step(): Promise<void> {
    const timer = this.#pop();
    if (!timer) return;
    this.#now = Math.max(this.#now, timer.at);
    this.#events++;
    timer.run?.();
    await settle();
  }

  /** The earliest timer that has not been cancelled. */
  #peek(): Timer | undefined {
    while (this.#heap[0] && !this.#heap[0].run) this.#pop();
    return this.#heap[0];
  }

  #push(timer: Timer): void {
    const heap = this.#heap;
    heap.push(timer);
    let i = heap.length - 1;
    while (i > 0) {
      const parent = (i - 1) >> 1;
      if (!before(heap[i], heap[parent])) break;
      swap(heap, i, parent);
      i = parent;
    }
  }

  #pop(): Timer | undefined {
    const heap = this.#heap;
    const top = heap[0];
    const last = heap.pop();
    if (heap.length > 0 && last) {
      heap[0] = last;
      for (let i = 0; ; ) {
        let child = 2 * i + 1;
        if (child >= heap.length) break;
        if (before(heap[child + 1], heap[child])) child++;
        if (!before(heap[child], heap[i])) break;
        swap(heap, i, child);
        i = child;
      }
    }
    return top;
  }
}

function before(a: Timer | undefined, b: Timer | undefined): boolean {
  if (!a || !b) return false;
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}

function swap(heap: Timer[], i: number, k: number): void {
  const t = heap[i] as Timer;
  heap[i] = heap[k] as Timer;
  heap[k] = t;
}

/** Lets microtasks and immediates run until the next timer may. */
function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
