import { closeSync, fsyncSync, openSync } from 'node:fs';

/** Makes the names in a directory durable: a new or renamed file is there after a power cut only then (fsync(2)). */
export function syncDirectory(directory: string): void {
  const handle = openSync(directory, 'r');
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}
