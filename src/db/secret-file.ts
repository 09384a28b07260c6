/** A small secret in a file of its own, written once, durably, and readable by its owner alone. */
import {
  chmodSync,
  closeSync,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { messageOf, PersonError } from '../core/errors.ts';
import { syncDirectory } from './sync.ts';

/**
 * The `length` bytes of the file at `path`; where there is none, it is made of what `create` gives. A file that others
 * could read is closed to them. Throws `PersonError`: `secret-damaged` where it holds another number of bytes (it is
 * not replaced), `secret-unusable` where it cannot be read or written.
 */
export function loadOrCreateSecret(path: string, length: number, create: () => Uint8Array): Uint8Array {
  try {
    return load(path, length) ?? store(path, length, create());
  } catch (cause) {
    if (cause instanceof PersonError || cause instanceof RangeError) throw cause;
    throw new PersonError(
      'secret-unusable',
      `The secret ${path} cannot be read or written (${messageOf(cause)}): check that it belongs to the user who runs ` +
        'the daemon and that the disk has room.',
      { cause },
    );
  }
}

function load(path: string, length: number): Uint8Array | undefined {
  const found = statSync(path, { throwIfNoEntry: false });
  if (!found) return undefined;
  if (found.mode & 0o077) chmodSync(path, 0o600);
  const buffer = readFileSync(path);
  const secret = new Uint8Array(buffer);
  buffer.fill(0);
  if (secret.length !== length)
    throw new PersonError(
      'secret-damaged',
      `The secret ${path} has ${secret.length} bytes instead of ${length}: restore it from a backup.`,
    );
  return secret;
}

/** Under another name first, so that a file under its own name is whole. */
function store(path: string, length: number, secret: Uint8Array): Uint8Array {
  if (secret.length !== length)
    throw new RangeError(`a secret of ${secret.length} bytes instead of ${length}`);
  const unfinished = `${path}.new`;
  rmSync(unfinished, { force: true });
  const file = openSync(unfinished, 'wx', 0o600);
  try {
    for (let at = 0; at < length; ) at += writeSync(file, secret, at);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(unfinished, path);
  syncDirectory(dirname(path));
  return secret;
}
