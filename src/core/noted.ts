/** When something was done last, by key, the oldest first. */
export type Noted = Map<string, number>;

/** Notes it as done `now`, and forgets what was done `keptFor` ago or longer, in the same unit. */
export function note(noted: Noted, key: string, now: number, keptFor: number): void {
  noted.delete(key);
  noted.set(key, now);
  for (const [k, at] of noted) {
    if (now - at < keptFor) break;
    noted.delete(k);
  }
}
