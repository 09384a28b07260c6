/** Opens the database of a state directory: made whole or not at all, checked before LMDB sees it, of a known format. */
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { messageOf, PersonError } from '../core/errors.ts';
import { u32 } from './codecs.ts';
import { type Damage, damageOf } from './data-file.ts';
import { Damaged, Environment, META } from './environment.ts';
import { LmdbDb, type LmdbOptions } from './lmdb.ts';
import { Layer } from './overlay.ts';
import { syncDirectory } from './sync.ts';

/** Format of the tables, raised by a version whose tables an older one would misread. */
const FORMAT = 1;

/** The record that says so, a u32. */
const FORMAT_KEY = 'format';

/**
 * The database in `stateDirectory`/db, created where it is missing. A damaged one is set aside: renamed, never written
 * to and never removed, and a new one takes its place; `LmdbDb.setAside` then says so. Rejects with `PersonError`
 * where it is of a newer format (`state-newer`), or cannot be read or created (`state-unusable`); what is there is
 * then left as it is.
 */
export async function openDatabase(stateDirectory: string, options: LmdbOptions): Promise<LmdbDb> {
  const directory = join(stateDirectory, 'db');
  const synced = options.durability.kind === 'disk';
  try {
    let environment = existsSync(directory) ? await openChecked(directory, synced) : undefined;
    let sentence: string | undefined;
    if (typeof environment === 'string') {
      sentence = setAside(directory, environment);
      environment = undefined;
    }
    return new LmdbDb(directory, options, environment ?? create(directory, synced), sentence);
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

/** The environment, or why it is not to be used. */
async function openChecked(
  directory: string,
  synced: boolean,
): Promise<Environment | Damage | 'its file is missing'> {
  const file = join(directory, 'data.mdb');
  if (!existsSync(file)) return 'its file is missing';
  const damage = damageOf(file);
  if (damage) return damage;
  // the claim on the state directory keeps others out; whatever a lock file holds is left over from before
  rmSync(join(directory, 'lock.mdb'), { force: true });
  const environment = new Environment(directory, synced);
  try {
    const foreign = checkFormat(environment, directory);
    if (!foreign) return environment;
    await environment.close();
    return foreign;
  } catch (e) {
    await environment.close();
    throw e;
  }
}

function checkFormat(environment: Environment, directory: string): Damage | undefined {
  if (!environment.openTable(META, false)) return 'not a database';
  const format = environment.get(META, FORMAT_KEY);
  if (format === undefined) return 'not a database';
  if (format instanceof Damaged || format.length !== u32.width) return 'its pages do not fit together';
  if (u32.decode(format) > FORMAT)
    throw new PersonError(
      'state-newer',
      `The database ${directory} was written by a newer version (format ${u32.decode(format)}; this one knows ` +
        `${FORMAT}): install that version again.`,
    );
  if (!environment.isComplete) return 'its pages do not fit together';
  return undefined;
}

/** Renames it to the first of `db.damaged-1`, `db.damaged-2`, … that is free; what was done and what to do. */
function setAside(directory: string, why: string): string {
  let aside = '';
  for (let i = 1; aside === '' || existsSync(aside); i++) aside = `${directory}.damaged-${i}`;
  renameSync(directory, aside);
  syncDirectory(dirname(directory));
  return (
    `The database was damaged (${why}) and is kept as ${aside}; this box goes on as itself, with an empty store and ` +
    'without its contacts and messages: check the disk or card, and restore the directory db from a backup if you have one.'
  );
}

/** Under another name first: whatever interrupts it, a database under its own name is whole. */
function create(directory: string, synced: boolean): Environment {
  const unfinished = `${directory}.new`;
  rmSync(unfinished, { recursive: true, force: true });
  mkdirSync(unfinished, { recursive: true, mode: 0o700 });
  const environment = new Environment(unfinished, synced);
  environment.openTable(META);
  const layer = new Layer();
  layer.set(META, FORMAT_KEY, u32.encode(FORMAT));
  environment.writeSync(layer);
  if (synced) syncDirectory(unfinished);
  renameSync(unfinished, directory); // LMDB goes on with the files it holds open
  if (synced) syncDirectory(dirname(directory));
  return environment;
}
