import {
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { PersonError } from '../../src/core/errors.ts';
import { bytes, text, u32 } from '../../src/db/codecs.ts';
import { damageOf } from '../../src/db/data-file.ts';
import { Environment } from '../../src/db/environment.ts';
import type { LmdbDb } from '../../src/db/lmdb.ts';
import { openDatabase } from '../../src/db/open.ts';
import { Layer } from '../../src/db/overlay.ts';
import { temporaryDirectory } from './directories.ts';

const PAGE = 4096;
const RECORDS = { name: 'records', key: u32, value: bytes(20_000) };
const DISK = { durability: { kind: 'disk' } } as const;

async function refusal(state: string): Promise<PersonError> {
  const error = await openDatabase(state, DISK).then(
    () => undefined,
    (e: unknown) => e,
  );
  expect(error).toBeInstanceOf(PersonError);
  return error as PersonError;
}

/** A database with branches, long values and two tables; some pages are free. */
async function filled(state: string): Promise<string> {
  const db = await openDatabase(state, DISK);
  const records = db.table(RECORDS);
  for (let group = 0; group < 4; group++)
    await db.commit((tx) => {
      for (let i = 0; i < 60; i++)
        tx.put(records, 100 * group + i, new Uint8Array(i % 10 === 0 ? 9000 : 300).fill(i));
    });
  await db.commit((tx) => {
    for (let i = 0; i < 30; i++) tx.remove(records, i);
  });
  await db.close();
  return join(state, 'db', 'data.mdb');
}

async function count(db: LmdbDb): Promise<number> {
  const records = db.table(RECORDS);
  const size = db.read((tx) => [...tx.range(records)].length);
  await db.close();
  return size;
}

describe('a database', () => {
  it('is made where there is none, for its owner alone, and found again', async () => {
    const state = temporaryDirectory();
    const db = await openDatabase(state, DISK);
    const names = db.table({ name: 'names', key: text, value: text });
    await db.commit((tx) => tx.put(names, 'a', 'relay'));
    await db.close();
    expect(readdirSync(state)).toEqual(['db']);
    expect(statSync(join(state, 'db')).mode & 0o777).toBe(0o700);
    expect(statSync(join(state, 'db', 'data.mdb')).mode & 0o777).toBe(0o600);
    const again = await openDatabase(state, DISK);
    const found = again.table({ name: 'names', key: text, value: text });
    expect(again.read((tx) => tx.get(found, 'a'))).toBe('relay');
    await again.close();
  });

  it('is made anew where its making was interrupted', async () => {
    const state = temporaryDirectory();
    mkdirSync(join(state, 'db.new'));
    writeFileSync(join(state, 'db.new', 'data.mdb'), '');
    const db = await openDatabase(state, DISK);
    await db.close();
    expect(readdirSync(state)).toEqual(['db']);
  });

  it('of a newer format is refused with what to do, and left as it is', async () => {
    const state = temporaryDirectory();
    const db = await openDatabase(state, DISK);
    await db.close();
    const newer = new Environment(join(state, 'db'), true);
    newer.openTable('meta');
    expect(newer.get('meta', 'format')).toEqual(u32.encode(1));
    const layer = new Layer();
    layer.set('meta', 'format', u32.encode(2));
    newer.writeSync(layer);
    await newer.close();
    const before = readFileSync(join(state, 'db', 'data.mdb'));
    const error = await refusal(state);
    expect(error.code).toBe('state-newer');
    expect(error.message).toMatch(/newer version \(format 2; this one knows 1\): install that version again/);
    expect(readFileSync(join(state, 'db', 'data.mdb')).equals(before)).toBe(true);
  });
});

describe('a damaged database is set aside, in one sentence, and left as it is there:', () => {
  const damages: [string, (file: string) => void][] = [
    ['emptied', (file) => truncateSync(file, 0)],
    ['cut within its first page', (file) => truncateSync(file, 100)],
    ['cut after its second page', (file) => truncateSync(file, 2 * PAGE)],
    ['cut in half', (file) => truncateSync(file, statSync(file).size >> 1)],
    ['another kind of file', (file) => writeFileSync(file, 'SQLite format 3\0'.padEnd(3 * PAGE, 'x'))],
    ['zeros', (file) => writeFileSync(file, new Uint8Array(statSync(file).size))],
    ['its first page overwritten', (file) => patch(file, 0, new Uint8Array(PAGE).fill(0x41))],
    ['its second page overwritten', (file) => patch(file, PAGE, new Uint8Array(PAGE).fill(0x41))],
    ['its third page zeros', (file) => patch(file, 3 * PAGE, new Uint8Array(PAGE))],
  ];

  it.each(damages)('%s', async (_name, damage) => {
    const state = temporaryDirectory();
    const file = await filled(state);
    damage(file);
    const before = readFileSync(file);
    const db = await openDatabase(state, DISK);
    expect(db.setAside).toMatch(
      /^The database was damaged \((not a database|cut short|its pages do not fit together)\) and is kept as .*db\.damaged-1; this box goes on as itself, with an empty store .*: check the disk or card, .*\.$/,
    );
    expect(await count(db)).toBe(0);
    expect(readFileSync(join(state, 'db.damaged-1', 'data.mdb')).equals(before)).toBe(true);
    const again = await openDatabase(state, DISK);
    expect(again.setAside).toBeUndefined();
    await again.close();
  });

  it('a second one beside the first', async () => {
    const state = temporaryDirectory();
    for (let i = 0; i < 2; i++) {
      truncateSync(await filled(state), PAGE);
      await (await openDatabase(state, DISK)).close();
    }
    expect(readdirSync(state).sort()).toEqual(['db', 'db.damaged-1', 'db.damaged-2']);
  });

  it('of another program', async () => {
    const state = temporaryDirectory();
    const other = new Environment(join(state, 'db'), true);
    other.openTable('other');
    await other.close();
    const db = await openDatabase(state, DISK);
    expect(db.setAside).toMatch(/damaged \(not a database\) and is kept as/);
    await db.close();
    const kept = new Environment(join(state, 'db.damaged-1'), true);
    expect(kept.openTable('other', false)).toBe(true);
    await kept.close();
  });

  it('its file gone', async () => {
    const state = temporaryDirectory();
    mkdirSync(join(state, 'db'));
    const db = await openDatabase(state, DISK);
    expect(db.setAside).toMatch(/its file is missing/);
    await db.close();
  });

  it('a table gone', async () => {
    const state = temporaryDirectory();
    const file = await filled(state);
    const content = readFileSync(file, 'latin1');
    const written = Buffer.from(content.replaceAll('\0records', '\0recorda'), 'latin1');
    writeFileSync(file, written);
    const db = await openDatabase(state, DISK);
    expect(db.setAside).toBeDefined();
    await db.close();
  });
});

describe('a database that is whole is opened', () => {
  it.each([
    ['no lock file', (lock: string) => rmSync(lock)],
    ['an empty one', (lock: string) => truncateSync(lock, 0)],
    ['one of another program', (lock: string) => writeFileSync(lock, 'pid 4711\n'.padEnd(9000, 'x'))],
  ])('with %s', async (_name, leave) => {
    const state = temporaryDirectory();
    await filled(state);
    leave(join(state, 'db', 'lock.mdb'));
    const db = await openDatabase(state, DISK);
    expect(db.setAside).toBeUndefined();
    expect(await count(db)).toBe(210);
  });
});

describe('a data file', () => {
  it('cut by any number of pages is found cut short, unless nothing used them', async () => {
    const state = temporaryDirectory();
    const file = await filled(state);
    const whole = readFileSync(file);
    let found = 0;
    for (let pages = whole.length / PAGE - 1; pages >= 2; pages--) {
      truncateSync(file, pages * PAGE);
      if (damageOf(file)) found++;
      else expect(await count(await openDatabase(state, DISK))).toBe(210);
    }
    expect(found).toBeGreaterThan(whole.length / PAGE / 2);
  });

  it('that lacks only pages nothing uses is whole', async () => {
    const state = temporaryDirectory();
    const file = await filled(state);
    // MDB_meta's mm_last_pg, in both meta pages
    for (const meta of [0, PAGE]) {
      const last = readFileSync(file).readBigUInt64LE(meta + 144);
      const more = Buffer.alloc(8);
      more.writeBigUInt64LE(last + 50n);
      patch(file, meta + 144, more);
    }
    expect(damageOf(file)).toBeUndefined();
    expect(await count(await openDatabase(state, DISK))).toBe(210);
  });
});

function patch(file: string, offset: number, replacement: Uint8Array): void {
  const content = readFileSync(file);
  content.set(replacement, offset);
  writeFileSync(file, content);
  chmodSync(file, 0o600);
}
