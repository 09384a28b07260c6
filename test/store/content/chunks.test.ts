/** Chunks on a real disk: each once, counted by who refers to it (docs/protocol/store.md, "Content on disk"). */
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { SeededRandom } from '../../../src/core/random.ts';
import type { Db } from '../../../src/db/db.ts';
import { openDatabase } from '../../../src/db/open.ts';
import { Chunks } from '../../../src/store/content/chunks.ts';
import { CHUNK_LENGTH, chunkLeaf } from '../../../src/store/merkle.ts';

let directory: string;
let db: Db;
let chunks: Chunks;
beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'nexus-chunks-'));
  db = await openDatabase(directory, { durability: { kind: 'disk' } });
  chunks = new Chunks(db);
});
afterEach(async () => {
  await db.close();
  rmSync(directory, { recursive: true, force: true });
});

const random = new SeededRandom('chunks');
const has = (leaf: Uint8Array) => db.read((tx) => chunks.has(tx, leaf));

test.each([0, 1, 4067, 4068, 4069, 4095, 4096])('%i bytes come back as they were', async (length) => {
  const chunk = random.bytes(length);
  const leaf = chunkLeaf(chunk);
  await db.commit((tx) => chunks.add(tx, leaf, chunk));
  expect(db.read((tx) => chunks.get(tx, leaf))).toEqual(chunk);
});

test('what two objects have goes with the second that lets go', async () => {
  const chunk = random.bytes(CHUNK_LENGTH);
  const leaf = chunkLeaf(chunk);
  for (let i = 0; i < 2; i++) await db.commit((tx) => chunks.add(tx, leaf, chunk));
  await db.commit((tx) => chunks.release(tx, leaf));
  expect(has(leaf)).toBe(true);
  await db.commit((tx) => chunks.release(tx, leaf));
  expect(has(leaf)).toBe(false);
  expect(db.read((tx) => chunks.get(tx, leaf))).toBeUndefined();
});

test('a full chunk takes one page of the file, not two', async () => {
  const count = 2_000;
  for (let i = 0; i < count; i += 200)
    await db.commit((tx) => {
      for (let k = 0; k < 200; k++) {
        const chunk = random.bytes(CHUNK_LENGTH);
        chunks.add(tx, chunk.subarray(0, 32), chunk);
      }
    });
  const files = readdirSync(directory, { recursive: true, encoding: 'utf8' }).map((f) =>
    statSync(join(directory, f)),
  );
  const size = files.reduce((n, f) => n + (f.isFile() ? f.size : 0), 0);
  expect(size / count).toBeLessThan(1.5 * CHUNK_LENGTH);
});
