/** `want`, record 32: asks a neighbour for the announces of nodes it has spoken of (docs/protocol/mesh.md). */
import { concat } from '../core/bytes.ts';
import { PREFIX_LENGTH } from './digest.ts';

/** As many prefixes as a digest has entries, and some. */
export const MOST_WANTED = 16;

/** The body for 1–16 prefixes of 4 bytes. */
export function encodeWant(prefixes: readonly Uint8Array[]): Uint8Array {
  if (prefixes.length < 1 || prefixes.length > MOST_WANTED) throw new RangeError('a want has 1–16 prefixes');
  return concat(...prefixes);
}

/** The prefixes in a body; undefined where it is malformed. */
export function decodeWant(body: Uint8Array): readonly Uint8Array[] | undefined {
  const count = body.length / PREFIX_LENGTH;
  if (!Number.isInteger(count) || count < 1 || count > MOST_WANTED) return undefined;
  return Array.from({ length: count }, (_, i) => body.slice(i * PREFIX_LENGTH, (i + 1) * PREFIX_LENGTH));
}
