/**
 * A few numbers in a file beside the database, which they outlive: what must never be given out twice, even where the
 * database is set aside. Written whole under another name first, and synced; some bytes every few minutes.
 */
import { closeSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs';
import { open, rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import { crc32 } from 'node:zlib';
import { utf8 } from '../core/bytes.ts';
import { syncDirectory } from './sync.ts';

/** `name number crc32-in-hex` a line; a line that is not that is no mark. */
const LINE = /^(([a-z-]+) (\d+)) ([0-9a-f]{8})$/;

export class Marks {
  readonly #path: string;
  readonly #synced: boolean;
  readonly #numbers = new Map<string, number>();
  #writing: Promise<void> = Promise.resolve();

  /**
   * Reads the file at `path`; where there is none, there are no marks. With `synced` it is written off this thread;
   * without, at once, and the operating system puts it on the disk when it likes, as it does the database.
   */
  constructor(path: string, synced: boolean) {
    this.#path = path;
    this.#synced = synced;
    for (const line of read(path).split('\n')) {
      const [, marked = '', name = '', number, sum] = LINE.exec(line) ?? [];
      if (sum === sumOf(marked)) this.#numbers.set(name, Number(number));
    }
  }

  /** 0 where there is none. */
  get(name: string): number {
    return this.#numbers.get(name) ?? 0;
  }

  /** Resolves once `name` is durably `number`; rejects with what the file system says. */
  set(name: string, number: number): Promise<void> {
    this.#numbers.set(name, number);
    if (!this.#synced) {
      this.#write();
      return Promise.resolve();
    }
    this.#writing = this.#writing.catch(() => {}).then(() => this.#writeSynced());
    return this.#writing;
  }

  #text(): Uint8Array {
    const lines = [...this.#numbers].map(([name, number]) => `${name} ${number}`);
    return utf8(lines.map((line) => `${line} ${sumOf(line)}\n`).join(''));
  }

  #write(): void {
    const unfinished = `${this.#path}.new`;
    const file = openSync(unfinished, 'w', 0o600);
    try {
      writeSync(file, this.#text());
    } finally {
      closeSync(file);
    }
    renameSync(unfinished, this.#path);
  }

  async #writeSynced(): Promise<void> {
    const unfinished = `${this.#path}.new`;
    const file = await open(unfinished, 'w', 0o600);
    try {
      await file.writeFile(this.#text());
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(unfinished, this.#path);
    syncDirectory(dirname(this.#path));
  }
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (e) {
    if ((e as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw e;
  }
}

function sumOf(line: string): string {
  return crc32(line).toString(16).padStart(8, '0');
}
