import { describe, expect, it } from 'vitest';
import { bytes, u32 } from '../../src/db/codecs.ts';
import { openDatabase } from '../../src/db/open.ts';
import { temporaryDirectory } from '../db/directories.ts';
import { startChild } from './children.ts';

const ROUNDS = 60;
const RECORDS = 400;

describe('a database with flipped bits', () => {
  it('is set aside or gives what was written: it never crashes the box, and never gives anything else', async () => {
    const state = temporaryDirectory();
    const db = await openDatabase(state, { durability: { kind: 'disk' } });
    const records = db.table({ name: 'records', key: u32, value: bytes(20_000) });
    for (let group = 0; group < 8; group++)
      await db.commit((tx) => {
        for (let i = group; i < RECORDS; i += 8)
          tx.put(records, i, new Uint8Array(i % 10 === 0 ? 5000 : 300).fill(i));
      });
    await db.commit((tx) => {
      for (let i = 0; i < 20; i++) tx.remove(records, i);
    });
    await db.close();
    const seeds = ['a', 'b'];
    const exits = await Promise.all(
      seeds.map((seed) => startChild('db-flips', state.concat(`-${seed}`), seed, `${ROUNDS}`, state).exit),
    );
    const rounds = exits.flatMap((exit) => {
      expect(exit, exit.output).toMatchObject({ code: 0, signal: null });
      return exit.output.trim().split('\n');
    });
    expect(rounds).toHaveLength(seeds.length * ROUNDS);
    // the last number: records that were read and are not what was written
    expect(rounds.filter((line) => !line.endsWith(' 0'))).toEqual([]);
    const kinds = new Set(
      rounds.map((line) =>
        line.startsWith('aside') ? 'aside' : line === `${RECORDS - 20} 0 0` ? 'whole' : 'damaged',
      ),
    );
    expect([...kinds].sort()).toEqual(['aside', 'damaged', 'whole']);
  }, 120_000);
});
