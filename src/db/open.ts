/** Opens the database of a state directory: made whole or not at all, checked before LMDB sees it, of a known format. */
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { messageOf, PersonError } from '../core/errors.ts';
import { text, u32 } from './codecs.ts';
import { damageOf } from './data-file.ts';
import type { TableSpec } from './db.ts';
import { Environment } from './environment.ts';
import { LmdbDb, type LmdbOptions } from './lmdb.ts';
import { Layer } from './overlay.ts';
import { syncDirectory } from './sync.ts';

/** Format of the tables, raised by a version whose tables an older one would misread. */
const FORMAT = 1;

const META: TableSpec<string, number> = { name: 'meta', key: text, value: u32 };

/**
 * The database in `stateDirectory`/db, created where it is missing. Rejects with `PersonError` where it is damaged
 * (`state-damaged`), of a newer format (`state-newer`), or cannot be read or created (`state-unusable`); what is there
 * is then left as it is. Takes no time of the clock.
 */
export async function openDatabase(stateDirectory: string, options: LmdbOptions): Promise<LmdbDb> {
  const directory = join(stateDirectory, 'db');
  const file = join(directory, 'data.mdb');
  try {
    if (!existsSync(directory)) await create(directory, options.durability.kind === 'disk');
    const damage = damageOf(file);
    if (damage)
      throw new PersonError(
        'state-damaged',
        `The database ${file} is damaged (${damage}): restore ${directory} from a backup, or move it away to start empty.`,
      );
    const db = new LmdbDb(directory, options);
    try {
      checkFormat(db, directory);
    } catch (e) {
      await db.close();
      throw e;
    }
    return db;
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

function checkFormat(db: LmdbDb, directory: string): void {
  const meta = db.table(META);
  const format = db.read((tx) => tx.get(meta, 'format'));
  if (format === undefined)
    throw new PersonError(
      'state-damaged',
      `The database ${directory} is not one of this program: move it away to start empty.`,
    );
  if (format > FORMAT)
    throw new PersonError(
      'state-newer',
      `The database ${directory} was written by a newer version (format ${format}; this one knows ${FORMAT}): ` +
        'install that version again.',
    );
}

/** Under another name first: whatever interrupts it, a database under its own name is whole. */
async function create(directory: string, synced: boolean): Promise<void> {
  const unfinished = `${directory}.new`;
  rmSync(unfinished, { recursive: true, force: true });
  mkdirSync(unfinished, { recursive: true, mode: 0o700 });
  const environment = new Environment(unfinished, synced);
  environment.openTable(META.name);
  const layer = new Layer();
  layer.set(META.name, 'format', META.value.encode(FORMAT));
  environment.writeSync(layer);
  await environment.close();
  if (synced) syncDirectory(unfinished);
  renameSync(unfinished, directory);
  if (synced) syncDirectory(dirname(directory));
}
