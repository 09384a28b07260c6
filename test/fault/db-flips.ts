/**
 * Flips bits of a copy of a database's file, opens what became of it and uses all of it. Arguments: state directory of
 * its own, seed, rounds, state directory with the database. A line for each round: what became of it. A crash of this process is the failure that is looked for.
 */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { below, SeededRandom } from '../../src/core/random.ts';
import { bytes, u32 } from '../../src/db/codecs.ts';
import { openDatabase } from '../../src/db/open.ts';

const RECORDS = { name: 'records', key: u32, value: bytes(20_000) };

const PAGE = 4096;
const HEAD = 64;

const [state = '', seed = '', rounds = '0', original = ''] = process.argv.slice(2);
const file = join(state, 'db', 'data.mdb');
const whole = readFileSync(join(original, 'db', 'data.mdb'));
const random = new SeededRandom(seed);
for (let round = 0; round < Number(rounds); round++) {
  const flipped = Buffer.from(whole);
  for (let left = 1 + below(random, 3); left > 0; left--) {
    // every other round where a page says what is in it
    const anywhere = below(random, flipped.length);
    const at = round % 2 === 0 ? anywhere : anywhere - (anywhere % PAGE) + below(random, HEAD);
    flipped[at] = (flipped[at] ?? 0) ^ (1 << below(random, 8));
  }
  mkdirSync(join(state, 'db'), { recursive: true });
  writeFileSync(file, flipped);
  const db = await openDatabase(state, { durability: { kind: 'disk' } });
  let damaged = 0;
  db.onDamaged.on(() => damaged++);
  const records = db.table(RECORDS);
  const found = db.read((tx) => Array.from(tx.range(records), ({ key, value }) => ({ key, value })));
  const wrong = found.filter(({ key, value }) => value.some((b) => b !== key % 256));
  await db.commit((tx) => {
    for (const { key } of found.slice(0, 50)) tx.remove(records, key);
    for (let i = 0; i < 50; i++) tx.put(records, 10_000 + i, new Uint8Array(500));
  });
  await db.close();
  process.stdout.write(`${db.setAside ? 'aside' : `${found.length} ${damaged}`} ${wrong.length}\n`);
  rmSync(state, { recursive: true });
}
