/**
 * How the channel's time for routing is shared by those who fill it (docs/protocol/mesh.md, "Budget"). At each place
 * all who are heard there have equal shares, but for those who take less because it is fuller elsewhere: what they
 * leave is for the rest (max-min fairness, each place saying its rate: MIT/LCS/TR-601, 1994).
 */
import type { Clock } from '../core/clock.ts';
import type { NodeId } from '../identity/node-id.ts';
import type { Heard } from './earshot.ts';

/** Crowds are told in eighths of a node. */
export const ONE_NODE = 8;
const LARGEST = 255;
/** Who is not linked, and could be anybody, is believed so many nodes beside twice as many as are heard here. */
const STRANGER_HEARS = 4;
/**
 * Nobody takes more than so often the least share it hears of. Who is heard too rarely to be known of is mostly heard
 * by such a box: at the edge of a full place, with little beside it, it would take four times what the others do.
 */
const MOST_OF_LEAST = 2;
/** ms: within which those around have heard what was said here, and have said what they take since. */
const ECHO_MS = 60 * 60_000;
/** A share grows by so much of it within so many ms: others hear of it meanwhile, and make room. */
const STEP = 1 / 8;
const STEP_MS = 15 * 60_000;

/** In eighths of a node: as if so many shared the channel equally. */
export interface Crowd {
  /** At this place: whoever is heard here may take no more. 8–255 */
  readonly here: number;
  /** What this node takes: no more than at the fullest place in earshot, nor twice the least share it hears of. 8–255 */
  readonly around: number;
}

/** Of one that has not said. */
export const UNSAID: Crowd = { here: 0, around: 0 };

export interface ChannelSharesOptions {
  /** Those who fill the channel here. */
  readonly sharing: () => readonly Heard[];
  readonly isLinked: (id: NodeId) => boolean;
  /** What the law leaves is no more than a share among so many, in eighths of a node. */
  readonly legalCrowd: number;
  /** `Crowd.around` as it was before the start, 0 where none is remembered: few are heard at first. */
  readonly before: number;
  readonly clock: Clock;
}

export class ChannelShares {
  readonly #o: ChannelSharesOptions;
  /** What was said of this place lately. */
  #said: readonly { readonly at: number; readonly here: number }[] = [];
  /** What was last said to be taken, and when that has grown. */
  #around: number;
  #grownAt: number;

  constructor(options: ChannelSharesOptions) {
    this.#o = options;
    this.#around = options.before;
    this.#grownAt = options.clock.monotonic();
  }

  get crowd(): Crowd {
    const others = this.#o.sharing();
    const elsewhere = this.#elsewhere(others);
    const here = this.#here([elsewhere, ...others.map(({ crowd }) => crowd.around)]);
    return { here, around: Math.max(here, elsewhere, this.#least) };
  }

  /** As if so many nodes, this one among them, shared the channel equally. */
  get sharers(): number {
    return this.crowd.around / ONE_NODE;
  }

  /** The crowd, for a frame that goes out now. */
  say(): Crowd {
    const crowd = this.crowd;
    const at = this.#o.clock.monotonic();
    if (crowd.around < this.#around) this.#grownAt = at;
    this.#around = crowd.around;
    this.#said = [...this.#lately, { at, here: crowd.here }];
    return crowd;
  }

  get #lately() {
    const now = this.#o.clock.monotonic();
    return this.#said.filter((s) => now - s.at <= ECHO_MS);
  }

  /** What this box may take may grow step by step only. */
  get #least(): number {
    const mayGrow = this.#o.clock.monotonic() - this.#grownAt >= STEP_MS;
    return mayGrow ? Math.floor(this.#around * (1 - STEP)) : this.#around;
  }

  /** What holds this box back, apart from this place. */
  #elsewhere(others: readonly Heard[]): number {
    const { isLinked, legalCrowd } = this.#o;
    const ofStrangers = ONE_NODE * (2 * others.length + STRANGER_HEARS);
    let most = Math.ceil(legalCrowd);
    for (const { crowd, nodeId } of others) {
      const bound = Math.max(crowd.here, Math.ceil(crowd.around / MOST_OF_LEAST));
      if (bound <= most) continue;
      // every decision about the budget asks for this: who is linked matters only where it makes a difference
      const isBelieved = bound <= ofStrangers || isLinked(nodeId);
      most = Math.max(most, isBelieved ? bound : ofStrangers);
    }
    return Math.min(most, LARGEST);
  }

  /**
   * Of what those who share this place are content with. Whoever takes less than it has allowed of late is held back
   * elsewhere. Those who take as much as it allowed a while ago just have not heard yet that it is more now.
   */
  #here(sharers: readonly number[]): number {
    const allowed = Math.max(ONE_NODE, ...this.#lately.map((s) => s.here));
    const heldBack = sharers.filter((around) => around > allowed).sort((a, b) => b - a);
    let [left, among] = [1, sharers.length];
    for (const around of heldBack) {
      // were all held back elsewhere, the last of them might take the rest
      if (among === 1 || around * left <= ONE_NODE * among) break;
      left -= ONE_NODE / around;
      among--;
    }
    return Math.min(Math.ceil((ONE_NODE * among) / left), LARGEST);
  }
}
