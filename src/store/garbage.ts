/**
 * What goes to make room, and in which order (docs/protocol/store.md, "Garbage"). What has expired goes by itself. What
 * a contact gave is never touched: a full store refuses what is new instead.
 */
import type { ReadTx } from '../db/db.ts';
import type { DiskState } from '../db/disk-state.ts';
import type { Holding } from './holding.ts';
import type { Holdings } from './holdings.ts';
import type { ShareRefusal } from './shares.ts';
import { type GarbageClass, garbageClass } from './unpaid.ts';

/** Of a part that was full, so much is made free. */
const FREED_PART = 1 / 8;

/** A part of the store that had no room for an object: of whom, where it is one neighbour's. */
export interface Want {
  readonly part: ShareRefusal;
  /** NodeId in hex. */
  readonly neighbour: string;
}

export class Garbage {
  readonly #holdings: Holdings;
  readonly #isMail: (holding: Holding) => boolean;
  /** Parts that were full since the last look. */
  readonly #wanted = new Map<string, Want>();

  /** `isMail`: what a mailbox keeps makes room for nothing new, and goes only where the disk has none. */
  constructor(holdings: Holdings, isMail: (holding: Holding) => boolean) {
    this.#holdings = holdings;
    this.#isMail = isMail;
  }

  /** A part was full: room is made for the next try. */
  want(want: Want): void {
    const { part, neighbour } = want;
    this.#wanted.set(part === 'neighbour' ? neighbour : part, want);
  }

  /**
   * Up to `limit` held objects that go now, the first to go first. All unpaid ones past their grace where the disk is
   * tight or full, and lazy ones too where it is full; otherwise as much as frees an eighth of each part that was full.
   */
  victims(tx: ReadTx, now: number, disk: DiskState, limit: number): readonly number[] {
    const wanted = [...this.#wanted.values()];
    this.#wanted.clear();
    if (disk === 'tight' || disk === 'full') {
      const strangers = this.#holdings.unpaid.givers();
      const unpaid = this.#all(tx, strangers, 'unpaid', now, limit);
      if (disk === 'tight' || unpaid.length >= limit) return unpaid;
      const left = limit - unpaid.length;
      return [...unpaid, ...this.#all(tx, strangers, 'lazy', now, left)];
    }
    const found = new Set<number>();
    for (const { part, neighbour } of wanted) {
      const whose = part === 'neighbour' ? [neighbour] : this.#holdings.unpaid.givers();
      const enough = FREED_PART * this.#holdings.shares.unpaid(part === 'neighbour' ? neighbour : undefined);
      for (const n of this.#all(tx, whose, 'unpaid', now, limit - found.size, enough)) found.add(n);
    }
    return [...found];
  }

  /** Of these strangers' objects the oldest first; no mail, where only `enough` bytes of the class are looked for. */
  #all(
    tx: ReadTx,
    whose: readonly string[],
    kind: GarbageClass,
    now: number,
    limit: number,
    enough = Infinity,
  ): number[] {
    const { unpaid } = this.#holdings;
    const candidates = whose.flatMap((giver) => unpaid.garbageOf(giver, kind, now)).sort((a, b) => a - b);
    const found: number[] = [];
    let bytes = 0;
    for (const n of candidates) {
      if (found.length >= limit || bytes >= enough) break;
      const holding = this.#holdings.get(tx, n);
      if (!holding || garbageClass(holding, now) !== kind) continue;
      if (enough < Infinity && this.#isMail(holding)) continue;
      found.push(n);
      bytes += holding.size;
    }
    return found;
  }
}
