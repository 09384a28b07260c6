/** Which file is the configuration, and reading it. */
import { readFile } from 'node:fs/promises';
import { messageOf, PersonError } from '../core/errors.ts';
import { type Airtime, type Config, effective } from './config.ts';
import { parseConfig } from './parse.ts';

/** Where the configuration is looked for when none is named: the card's boot partition, which any computer can edit, first. */
export const SEARCHED = ['/boot/firmware/nexus.toml', '/etc/nexus/nexus.toml'] as const;

/** What a person writes fits; what is larger is not a configuration. */
const LARGEST_BYTES = 64 * 1024;

export interface Loaded {
  readonly config: Config;
  /** The file it came from; undefined where there is none and everything is at its default. */
  readonly file: string | undefined;
}

/**
 * The configuration of `named`, or of the first of `searched` that exists, or the defaults. Rejects with
 * `PersonError` `config` where a named file is missing or a file is wrong.
 */
export async function loadConfig(
  named: string | undefined,
  airtime: Airtime,
  searched: readonly string[] = SEARCHED,
): Promise<Loaded> {
  for (const file of named === undefined ? searched : [named]) {
    const toml = await read(file);
    if (toml !== undefined) return { config: effective(parseConfig(toml, file), toml, file, airtime), file };
    if (named !== undefined) throw new PersonError('config', `There is no file ${file}; check the path.`);
  }
  return { config: effective(parseConfig('', 'defaults'), '', 'defaults', airtime), file: undefined };
}

/** The text of a file, undefined where there is none. */
async function read(file: string): Promise<string | undefined> {
  let bytes: Uint8Array;
  try {
    bytes = await readFile(file);
  } catch (e) {
    if (isAbsent(e)) return undefined;
    throw new PersonError('config', `${file} cannot be read: ${messageOf(e)}.`, { cause: e });
  }
  if (bytes.length > LARGEST_BYTES)
    throw new PersonError('config', `${file} has more than ${LARGEST_BYTES} bytes; it is no configuration.`);
  const text = new TextDecoder('utf-8', { fatal: true });
  try {
    return text.decode(bytes);
  } catch {
    throw new PersonError('config', `${file} is not UTF-8; save it as UTF-8.`);
  }
}

function isAbsent(e: unknown): boolean {
  const { code } = e as NodeJS.ErrnoException;
  return code === 'ENOENT' || code === 'ENOTDIR';
}
