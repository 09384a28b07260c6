import { readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PersistedCounter } from '../../src/db/counters.ts';
import { type Db, StorageFailed } from '../../src/db/db.ts';
import type { LmdbDb } from '../../src/db/lmdb.ts';
import { openDatabase } from '../../src/db/open.ts';
import { Simulation } from '../simulation.ts';
import { temporaryDirectory } from './directories.ts';

function simulated(sim: Simulation, directory: string, freeBytes = () => 2 ** 40): Promise<LmdbDb> {
  return openDatabase(directory, {
    durability: { kind: 'simulated', clock: sim, delay: () => 10 },
    freeBytes,
  });
}

function open(sim: Simulation, db: Db, block: number): Promise<PersistedCounter> {
  return sim.resolve(PersistedCounter.open(db, 'sessions', block), 1000);
}

describe('a persisted counter', () => {
  it('counts from 0, one by one, as long as the disk keeps up', async () => {
    const sim = new Simulation();
    const db = await simulated(sim, temporaryDirectory());
    const counter = await open(sim, db, 10);
    for (let i = 0; i < 100; i++) {
      expect(counter.next()).toBe(i);
      await sim.run(5);
    }
    await db.abandon();
  });

  it('skips to a number, durably, and never back', async () => {
    const sim = new Simulation();
    const directory = temporaryDirectory();
    const db = await simulated(sim, directory);
    const counter = await open(sim, db, 4);
    counter.next();
    const skipping = counter.skipTo(1000);
    counter.next(); // while the disk is written
    await sim.resolve(skipping, 1000);
    await sim.resolve(counter.skipTo(10), 1000);
    expect([counter.next(), counter.next()]).toEqual([1000, 1001]);
    await db.abandon();
    const again = await simulated(sim, directory);
    expect((await open(sim, again, 4)).next()).toBeGreaterThan(1001);
    await again.abandon();
  });

  it('never gives a number twice, whenever the plug is pulled', async () => {
    const life = fc.record({ pause: fc.nat(12), numbers: fc.nat(30), end: fc.nat(25) });
    await fc.assert(
      fc.asyncProperty(
        fc.array(life, { minLength: 2, maxLength: 6 }),
        fc.integer({ min: 1, max: 12 }),
        async (lives, block) => {
          const sim = new Simulation();
          const directory = temporaryDirectory();
          let last = -1;
          for (const { pause, numbers, end } of lives) {
            const db = await simulated(sim, directory);
            const counter = await open(sim, db, block);
            for (let i = 0; i < numbers; i++) {
              let number: number;
              try {
                number = counter.next();
              } catch (e) {
                expect(e).toBeInstanceOf(StorageFailed);
                await sim.resolve(counter.ready(), 1000);
                number = counter.next();
              }
              expect(number).toBeGreaterThan(last);
              last = number;
              await sim.run(pause);
            }
            await sim.run(end);
            await db.abandon();
          }
        },
      ),
      { numRuns: 40 },
    );
  });

  it('gives out no more than is durable, and says so', async () => {
    const sim = new Simulation();
    const db = await simulated(sim, temporaryDirectory());
    const counter = await open(sim, db, 4);
    expect([counter.next(), counter.next(), counter.next(), counter.next()]).toEqual([0, 1, 2, 3]);
    expect(() => counter.next()).toThrow(StorageFailed);
    await sim.run(9);
    expect(() => counter.next()).toThrow(StorageFailed);
    await sim.run(1);
    expect(counter.next()).toBe(4);
    await db.abandon();
  });

  it('may be used within a commit', async () => {
    const sim = new Simulation();
    const db = await simulated(sim, temporaryDirectory());
    const counter = await open(sim, db, 2);
    for (let i = 0; i < 6; i++)
      expect(
        await sim.resolve(
          db.commit(() => counter.next()),
          100,
        ),
      ).toBe(i);
    await db.abandon();
  });

  it('tells that the disk is full once its block is used up, and goes on when there is room', async () => {
    const sim = new Simulation();
    let free = 2 ** 40;
    const db = await simulated(sim, temporaryDirectory(), () => free);
    const counter = await open(sim, db, 2);
    free = 0;
    expect(counter.next()).toBe(0);
    expect(counter.next()).toBe(1);
    await sim.run(20);
    expect(() => counter.next()).toThrow(/make room/);
    await expect(sim.resolve(counter.ready(), 100)).rejects.toThrow(/make room/);
    free = 2 ** 40;
    await sim.resolve(counter.ready(), 100);
    expect(counter.next()).toBe(2);
    await db.abandon();
  });

  it('is one of several by name', async () => {
    const sim = new Simulation();
    const db = await simulated(sim, temporaryDirectory());
    const [a, b] = await sim.resolve(
      Promise.all([PersistedCounter.open(db, 'a'), PersistedCounter.open(db, 'b')]),
      1000,
    );
    expect([a.next(), a.next(), b.next()]).toEqual([0, 1, 0]);
    await db.abandon();
  });
});

describe('a counter outlives', () => {
  async function counted(directory: string): Promise<number> {
    const sim = new Simulation();
    const db = await simulated(sim, directory);
    const counter = await open(sim, db, 10);
    for (let i = 0; i < 25; i++) {
      counter.next();
      await sim.run(50);
    }
    const last = counter.next();
    await sim.run(50);
    await sim.resolve(db.close(), 1000);
    return last;
  }

  async function next(directory: string): Promise<number> {
    const sim = new Simulation();
    const db = await simulated(sim, directory);
    const counter = await open(sim, db, 10);
    await db.abandon();
    return counter.next();
  }

  it('the database', async () => {
    const directory = temporaryDirectory();
    const last = await counted(directory);
    truncateSync(join(directory, 'db', 'data.mdb'), 5000);
    expect(await next(directory)).toBeGreaterThan(last);
  });

  it('its mark, lost or damaged', async () => {
    for (const lose of [
      (marks: string) => rmSync(marks),
      (marks: string) => truncateSync(marks, 5),
      (marks: string) => writeFileSync(marks, readFileSync(marks, 'utf8').replace(/\d/g, '0')),
    ]) {
      const directory = temporaryDirectory();
      const last = await counted(directory);
      lose(join(directory, 'db.marks'));
      expect(await next(directory)).toBeGreaterThan(last);
    }
  });

  it('neither: then it begins again, and that takes the loss of two files', async () => {
    const directory = temporaryDirectory();
    await counted(directory);
    rmSync(join(directory, 'db.marks'));
    rmSync(join(directory, 'db'), { recursive: true });
    expect(await next(directory)).toBe(0);
  });
});
