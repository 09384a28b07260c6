/**
 * What is held for strangers, who do not pay: whose it is, and which of it may go. Known without reading it, for this is
 * asked every minute where room is short, and mostly nothing may go yet.
 */
import { type NodeId, nodeIdKey } from '../identity/node-id.ts';
import type { Holding } from './holding.ts';
import { NumberMap } from './number-map.ts';
import { OBJECT_PRIORITY } from './object.ts';
import { OrderedNumbers } from './ordered-numbers.ts';

const HOUR = 3_600_000;
/** For so long an unpaid stranger's object stays for certain, unless it is lazy and the disk is full. */
export const GRACE_MS = 24 * HOUR;

/** Why an object may go: `unpaid` past its grace, `lazy` where the disk is full. */
export type GarbageClass = 'unpaid' | 'lazy';

/** Which class a held object is of at own time `now`, and undefined where it stays. */
export function garbageClass(holding: Holding, now: number): GarbageClass | undefined {
  const { since } = holding;
  return isUnpaid(holding) ? classOf(since, isLazy(holding), now) : undefined;
}

export class Unpaid {
  /** By the giver that each first came from. */
  readonly #of = new OrderedNumbers();
  /** Own time, ms, as the disk has it. */
  readonly #since = new NumberMap();
  readonly #lazy = new Set<number>();

  /** Where it is one of them. */
  add(n: number, holding: Holding): void {
    const { from, since } = holding;
    if (!from || !isUnpaid(holding)) return;
    this.#of.add(nodeIdKey(from), n);
    this.#since.set(n, Math.ceil(since));
    if (isLazy(holding)) this.#lazy.add(n);
  }

  remove(n: number, from: NodeId): void {
    this.#of.remove(nodeIdKey(from), n);
    this.#since.delete(n);
    this.#lazy.delete(n);
  }

  /** NodeIds in hex. */
  givers(): readonly string[] {
    return this.#of.groups();
  }

  /** Those of a giver that are of this class at own time `now`, in the order they first came. */
  garbageOf(giver: string, kind: GarbageClass, now: number): readonly number[] {
    return this.#of
      .of(giver)
      .filter((n) => classOf(this.#since.get(n) ?? now, this.#lazy.has(n), now) === kind);
  }
}

function isUnpaid({ from, stranger, trace }: Holding): boolean {
  return trace.state === 'held' && from !== undefined && stranger;
}

function isLazy({ priority }: Holding): boolean {
  return priority === OBJECT_PRIORITY.lazy;
}

function classOf(since: number, lazy: boolean, now: number): GarbageClass | undefined {
  if (now - since >= GRACE_MS) return 'unpaid';
  return lazy ? 'lazy' : undefined;
}
