/** Commits three times, one after the other, and says so on its output: STATE. */
import { writeSync } from 'node:fs';
import { openDatabase } from '../../src/db/open.ts';
import { Records } from './db-records.ts';

const [state] = process.argv.slice(2) as [string];
const db = await openDatabase(state, { durability: { kind: 'disk' } });
const records = new Records(db);
writeSync(1, 'opened\n');
for (let i = 0; i < 3; i++) writeSync(1, `acknowledged ${await records.add(100)}\n`);
await db.close();
