/**
 * Where in a TOML text a key stands. The parser tells positions of syntax errors only, and a person who mistyped a
 * key wants the line. Reads the shapes that configurations have: headers, bare, quoted and dotted keys; what stands
 * inside an inline table is found at the line of the table.
 */

/** Line (from 1) at which `path` is set, else that of the nearest table above it, else undefined. */
export function lineOf(toml: string, path: readonly string[]): number | undefined {
  const lines = positions(toml);
  for (let n = path.length; n > 0; n--) {
    const line = lines.get(path.slice(0, n).join('\0'));
    if (line !== undefined) return line;
  }
  return undefined;
}

const PART = /"((?:[^"\\]|\\.)*)"|'([^']*)'|([A-Za-z0-9_-]+)/g;
const KEY = String.raw`\s*((?:"(?:[^"\\]|\\.)*"|'[^']*'|[A-Za-z0-9_-]+|[.\t ])+?)\s*`;
const HEADER = new RegExp(`^\\s*\\[\\[?${KEY}\\]`);
const ASSIGNMENT = new RegExp(`^${KEY}=(.*)$`);

/** First line of each key and table, by their parts joined with NUL. */
function positions(toml: string): Map<string, number> {
  const found = new Map<string, number>();
  let table: string[] = [];
  let quote: string | undefined; // of the multi-line string we are in
  toml.split(/\r?\n/).forEach((line, index) => {
    if (quote !== undefined) {
      if (line.includes(quote)) quote = undefined;
      return;
    }
    const note = (path: readonly string[]) => {
      const name = path.join('\0');
      if (!found.has(name)) found.set(name, index + 1);
    };
    const header = HEADER.exec(line)?.[1];
    if (header !== undefined) {
      table = partsOf(header);
      note(table);
      return;
    }
    const [, name, value = ''] = ASSIGNMENT.exec(line) ?? [];
    if (name === undefined) return;
    note([...table, ...partsOf(name)]);
    const opening = /^\s*("""|''')/.exec(value)?.[1];
    if (opening && value.split(opening).length < 3) quote = opening;
  });
  return found;
}

function partsOf(dotted: string): string[] {
  return [...dotted.matchAll(PART)].map((m) => m[1] ?? m[2] ?? m[3] ?? '');
}
