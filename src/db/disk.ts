/** The disk under the database: how much room it has, and the sentences for when it has none or fails. */
import { statfsSync } from 'node:fs';
import { messageOf } from '../core/errors.ts';
import { StorageFailed } from './db.ts';

/** LMDB tells a write that a full disk cut short as an input/output error. */
const FULL_BYTES = 1024 * 1024;

/** Bytes that this process may still write to the file system of `directory`. Throws `StorageFailed`. */
export function freeBytesOf(directory: string): number {
  try {
    const { bavail, bsize } = statfsSync(directory);
    return bavail * bsize;
  } catch (cause) {
    throw failing(directory, cause);
  }
}

/** The reserve is reached; nothing was written. */
export function reserveReached(directory: string, free: number, reserve: number): StorageFailed {
  return new StorageFailed(
    'disk-full',
    `The disk of ${directory} has ${mebibytes(free)} MiB left, less than the ${mebibytes(reserve)} MiB that must stay ` +
      'free: make room on it; nothing new is accepted until then.',
  );
}

/** What LMDB says of a failed write, as what a person can do. */
export function writeFailed(directory: string, freeBytes: () => number, cause: unknown): StorageFailed {
  try {
    if (freeBytes() >= FULL_BYTES) return failing(directory, cause);
  } catch {
    return failing(directory, cause);
  }
  return new StorageFailed(
    'disk-full',
    `The disk of ${directory} is full: make room on it and start the daemon again; nothing is accepted until then.`,
    { cause },
  );
}

function failing(directory: string, cause: unknown): StorageFailed {
  return new StorageFailed(
    'io',
    `The disk of ${directory} fails (${messageOf(cause)}): check the disk or card and start the daemon again.`,
    { cause },
  );
}

function mebibytes(bytes: number): string {
  return (bytes / 1024 / 1024).toFixed(1);
}
