import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { SeededRandom, uniform } from '../../src/core/random.ts';
import { openDatabase } from '../../src/db/open.ts';
import { temporaryDirectory } from '../db/directories.ts';
import { startChild } from './children.ts';
import { Acknowledged, Records } from './db-records.ts';

const ROUNDS = 6;

describe('a daemon killed at any moment', () => {
  it('has every commit it acknowledged, and none in part', async () => {
    const directory = temporaryDirectory();
    const state = join(directory, 'state');
    const acknowledged = join(directory, 'acknowledged');
    const random = new SeededRandom('kill');
    for (let round = 0; round < ROUNDS; round++) {
      const before = Acknowledged.read(acknowledged).length;
      const { process: child, exit } = startChild('db-writer', state, acknowledged);
      while (Acknowledged.read(acknowledged).length === before && child.exitCode === null)
        await new Promise((resolve) => setTimeout(resolve, 2));
      await new Promise((resolve) => setTimeout(resolve, 60 * uniform(random)));
      child.kill('SIGKILL');
      expect(await exit).toMatchObject({ signal: 'SIGKILL', output: '' });
      const told = Acknowledged.read(acknowledged);
      expect(told.length).toBeGreaterThan(before);
      const db = await openDatabase(state, { durability: { kind: 'disk' } });
      const count = new Records(db).check();
      await db.close();
      expect(Math.max(...told)).toBeLessThan(count);
      expect(new Set(told).size).toBe(told.length);
    }
  }, 60_000);
});
