/** Randomness is handed in: everything that draws takes a `Random`. */
import { utf8 } from './bytes.ts';

export interface Random {
  /** `n` random bytes, a fresh array. */
  bytes(n: number): Uint8Array;
  /** An independent source; the same label of the same parent gives the same stream where the parent is seeded. */
  fork(label: string): Random;
}

/** The operating system's generator, through the Web Crypto API every engine has. */
export class SystemRandom implements Random {
  bytes(n: number): Uint8Array {
    const out = new Uint8Array(n);
    // getRandomValues refuses more than 65,536 bytes a call
    for (let at = 0; at < n; at += 65536) globalThis.crypto.getRandomValues(out.subarray(at, at + 65536));
    return out;
  }
  fork(_label: string): Random {
    return this;
  }
}

/**
 * A reproducible stream for simulations: sfc32 (C. Doty-Humphrey, PractRand). Not for keys of real boxes:
 * `node` is only ever given `SystemRandom` there.
 */
export class SeededRandom implements Random {
  readonly #seed: string;
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;

  constructor(seed: number | string) {
    this.#seed = String(seed);
    const [a, b, c] = spread(this.#seed);
    this.#a = a;
    this.#b = b;
    this.#c = c;
    for (let i = 0; i < 12; i++) this.#next();
  }

  #next(): number {
    const t = (this.#a + this.#b + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = ((this.#c << 21) | (this.#c >>> 11)) + t;
    this.#c |= 0;
    return t >>> 0;
  }

  bytes(n: number): Uint8Array {
    const out = new Uint8Array(n);
    for (let i = 0; i < n; i += 4) {
      const v = this.#next();
      for (let k = 0; k < 4 && i + k < n; k++) out[i + k] = (v >>> (8 * k)) & 0xff;
    }
    return out;
  }

  fork(label: string): Random {
    return new SeededRandom(`${this.#seed}/${label}`);
  }
}

/** Three 32-bit words from a string (FNV-1a with three offsets); only to start a simulation's stream. */
function spread(seed: string): [number, number, number] {
  const bytes = utf8(seed);
  const word = (offset: number) => {
    let h = offset;
    for (const b of bytes) h = Math.imul(h ^ b, 0x01000193);
    return h | 0;
  };
  return [word(0x811c9dc5 | 0), word(0x2f0b4a27), word(0x5bd1e995)];
}

/** A uniform number in [0, 1) with 32 bits of resolution. */
export function uniform(random: Random): number {
  const b = random.bytes(4);
  return (
    (((b[0] as number) | ((b[1] as number) << 8) | ((b[2] as number) << 16) | ((b[3] as number) << 24)) >>>
      0) /
    2 ** 32
  );
}

/** A uniform integer in [0, n), n ≤ 2^32. The bias of the multiplication is below n / 2^32. */
export function below(random: Random, n: number): number {
  return Math.floor(uniform(random) * n);
}

/** A normal deviate (Box–Muller). */
export function gaussian(random: Random, mean = 0, deviation = 1): number {
  const u = 1 - uniform(random);
  const v = uniform(random);
  return mean + deviation * Math.sqrt(-2 * Math.log(u)) * Math.cos(2 * Math.PI * v);
}
