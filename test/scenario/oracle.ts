/** The best that any protocol could do: every letter floods over free air, on the schedule that the boxes keep. */
import type { Letter } from './letters.ts';
import { reachable, type Topology } from './topology.ts';

export class Oracle {
  readonly #topology: Topology;
  /** Whether two boxes that could hear each other do so now. */
  readonly #hears: (i: number, k: number) => boolean;
  readonly #isUp: (i: number) => boolean;
  /** What each letter's flood has reached. */
  readonly #flooded = new Map<Letter, Set<number>>();

  constructor(topology: Topology, isUp: (i: number) => boolean, hears: (i: number, k: number) => boolean) {
    this.#topology = topology;
    this.#isUp = isUp;
    this.#hears = hears;
  }

  written(letter: Letter, now: number): void {
    this.#flooded.set(letter, new Set([letter.from]));
    this.flood(now);
  }

  /** Whatever is reachable at this moment is reached. To be told whenever a box or a link comes up. */
  flood(now: number): void {
    for (const [letter, has] of this.#flooded) {
      for (const i of reachable(this.#topology, has, this.#isUp, this.#hears)) has.add(i);
      if (!has.has(letter.to)) continue;
      letter.oracleAt = now;
      this.#flooded.delete(letter);
    }
  }
}
