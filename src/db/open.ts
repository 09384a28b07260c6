/** Opens the database of a state directory: made whole or not at all, checked before LMDB sees it, of a known format. */
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { messageOf, PersonError } from '../core/errors.ts';
import { u32 } from './codecs.ts';
import { damageOf } from './data-file.ts';
import { Environment } from './environment.ts';
import { LmdbDb, type LmdbOptions } from './lmdb.ts';
import { Layer } from './overlay.ts';
import { syncDirectory } from './sync.ts';

/** Format of the tables, raised by a version whose tables an older one would misread. */
const FORMAT = 1;

/** The record that says so, a u32, in a table of its own. */
const META = { table: 'meta', key: 'format' };

/**
 * The database in `stateDirectory`/db, created where it is missing. Rejects with `PersonError` where it is damaged
 * (`state-damaged`), of a newer format (`state-newer`), or cannot be read or created (`state-unusable`); what is there
 * is then left as it is. Takes no time of the clock.
 */
export async function openDatabase(stateDirectory: string, options: LmdbOptions): Promise<LmdbDb> {
  const directory = join(stateDirectory, 'db');
  const synced = options.durability.kind === 'disk';
  try {
    const environment = existsSync(directory)
      ? await openChecked(directory, synced)
      : create(directory, synced);
    return new LmdbDb(directory, options, environment);
  } catch (cause) {
    if (cause instanceof PersonError) throw cause;
    throw new PersonError(
      'state-unusable',
      `The database ${directory} cannot be opened (${messageOf(cause)}): check that it belongs to the user who runs ` +
        'the daemon and that the disk has room.',
      { cause },
    );
  }
}

async function openChecked(directory: string, synced: boolean): Promise<Environment> {
  const file = join(directory, 'data.mdb');
  const damage = damageOf(file);
  if (damage)
    throw new PersonError(
      'state-damaged',
      `The database ${file} is damaged (${damage}): restore ${directory} from a backup, or move it away to start empty.`,
    );
  const environment = new Environment(directory, synced);
  try {
    checkFormat(environment, directory);
  } catch (e) {
    await environment.close();
    throw e;
  }
  return environment;
}

function checkFormat(environment: Environment, directory: string): void {
  const format = environment.openTable(META.table, false) && environment.get(META.table, META.key);
  if (!format)
    throw new PersonError(
      'state-damaged',
      `The database ${directory} is not one of this program: move it away to start empty.`,
    );
  if (u32.decode(format) > FORMAT)
    throw new PersonError(
      'state-newer',
      `The database ${directory} was written by a newer version (format ${u32.decode(format)}; this one knows ` +
        `${FORMAT}): install that version again.`,
    );
}

/** Under another name first: whatever interrupts it, a database under its own name is whole. */
function create(directory: string, synced: boolean): Environment {
  const unfinished = `${directory}.new`;
  rmSync(unfinished, { recursive: true, force: true });
  mkdirSync(unfinished, { recursive: true, mode: 0o700 });
  const environment = new Environment(unfinished, synced);
  environment.openTable(META.table);
  const layer = new Layer();
  layer.set(META.table, META.key, u32.encode(FORMAT));
  environment.writeSync(layer);
  if (synced) syncDirectory(unfinished);
  renameSync(unfinished, directory); // LMDB goes on with the files it holds open
  if (synced) syncDirectory(dirname(directory));
  return environment;
}
