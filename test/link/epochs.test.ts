/** docs/protocol/link.md, "After a restart": which nonces of a key may be used, and when. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { SeededRandom } from '../../src/core/random.ts';
import type { LmdbDb } from '../../src/db/lmdb.ts';
import { openDatabase } from '../../src/db/open.ts';
import { Epochs, NonceBlocks } from '../../src/link/epochs.ts';
import { Neighbourhood, SHARED_BLOCK } from '../../src/link/neighbourhood.ts';
import { RECORD } from '../../src/link/records.ts';
import { temporaryDirectory } from '../db/directories.ts';
import { Simulation } from '../simulation.ts';

const HOUR = 3_600_000;

let sim: Simulation;
let directory: string;
let db: LmdbDb;
let free = 2 ** 40;
const open = async () => {
  db = await openDatabase(directory, {
    durability: { kind: 'simulated', clock: sim, delay: () => 10 },
    freeBytes: () => free,
  });
  return sim.resolve(Epochs.open(db, 'epochs'), 1000);
};

beforeEach(() => {
  sim = new Simulation();
  directory = temporaryDirectory();
  free = 2 ** 40;
});
afterEach(() => db.abandon());

test('each start has an epoch of its own, and skips none', async () => {
  for (let start = 0; start < 4; start++) {
    expect((await open()).current).toBe(start);
    await db.abandon();
  }
});

describe('the nonces of a key', () => {
  const blocks = (epochs: Epochs, first: number) => new NonceBlocks({ epochs, first, size: 100n, gap: 30n });

  test('go up to its size less the gap, and by its size further with every epoch that is drawn', async () => {
    const epochs = await open();
    const nonces = blocks(epochs, 0);
    expect([nonces.allows(69n), nonces.allows(70n)]).toEqual([true, false]);
    nonces.provide(44n);
    await sim.run(50);
    expect(epochs.current).toBe(0);
    nonces.provide(45n);
    // the disk has not taken it
    expect([epochs.current, nonces.allows(70n)]).toEqual([0, false]);
    await sim.run(50);
    expect([epochs.current, nonces.allows(169n), nonces.allows(170n)]).toEqual([1, true, false]);
  });

  test('begin after a restart above all that may have been used, by the gap', async () => {
    const before = await open();
    await sim.resolve(before.advance(), 1000);
    await db.abandon();
    const nonces = blocks(await open(), 0);
    // up to 169 may have been used
    expect(nonces.start).toBe(200n);
    expect([nonces.allows(269n), nonces.allows(270n)]).toEqual([true, false]);
  });

  test('stand still while the disk takes nothing, and go on when it does', async () => {
    const epochs = await open();
    const nonces = blocks(epochs, 0);
    free = 0;
    nonces.provide(69n);
    await sim.run(50);
    expect(nonces.allows(70n)).toBe(false);
    free = 2 ** 40;
    nonces.provide(69n);
    await sim.run(50);
    expect(nonces.allows(70n)).toBe(true);
  });
});

describe('a neighbourhood on a disk that takes nothing', () => {
  const record = { type: RECORD.digest, body: new Uint8Array(1) };

  test('is spent after eight generations, the last of which it does not leave', async () => {
    const nonces = new NonceBlocks({ epochs: await open(), first: 0, size: SHARED_BLOCK, gap: 0n });
    free = 0;
    const ours = new Neighbourhood(new SeededRandom(1), 0, nonces);
    for (let hour = 0; hour < 12; hour++) ours.seal([record], hour * HOUR);
    expect(ours.generation).toBe(7n);
    expect(ours.spent).toBe(false);
    // five in the last generation so far
    for (let i = 0; i < 256 - 5; i++) ours.seal([record], 12 * HOUR);
    expect(ours.spent).toBe(true);
    expect(() => ours.seal([record], 12 * HOUR)).toThrow('no counters left');
  });
});
