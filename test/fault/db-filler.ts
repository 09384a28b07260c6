/**
 * Commits without a reserve until the disk is full, then checks that nothing further is accepted, that what is durable
 * can still be read, and that closing and ending work: STATE ACKNOWLEDGED. Exits with 0 where all of that holds.
 */
import { strict as assert } from 'node:assert';
import { StorageFailed } from '../../src/db/db.ts';
import { openDatabase } from '../../src/db/open.ts';
import { Acknowledged, Records } from './db-records.ts';

const [state, acknowledged] = process.argv.slice(2) as [string, string];
const db = await openDatabase(state, { durability: { kind: 'disk' }, reserveBytes: 0 });
const records = new Records(db);
const notes = new Acknowledged(acknowledged);
let last = -1;

async function write(): Promise<unknown> {
  try {
    for (;;) {
      last = await records.add(1000);
      notes.note(last);
    }
  } catch (e) {
    return e;
  }
}

const failures = await Promise.all(Array.from({ length: 4 }, write));
for (const e of failures) {
  assert(e instanceof StorageFailed, String(e));
  assert.equal(e.code, 'disk-full', e.message);
  assert.equal(e, db.failed);
}
await assert.rejects(records.add(1), StorageFailed);
assert.equal(records.check(), last + 1);
await db.close();
console.log(`${last + 1} records; ${db.failed?.message}`);
