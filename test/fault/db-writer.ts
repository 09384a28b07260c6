/** Commits for ever, eight at a time, and notes each acknowledged one: STATE ACKNOWLEDGED. */
import { openDatabase } from '../../src/db/open.ts';
import { Acknowledged, Records } from './db-records.ts';

const [state, acknowledged] = process.argv.slice(2) as [string, string];
const records = new Records(await openDatabase(state, { durability: { kind: 'disk' } }));
const notes = new Acknowledged(acknowledged);

async function write(): Promise<never> {
  for (;;) notes.note(await records.add(100));
}

await Promise.all(Array.from({ length: 8 }, write));
