/**
 * Tests import what was built, as it is run on a box, and not their runner's own translation of it, in which every
 * imported name is looked up in its module anew: a simulated mesh takes a sixth longer so, and each of the test files
 * would have the whole tree translated for itself.
 */
import { readdirSync, statSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Plugin } from 'vitest/config';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
/** Touched by each build: the compiler leaves alone what has not changed. */
const BUILT_AT = 'dist/.built';
const SOURCES = ['board', 'drivers', 'src', 'test'];

/** What the runner leaves to Node. */
export const BUILT = [new RegExp(`/dist/(${SOURCES.join('|')})/.*\\.js$`)];

/** Leads relative imports of sources below `root` to what was made of them. Throws where something was changed since. */
export function built(root = ROOT): Plugin {
  const builtAt = changedAt(join(root, BUILT_AT));
  const newer = SOURCES.flatMap((room) => sourcesIn(join(root, room))).find(
    (path) => changedAt(path) > builtAt,
  );
  if (newer) throw new Error(`${newer} was changed after the last build: make build (make test does)`);
  return {
    name: 'built',
    enforce: 'pre',
    resolveId(source, importer) {
      if (importer === undefined || !/^\.{1,2}\/.*(?<!\.test)\.ts$/.test(source)) return undefined;
      return join(root, 'dist', relative(root, resolve(dirname(importer), source)).replace(/ts$/, 'js'));
    },
  };
}

function sourcesIn(directory: string): string[] {
  return readdirSync(directory, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => join(directory, name));
}

/** ms; 0 where there is no such file. */
function changedAt(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}
