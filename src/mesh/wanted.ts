/** For whom to solicit, when, and how far (docs/protocol/mesh.md, "Solicit"): pure bookkeeping. */

const MINUTE = 60_000;
/** Hops that no mesh is wide. */
const EVERYWHERE = 64;
/** Waits before the first and each later solicit, and how many hops it travels; the last one repeats. */
const TURNS = [
  { after: 0, ring: 2 },
  { after: 0.5 * MINUTE, ring: 5 },
  { after: 2 * MINUTE, ring: EVERYWHERE },
  { after: 60 * MINUTE, ring: EVERYWHERE },
  { after: 120 * MINUTE, ring: EVERYWHERE },
] as const;
/** ms: whoever waits asks again within this time. */
export const LONGEST_TURN = Math.max(...TURNS.map((t) => t.after));
/** Those due within this time of the first go into the same frame. */
const TOGETHER_MS = 2_000;
/** The same one is not asked for again out of turn within this time, ms. */
const HASTE_PAUSE = 15_000;
/** Out of turn, how far: new neighbours, and theirs. Farther ones have been asked, and answer once they know. */
const HASTE_RING = 2;
/** Who was found and is wanted again waits for this part of the next turn, where it was asked for less long ago. */
const AGAIN_PART = 0.25;
const REMEMBERED_MS = 240 * MINUTE;
/** A turn is put off for so long in all: whoever asks for the same one for ever, and answers nothing, silences nobody. */
const MOST_PUT_OFF = 10 * MINUTE;
const MOST_REMEMBERED = 256;

interface Entry<T> {
  readonly value: T;
  tries: number;
  dueAt: number;
  /** When its turn was due before others' questions put it off. */
  turnAt: number;
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
  /** What was wanted lately: how often it was asked for, and when last. */
  readonly #before = new Map<string, { readonly tries: number; readonly askedAt: number }>();

  /**
   * Begins to want `value`, known as `key`, at `now`; no change where it is wanted already. One that is found and
   * wanted again and again is not asked for more often than one that is never found.
   */
  add(key: string, value: T, now: number): void {
    if (this.#entries.has(key)) return;
    const before = this.#before.get(key);
    const tries = before && now - before.askedAt < REMEMBERED_MS ? before.tries : 0;
    const dueAt = before && tries > 0 ? Math.max(now, before.askedAt + AGAIN_PART * turn(tries).after) : now;
    const askedAt = before?.askedAt ?? Number.NEGATIVE_INFINITY;
    this.#entries.set(key, { value, tries, dueAt, turnAt: dueAt, soonAt: undefined, askedAt });
  }

  get(key: string): T | undefined {
    return this.#entries.get(key)?.value;
  }

  remove(key: string): void {
    const entry = this.#entries.get(key);
    if (!entry) return;
    this.#entries.delete(key);
    this.#before.delete(key);
    if (entry.tries > 0) this.#before.set(key, entry);
    const [oldest] = this.#before.keys();
    if (this.#before.size > MOST_REMEMBERED && oldest !== undefined) this.#before.delete(oldest);
  }

  /** Where somebody else asks already: not before what `until` says, but within ten minutes of its turn. */
  postpone(until: (value: T) => number | undefined): void {
    for (const e of this.#entries.values()) {
      const at = until(e.value);
      if (at !== undefined) e.dueAt = Math.max(e.dueAt, Math.min(at, e.turnAt + MOST_PUT_OFF));
    }
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
      due.push({ value: e.value, ring: inTurn ? turn(e.tries).ring : HASTE_RING });
      if (!inTurn) continue;
      e.tries++;
      e.dueAt = e.turnAt = now + turn(e.tries).after;
    }
    return due;
  }
}
