/** How much weaker a signal is at another place: loss per pair, fixed or from positions, and how it wanders. */
import { gaussian, type Random, uniform } from '../../src/core/random.ts';

export interface PropagationOptions {
  /** Between two radios of which neither a loss nor both positions are known, dB. Infinity: they never meet. */
  readonly lossDb?: number;
  /** Loss at one kilometre and exponent of the log-distance model between placed radios. */
  readonly lossAtOneKmDb?: number;
  readonly exponent?: number;
  /** Standard deviation of what stands between two placed radios, the same both ways, dB. */
  readonly shadowingDb?: number;
  /** Standard deviation of what differs between the two directions of a placed pair, dB. */
  readonly asymmetryDb?: number;
  /** Standard deviation of the slow wandering of every loss over minutes and hours, dB. */
  readonly fadingDb?: number;
}

/**
 * Measured for LoRa at 868 MHz in a town with the receiver's antenna on a roof: J. Petäjäjärvi et al., "On the
 * coverage of LPWANs", ITST 2015. Their deviation of 7.8 dB contains the wandering over time.
 */
const MEASURED = { lossAtOneKmDb: 128.95, exponent: 2.32, shadowingDb: 6 } as const;

const WAVES = 4;
const SHORTEST_WAVE_MS = 3 * 60_000;
const LONGEST_WAVE_MS = 4 * 3_600_000;

/** A slow sine; a sum of a few with unrelated periods wanders. */
interface Wave {
  readonly perMs: number;
  readonly phase: number;
}

/** Deterministic from `random`: every pair's draws depend on the names alone, not on the order of questions. */
export class Propagation {
  readonly #random: Random;
  readonly #options: Required<PropagationOptions>;
  readonly #fixed = new Map<string, number>();
  readonly #places = new Map<string, readonly [number, number]>();
  readonly #waves = new Map<string, readonly Wave[]>();

  constructor(random: Random, options: PropagationOptions = {}) {
    this.#random = random;
    this.#options = { lossDb: 100, asymmetryDb: 1, fadingDb: 0, ...MEASURED, ...options };
  }

  /** Fixes the loss from `a` to `b` only. */
  setOneWay(a: string, b: string, lossDb: number): void {
    this.#fixed.set(oneWay(a, b), lossDb);
  }

  /** Metres, in any frame of reference. */
  place(name: string, x: number, y: number): void {
    this.#places.set(name, [x, y]);
  }

  /** Loss from `a` to `b` without the wandering, dB. */
  meanLossDb(a: string, b: string): number {
    const fixed = this.#fixed.get(oneWay(a, b));
    if (fixed !== undefined) return fixed;
    const [from, to] = [this.#places.get(a), this.#places.get(b)];
    if (!from || !to) return this.#options.lossDb;
    const { lossAtOneKmDb, exponent, shadowingDb, asymmetryDb } = this.#options;
    const km = Math.max(Math.hypot(from[0] - to[0], from[1] - to[1]), 1) / 1000;
    const shadow = gaussian(this.#random.fork(`shadow ${bothWays(a, b)}`), 0, shadowingDb);
    const skew = gaussian(this.#random.fork(`skew ${oneWay(a, b)}`), 0, asymmetryDb / Math.SQRT2);
    return lossAtOneKmDb + 10 * exponent * Math.log10(km) + shadow + skew;
  }

  /** What the slow fading of the pair adds at a time, the same both ways, dB. */
  fadingDb(a: string, b: string, atMs: number): number {
    const deviation = this.#options.fadingDb;
    if (deviation === 0) return 0;
    let sum = 0;
    for (const wave of this.#wavesOf(a, b)) sum += Math.sin(atMs * wave.perMs + wave.phase);
    return deviation * Math.sqrt(2 / WAVES) * sum;
  }

  /** The most that `fadingDb` can ever take away from a loss. */
  get deepestGainDb(): number {
    return this.#options.fadingDb * Math.sqrt(2 * WAVES);
  }

  #wavesOf(a: string, b: string): readonly Wave[] {
    const key = bothWays(a, b);
    let waves = this.#waves.get(key);
    if (!waves) {
      const random = this.#random.fork(`fading ${key}`);
      waves = Array.from({ length: WAVES }, () => {
        const period = SHORTEST_WAVE_MS * (LONGEST_WAVE_MS / SHORTEST_WAVE_MS) ** uniform(random);
        return { perMs: (2 * Math.PI) / period, phase: 2 * Math.PI * uniform(random) };
      });
      this.#waves.set(key, waves);
    }
    return waves;
  }
}

const oneWay = (a: string, b: string) => `${a}>${b}`;
const bothWays = (a: string, b: string) => (a < b ? `${a}|${b}` : `${b}|${a}`);
