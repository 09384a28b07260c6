/** For whom to solicit, when, and how far (docs/protocol/mesh.md, "Solicit"): pure bookkeeping. */
import { HOP_LIMIT } from './metric.ts';

const MINUTE = 60_000;
/** Waits before the first and each later solicit, and how many hops it travels; the last one repeats. */
const TURNS = [
  { after: 0, ring: 2 },
  { after: 0.5 * MINUTE, ring: 5 },
  { after: 2 * MINUTE, ring: HOP_LIMIT },
  { after: 60 * MINUTE, ring: HOP_LIMIT },
  { after: 240 * MINUTE, ring: HOP_LIMIT },
] as const;
/** Those due within this time of the first go into the same frame. */
const TOGETHER_MS = 2_000;
/** The same one is not asked for again out of turn within this time, ms. */
const HASTE_PAUSE = 15_000;

interface Entry<T> {
  readonly value: T;
  tries: number;
  dueAt: number;
  /** One more, out of turn. */
  soonAt: number | undefined;
  askedAt: number;
}

export interface Due<T> {
  readonly value: T;
  readonly ring: number;
}

const turn = (tries: number) => TURNS[Math.min(tries, TURNS.length - 1)] as (typeof TURNS)[number];

const dueAt = (e: Entry<unknown>) => Math.min(e.dueAt, e.soonAt ?? Number.POSITIVE_INFINITY);

export class WantedList<T> {
  readonly #entries = new Map<string, Entry<T>>();

  /** Begins to want `value`, known as `key`, at `now`; no change where it is wanted already. */
  add(key: string, value: T, now: number): void {
    if (!this.#entries.has(key))
      this.#entries.set(key, { ...{ value, tries: 0, dueAt: now }, soonAt: undefined, askedAt: now });
  }

  get(key: string): T | undefined {
    return this.#entries.get(key)?.value;
  }

  remove(key: string): void {
    this.#entries.delete(key);
  }

  /** Somebody else asks already: not before `until`. */
  postpone(key: string, until: number): void {
    const entry = this.#entries.get(key);
    if (entry) entry.dueAt = Math.max(entry.dueAt, until);
  }

  /** Somebody new may know: all are asked for once more, at `at` where that is not too soon after the last time. */
  hasten(at: number): void {
    for (const e of this.#entries.values()) e.soonAt ??= Math.max(at, e.askedAt + HASTE_PAUSE);
  }

  /** When the next solicit is due; undefined where nobody is wanted. */
  nextAt(): number | undefined {
    let first: number | undefined;
    for (const e of this.#entries.values()) first = Math.min(first ?? Number.POSITIVE_INFINITY, dueAt(e));
    return first;
  }

  /** Takes up to `most` of those due at `now` or soon after, once one is due; each then waits for its next turn. */
  takeDue(now: number, most: number): Due<T>[] {
    const next = this.nextAt();
    if (next === undefined || next > now) return [];
    const due: Due<T>[] = [];
    for (const e of this.#entries.values()) {
      if (dueAt(e) > now + TOGETHER_MS || due.length >= most) continue;
      e.askedAt = now;
      e.soonAt = undefined;
      const inTurn = e.dueAt <= now + TOGETHER_MS;
      due.push({ value: e.value, ring: turn(inTurn ? e.tries : Math.max(e.tries - 1, 0)).ring });
      if (!inTurn) continue;
      e.tries++;
      e.dueAt = now + turn(e.tries).after;
    }
    return due;
  }
}
