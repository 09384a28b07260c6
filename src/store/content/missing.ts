/** What of an object is here, what is asked for, and what is next: pages of leaves, then chunks. In memory only. */
import { chunkCount, PAGE_LEAVES, pageCount, pageLength } from '../merkle.ts';

const STATE = { missing: 0, asked: 1, here: 2 } as const;

export interface Part {
  readonly kind: 'leaves' | 'chunk';
  readonly index: number;
}

export class Missing {
  readonly #size: number;
  readonly #pages: Uint8Array;
  readonly #chunks: Uint8Array;
  #chunksLeft: number;

  constructor(size: number) {
    this.#size = size;
    this.#pages = new Uint8Array(pageCount(size));
    this.#chunks = new Uint8Array(chunkCount(size));
    this.#chunksLeft = this.#chunks.length;
  }

  get chunksLeft(): number {
    return this.#chunksLeft;
  }
  get chunks(): number {
    return this.#chunks.length;
  }

  /** Hands out a part that nobody was asked for: chunks whose leaves are known first. */
  take(): Part | undefined {
    for (const [page, state] of this.#pages.entries()) {
      if (state !== STATE.here) continue;
      const from = page * PAGE_LEAVES;
      const index = this.#chunks.subarray(from, from + pageLength(this.#size, page)).indexOf(STATE.missing);
      if (index < 0) continue;
      this.#chunks[from + index] = STATE.asked;
      return { kind: 'chunk', index: from + index };
    }
    const page = this.#pages.indexOf(STATE.missing);
    if (page < 0) return undefined;
    this.#pages[page] = STATE.asked;
    return { kind: 'leaves', index: page };
  }

  /** Was not had: somebody else is asked. */
  giveBack({ index, kind }: Part): void {
    const states = kind === 'chunk' ? this.#chunks : this.#pages;
    if (states[index] === STATE.asked) states[index] = STATE.missing;
  }

  arrived({ index, kind }: Part): void {
    if (kind === 'chunk' && this.#chunks[index] !== STATE.here) this.#chunksLeft--;
    (kind === 'chunk' ? this.#chunks : this.#pages)[index] = STATE.here;
  }
}
