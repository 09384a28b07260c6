/**
 * What strangers wrote, as a terminal may be given it. Control characters could move the cursor, rewrite the
 * title or retype commands; direction marks could make a text read as another one.
 */

/** C0, DEL and C1, direction marks, embeddings, overrides and isolates (UAX #9), line and paragraph separators, halves of characters. */
const UNSAFE = /[\p{Cc}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\p{Cs}]/gu;

/** One line: each unsafe character as `\u` and four hex digits. Applied to JSON it gives the same JSON. */
export function printable(text: string): string {
  return text.replace(UNSAFE, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** Several lines, where the text has them, each made printable. */
export function printableLines(text: string): string[] {
  return text.split(/\r?\n/).map(printable);
}
