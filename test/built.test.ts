/** Tests run on what was built, and on nothing older than its sources. */
import { mkdirSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { BUILT, built } from './built.ts';
import { temporaryDirectory } from './db/directories.ts';

/** A tree with a source in each room, built `ms` after the last of them was written. */
function tree(ms: number): string {
  const root = temporaryDirectory();
  const write = (path: string, at: number) => {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), '');
    utimesSync(join(root, path), at / 1000, at / 1000);
  };
  for (const path of ['board/a.ts', 'drivers/b.ts', 'src/mesh/c.ts', 'test/mesh/c.test.ts'])
    write(path, 1_000_000);
  write('dist/.built', 1_000_000 + ms);
  return root;
}

function resolveIn(root: string, source: string, importer?: string): unknown {
  const { resolveId } = built(root);
  if (typeof resolveId !== 'function') throw new Error('resolves nothing');
  return Reflect.apply(resolveId, undefined, [source, importer && join(root, importer), {}]);
}

describe('what a test imports', () => {
  test('is what was made of the source, and is left to Node', () => {
    const root = tree(1000);
    const found = resolveIn(root, '../../src/mesh/c.ts', 'test/mesh/c.test.ts');
    expect(found).toBe(join(root, 'dist/src/mesh/c.js'));
    expect(BUILT.some((pattern) => pattern.test(String(found)))).toBe(true);
  });

  test.each([
    ['a package', 'fast-check', 'test/mesh/c.test.ts'],
    ['a file of data', '../vectors/noise.json', 'test/mesh/c.test.ts'],
    ['a test itself', './c.test.ts', 'test/mesh/c.test.ts'],
    ['what nobody imports', './test/mesh/c.test.ts', undefined],
  ])('is %s as it stands', (_what, source, importer) => {
    expect(resolveIn(tree(1000), source, importer)).toBeUndefined();
  });
});

describe('the run is refused', () => {
  test('where a source was changed after the build', () => {
    expect(() => built(tree(-1000))).toThrow(/was changed after the last build: make build/);
  });

  test('where nothing was built', () => {
    const root = tree(0);
    utimesSync(join(root, 'dist/.built'), 0, 0);
    expect(() => built(root)).toThrow('make build');
  });
});
