import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { PersonError } from '../../src/core/errors.ts';
import { loadOrCreateSecret } from '../../src/db/secret-file.ts';
import { temporaryDirectory } from './directories.ts';

const SECRET = Uint8Array.from({ length: 32 }, (_, i) => i);
const never = (): Uint8Array => {
  throw new Error('made a second secret');
};

describe('a secret file', () => {
  it('is made once, for its owner alone, and read from then on', () => {
    const directory = temporaryDirectory();
    const path = join(directory, 'seed');
    expect(loadOrCreateSecret(path, 32, () => SECRET)).toEqual(SECRET);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(readdirSync(directory)).toEqual(['seed']);
    const again = loadOrCreateSecret(path, 32, never);
    expect(again).toEqual(SECRET);
    expect(Object.getPrototypeOf(again)).toBe(Uint8Array.prototype);
  });

  it('is made where its making was interrupted', () => {
    const directory = temporaryDirectory();
    const path = join(directory, 'seed');
    writeFileSync(`${path}.new`, 'half');
    chmodSync(`${path}.new`, 0o644);
    expect(loadOrCreateSecret(path, 32, () => SECRET)).toEqual(SECRET);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(readdirSync(directory)).toEqual(['seed']);
  });

  it('that others could read is closed to them', () => {
    const path = join(temporaryDirectory(), 'seed');
    writeFileSync(path, SECRET, { mode: 0o644 });
    chmodSync(path, 0o644);
    expect(loadOrCreateSecret(path, 32, never)).toEqual(SECRET);
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  it('of another length is refused and left as it is', () => {
    const path = join(temporaryDirectory(), 'seed');
    for (const length of [0, 31, 33]) {
      writeFileSync(path, new Uint8Array(length));
      expect(() => loadOrCreateSecret(path, 32, never)).toThrow(
        new PersonError(
          'secret-damaged',
          `The secret ${path} has ${length} bytes instead of 32: restore it from a backup.`,
        ),
      );
      expect(readFileSync(path)).toHaveLength(length);
    }
  });

  it('that cannot be read or written is a sentence', () => {
    const directory = temporaryDirectory();
    mkdirSync(join(directory, 'seed'));
    expect(() => loadOrCreateSecret(join(directory, 'seed'), 32, never)).toThrow(
      /seed cannot be read or written/,
    );
    expect(() => loadOrCreateSecret(join(directory, 'missing', 'seed'), 32, () => SECRET)).toThrow(
      PersonError,
    );
  });
});
