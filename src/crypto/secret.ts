/** What every secret needs: an end, and a comparison that tells nothing by its duration. */
import { sodium } from './sodium.ts';

/**
 * Overwrites secrets with zeros. What it cannot reach (copies the engine or the WASM heap made on the way) is said
 * in docs/security.md.
 */
export function wipe(...secrets: readonly Uint8Array[]): void {
  for (const s of secrets) s.fill(0);
}

/** Equality whose duration depends on the length alone. */
export function constantTimeEqual(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && sodium.memcmp(a, b);
}
