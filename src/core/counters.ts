/** What happened how often: every refusal of hostile input and every recovery of hardware is counted by name. */
export class Counters {
  readonly #counts = new Map<string, number>();

  /** Names are `room.what`, in lower case with dashes, as `nexus status` shows them. */
  count(name: string, by = 1): void {
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + by);
  }

  get(name: string): number {
    return this.#counts.get(name) ?? 0;
  }

  /** All counts, by name. */
  all(): Record<string, number> {
    return Object.fromEntries([...this.#counts].sort(([a], [b]) => (a < b ? -1 : 1)));
  }
}
