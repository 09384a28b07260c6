import { chmodSync, mkdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { PersonError } from '../../src/core/errors.ts';
import { claimStateDirectory } from '../../src/db/state-directory.ts';
import { temporaryDirectory } from './directories.ts';

async function refusal(path: string): Promise<PersonError> {
  const error = await claimStateDirectory(path).then(
    () => undefined,
    (e: unknown) => e,
  );
  expect(error).toBeInstanceOf(PersonError);
  return error as PersonError;
}

describe('a state directory', () => {
  it('is made for its owner alone, with those above it', async () => {
    const path = join(temporaryDirectory(), 'a', 'b');
    const state = await claimStateDirectory(path);
    expect(state.path).toBe(path);
    expect(statSync(path).mode & 0o777).toBe(0o700);
    await state.release();
  });

  it('has one daemon, whatever path leads to it', async () => {
    const parent = temporaryDirectory();
    const state = await claimStateDirectory(join(parent, 'state'));
    symlinkSync(join(parent, 'state'), join(parent, 'link'));
    for (const path of ['state', 'link', 'state/../link']) {
      const error = await refusal(join(parent, path));
      expect(error.code).toBe('state-in-use');
      expect(error.message).toBe(
        `Another daemon is using the state directory ${join(parent, 'state')}: stop it first, or give this one a directory of its own.`,
      );
    }
    await (await claimStateDirectory(join(parent, 'other'))).release();
    await state.release();
    await (await claimStateDirectory(join(parent, 'link'))).release();
  });

  it('is refused where others can write to it', async () => {
    const path = join(temporaryDirectory(), 'open');
    mkdirSync(path);
    chmodSync(path, 0o770);
    const error = await refusal(path);
    expect(error.code).toBe('state-unusable');
    expect(error.message).toContain(`chmod 700 ${path}`);
    chmodSync(path, 0o755);
    await (await claimStateDirectory(path)).release();
  });

  it('is refused where it is a file', async () => {
    const path = join(temporaryDirectory(), 'file');
    writeFileSync(path, '');
    expect((await refusal(path)).code).toBe('state-unusable');
    expect((await refusal(join(path, 'below'))).code).toBe('state-unusable');
  });
});
