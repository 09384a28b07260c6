/** For whom to solicit, and when (docs/protocol/mesh.md, "Solicit"): pure bookkeeping. */

const MINUTE = 60_000;
/** Waits before the first and each later solicit; the last one repeats. */
const WAITS = [0, 0.5 * MINUTE, 2 * MINUTE, 10 * MINUTE, 60 * MINUTE, 240 * MINUTE] as const;
/** Those due within this time of the first go into the same frame. */
const TOGETHER_MS = 2_000;

interface Entry<T> {
  readonly value: T;
  tries: number;
  dueAt: number;
}

export class WantedList<T> {
  readonly #entries = new Map<string, Entry<T>>();

  /** Begins to want `value`, known as `key`, at `now`; no change where it is wanted already. */
  add(key: string, value: T, now: number): void {
    if (!this.#entries.has(key)) this.#entries.set(key, { value, tries: 0, dueAt: now + WAITS[0] });
  }

  remove(key: string): void {
    this.#entries.delete(key);
  }

  /** When the next solicit is due; undefined where nobody is wanted. */
  nextAt(): number | undefined {
    let first: number | undefined;
    for (const e of this.#entries.values()) if (first === undefined || e.dueAt < first) first = e.dueAt;
    return first;
  }

  /** Takes up to `most` of those due at `now` or soon after, once one is due; each then waits for its next turn. */
  takeDue(now: number, most: number): T[] {
    const next = this.nextAt();
    if (next === undefined || next > now) return [];
    const due: T[] = [];
    for (const e of this.#entries.values()) {
      if (e.dueAt > now + TOGETHER_MS || due.length >= most) continue;
      e.tries++;
      e.dueAt = now + (WAITS[Math.min(e.tries, WAITS.length - 1)] as number);
      due.push(e.value);
    }
    return due;
  }
}
