import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { bytes, text, u32 } from '../../src/db/codecs.ts';
import { DamagedRecord, StorageFailed, type Table } from '../../src/db/db.ts';
import type { LmdbDb, LmdbOptions } from '../../src/db/lmdb.ts';
import { openDatabase } from '../../src/db/open.ts';
import { Simulation } from '../simulation.ts';
import { temporaryDirectory } from './directories.ts';

const NAMES = { name: 'names', key: text, value: text };
const BLOBS = { name: 'blobs', key: bytes(511), value: bytes(1 << 20) };

let directory: string;
let open: LmdbDb[] = [];
beforeEach(() => {
  directory = temporaryDirectory();
});
afterEach(async () => {
  for (const db of open) await db.abandon();
  open = [];
});

async function onDisk(options: Partial<LmdbOptions> = {}): Promise<LmdbDb> {
  const db = await openDatabase(directory, { durability: { kind: 'disk' }, ...options });
  open.push(db);
  return db;
}

/** Every write takes `ms` of virtual time. */
async function simulated(sim: Simulation, ms = 10): Promise<LmdbDb> {
  const db = await openDatabase(directory, {
    durability: { kind: 'simulated', clock: sim, delay: () => ms },
  });
  open.push(db);
  return db;
}

function all<K, V>(db: LmdbDb, table: Table<K, V>): [K, V][] {
  return db.read((tx) => [...tx.range(table)].map(({ key, value }): [K, V] => [key, value]));
}

describe('a commit', () => {
  it('runs at once, is read at once and resolves with its value when durable', async () => {
    const sim = new Simulation();
    const db = await simulated(sim, 10);
    const names = db.table(NAMES);
    let durable = false;
    const commit = db.commit((tx) => {
      tx.put(names, 'a', 'relay');
      return tx.get(names, 'a');
    });
    commit.then(() => {
      durable = true;
    });
    expect(db.read((tx) => tx.get(names, 'a'))).toBe('relay');
    await sim.run(9);
    expect(durable).toBe(false);
    await sim.run(1);
    expect(durable).toBe(true);
    expect(await commit).toBe('relay');
  });

  it('is on the disk for whoever opens the files next', async () => {
    const first = await onDisk();
    const names = first.table(NAMES);
    await first.commit((tx) => {
      tx.put(names, 'a', 'relay');
      tx.put(names, 'b', 'sender');
    });
    await first.commit((tx) => tx.remove(names, 'b'));
    await first.close();
    const second = await onDisk();
    expect(all(second, second.table(NAMES))).toEqual([['a', 'relay']]);
  });

  it('leaves nothing behind where its closure throws', async () => {
    const db = await onDisk();
    const names = db.table(NAMES);
    await db.commit((tx) => tx.put(names, 'a', 'before'));
    let told = false;
    const failing = db.commit((tx) => {
      tx.put(names, 'a', 'within');
      tx.put(names, 'b', 'within');
      tx.afterCommit(() => {
        told = true;
      });
      throw new Error('changed its mind');
    });
    await expect(failing).rejects.toThrow('changed its mind');
    await db.commit((tx) => tx.put(names, 'c', 'after'));
    const expected = [
      ['a', 'before'],
      ['c', 'after'],
    ];
    expect(all(db, names)).toEqual(expected);
    expect(told).toBe(false);
    await db.close();
    const again = await onDisk();
    expect(all(again, again.table(NAMES))).toEqual(expected);
  });

  it('refuses a closure that returns a promise, and keeps nothing of it', async () => {
    const db = await onDisk();
    const names = db.table(NAMES);
    const asynchronous = db.commit(async (tx) => {
      tx.put(names, 'a', 'lost');
      throw new Error('never seen');
    });
    await expect(asynchronous).rejects.toThrow('must be synchronous');
    // biome-ignore lint/suspicious/noThenProperty: a thenable is what is refused
    await expect(db.commit(() => ({ then() {} }))).rejects.toThrow('must be synchronous');
    expect(all(db, names)).toEqual([]);
  });

  it('refuses a commit or read within another', async () => {
    const db = await onDisk();
    const names = db.table(NAMES);
    await expect(db.commit(() => db.read((tx) => tx.get(names, 'a')))).rejects.toThrow('its own transaction');
    let inner: Promise<void> | undefined;
    await db.commit(() => {
      inner = db.commit((tx) => tx.put(names, 'a', 'inner'));
      inner.catch(() => {});
    });
    await expect(inner).rejects.toThrow('its own transaction');
    expect(all(db, names)).toEqual([]);
  });

  it('refuses its transaction after its closure has returned', async () => {
    const db = await onDisk();
    const names = db.table(NAMES);
    const tx = await db.commit((t) => t);
    expect(() => tx.put(names, 'a', 'late')).toThrow('after its closure');
    expect(() => tx.get(names, 'a')).toThrow('after its closure');
    const entries = db.read((t) => t.range(names));
    expect(() => [...entries]).toThrow('after its closure');
  });

  it('refuses keys LMDB cannot hold, whole', async () => {
    const db = await onDisk();
    const names = db.table(NAMES);
    for (const key of ['', 'x'.repeat(512)]) {
      const commit = db.commit((tx) => {
        tx.put(names, 'good', 'lost with the bad one');
        tx.put(names, key, '');
      });
      await expect(commit).rejects.toThrow(RangeError);
    }
    await db.commit((tx) => tx.put(names, 'x'.repeat(511), ''));
    expect(all(db, names)).toEqual([['x'.repeat(511), '']]);
  });
});

describe('groups', () => {
  it('take in what is committed while the one before is written, and become durable in order', async () => {
    const sim = new Simulation();
    const db = await simulated(sim, 10);
    const names = db.table(NAMES);
    const order: string[] = [];
    const commit = (key: string) =>
      db
        .commit((tx) => {
          tx.put(names, key, '');
          tx.afterCommit(() => order.push(`after ${key} at ${sim.monotonic()}`));
        })
        .then(() => order.push(`${key} at ${sim.monotonic()}`));
    commit('a');
    commit('b');
    await sim.run(5);
    for (const key of ['c', 'd', 'e']) commit(key);
    await sim.run(100);
    expect(order).toEqual([
      'after a at 10',
      'after b at 10',
      'a at 10',
      'b at 10',
      'after c at 20',
      'after d at 20',
      'after e at 20',
      'c at 20',
      'd at 20',
      'e at 20',
    ]);
  });

  it('form among those who commit again when they were told', async () => {
    const sim = new Simulation();
    const db = await simulated(sim, 10);
    const names = db.table(NAMES);
    const writer = async (name: string) => {
      for (let i = 0; i < 5; i++) await db.commit((tx) => tx.put(names, `${name}${i}`, ''));
    };
    const writers = Promise.all(Array.from({ length: 20 }, (_, i) => writer(`${i}/`)));
    await sim.resolve(writers, 1000);
    expect(sim.monotonic()).toBe(50);
    expect(all(db, names)).toHaveLength(100);
  });

  it('let a commit without changes wait for those before it, and for no disk', async () => {
    const sim = new Simulation();
    const db = await simulated(sim, 10);
    const names = db.table(NAMES);
    expect(
      await sim.resolve(
        db.commit((tx) => tx.get(names, 'a')),
        1000,
      ),
    ).toBeUndefined();
    expect(sim.monotonic()).toBe(0);
    db.commit((tx) => tx.put(names, 'a', 'relay'));
    await sim.run(0);
    expect(
      await sim.resolve(
        db.commit((tx) => tx.get(names, 'a')),
        1000,
      ),
    ).toBe('relay');
    expect(sim.monotonic()).toBe(10);
  });

  it('of thousands of entries over several tables are written whole', async () => {
    const db = await onDisk();
    const [names, blobs] = [db.table(NAMES), db.table(BLOBS)];
    await db.commit((tx) => {
      for (let i = 0; i < 5000; i++) {
        tx.put(names, `${i}`, `name ${i}`);
        tx.put(blobs, u32.encode(i), new Uint8Array(i % 700).fill(i));
      }
    });
    await db.close();
    const again = await onDisk();
    expect(all(again, again.table(NAMES))).toHaveLength(5000);
    const back = all(again, again.table(BLOBS));
    expect(back).toHaveLength(5000);
    expect(back.every(([key, value], i) => u32.decode(key) === i && value.length === i % 700)).toBe(true);
    expect(back[699]?.[1]).toEqual(new Uint8Array(699).fill(699));
  });
});

describe('bytes', () => {
  it('are plain arrays of the reader’s own, whether in memory or on the disk', async () => {
    const sim = new Simulation();
    const db = await simulated(sim);
    const blobs = db.table(BLOBS);
    const key = Uint8Array.of(0);
    const given = new Uint8Array(40_000).fill(7);
    const durable = db.commit((tx) => tx.put(blobs, key, given));
    given.fill(8);
    for (const state of ['in memory', 'on the disk']) {
      const value = db.read((tx) => tx.get(blobs, key));
      const [entry] = all(db, blobs);
      for (const seen of [value, entry?.[1], entry?.[0]]) {
        expect(Object.getPrototypeOf(seen), state).toBe(Uint8Array.prototype);
        expect(seen?.byteOffset).toBe(0);
        expect(seen?.buffer.byteLength).toBe(seen?.length);
      }
      expect([value?.length, value?.every((b) => b === 7)]).toEqual([40_000, true]);
      value?.fill(9);
      entry?.[1].fill(9);
      await sim.resolve(durable, 100);
    }
    expect(db.read((tx) => tx.get(blobs, key))?.every((b) => b === 7)).toBe(true);
  });

  it('may be none', async () => {
    const db = await onDisk();
    const blobs = db.table(BLOBS);
    await db.commit((tx) => tx.put(blobs, Uint8Array.of(1), new Uint8Array(0)));
    expect(db.read((tx) => tx.get(blobs, Uint8Array.of(1)))).toEqual(new Uint8Array(0));
    expect(all(db, blobs)).toEqual([[Uint8Array.of(1), new Uint8Array(0)]]);
  });

  it('that are not a value of their table are told once, by name, set aside and gone', async () => {
    const db = await onDisk();
    const blobs = db.table(BLOBS);
    await db.commit((tx) => tx.put(blobs, Uint8Array.of(0xab), Uint8Array.of(1, 2, 3)));
    await db.close();
    const again = await onDisk();
    const told: string[] = [];
    again.onDamaged.on((record) => told.push(`${record.table}: ${record.message}`));
    const numbers = again.table({ name: 'blobs', key: bytes(1), value: u32 });
    expect(again.read((tx) => tx.get(numbers, Uint8Array.of(0xab)))).toBeUndefined();
    expect(all(again, numbers)).toEqual([]);
    expect(told).toHaveLength(1);
    expect(told[0]).toMatch(/^blobs: damaged record in the table blobs: ab cannot be read/);
    await again.close();
    const third = await onDisk();
    expect(all(third, third.table(BLOBS))).toEqual([]);
    const aside = third.table({ name: 'damaged', key: bytes(511), value: bytes(100) });
    expect(all(third, aside).map(([, value]) => value)).toEqual([Uint8Array.of(1, 2, 3)]);
  });

  it('whose absence would be taken for a safe beginning are thrown', async () => {
    const db = await onDisk();
    const blobs = db.table(BLOBS);
    await db.commit((tx) => tx.put(blobs, Uint8Array.of(0xab), Uint8Array.of(1, 2, 3)));
    await db.close();
    const again = await onDisk();
    const numbers = again.table({ name: 'blobs', key: bytes(1), value: u32, damaged: 'thrown' });
    expect(() => again.read((tx) => tx.get(numbers, Uint8Array.of(0xab)))).toThrow(DamagedRecord);
  });
});

describe('a table', () => {
  it('is declared once', async () => {
    const db = await onDisk();
    expect(db.table(NAMES)).toBe(db.table(NAMES));
    expect(() => db.table({ ...NAMES })).toThrow('two tables are named names');
  });

  it('is of one database', async () => {
    const db = await onDisk();
    const stranger: Table<string, string> = { spec: NAMES };
    db.table(NAMES);
    await expect(db.commit((tx) => tx.put(stranger, 'a', 'b'))).rejects.toThrow('not of this database');
  });
});

describe('the count of a table', () => {
  it('is of what is on the disk, over restarts too', async () => {
    const db = await onDisk();
    const names = db.table(NAMES);
    expect(db.count(names)).toBe(0);
    const committed = db.commit((tx) => {
      for (const name of ['a', 'b', 'c']) tx.put(names, name, 'x'.repeat(10_000));
    });
    expect(db.count(names)).toBe(0);
    await committed;
    expect(db.count(names)).toBe(3);
    await db.commit((tx) => tx.remove(names, 'b'));
    expect(db.count(names)).toBe(2);
    await db.close();
    const again = await onDisk();
    expect(again.count(again.table(NAMES))).toBe(2);
  });
});

describe('ranges', () => {
  const KEY = fc.uint8Array({ minLength: 1, maxLength: 2, max: 3 });
  const change = fc.record({
    key: KEY,
    value: fc.option(fc.uint8Array({ maxLength: 2 }), { nil: undefined }),
  });
  const bound = fc.option(KEY, { nil: undefined });
  const range = fc.record({
    from: bound,
    to: bound,
    reverse: fc.boolean(),
    limit: fc.option(fc.nat(6), { nil: undefined }),
  });
  const hex = (b: Uint8Array) => Buffer.from(b).toString('hex');

  it('merge what is durable, being written, forming and of their own commit, as one sorted map would', async () => {
    const sim = new Simulation();
    const db = await simulated(sim);
    const blobs = db.table(BLOBS);
    const changes = fc.array(change, { maxLength: 12 });
    await fc.assert(
      fc.asyncProperty(
        changes,
        changes,
        changes,
        changes,
        range,
        async (durable, writing, forming, own, r) => {
          const model = new Map<string, string>();
          const step = (list: typeof own) =>
            db.commit((tx) => {
              for (const { key, value } of list) {
                if (value) tx.put(blobs, key, value);
                else tx.remove(blobs, key);
                if (value) model.set(hex(key), hex(value));
                else model.delete(hex(key));
              }
              const bounds = Object.fromEntries(Object.entries(r).filter(([, v]) => v !== undefined));
              const seen = [...tx.range(blobs, bounds)].map((e) => [hex(e.key), hex(e.value)]);
              const expected = [...model]
                .filter(([k]) => (!r.from || k >= hex(r.from)) && (!r.to || k < hex(r.to)))
                .sort(([a], [b]) => (a < b ? -1 : 1));
              if (r.reverse) expected.reverse();
              expect(seen).toEqual(expected.slice(0, r.limit));
              for (const { key } of list) {
                const value = tx.get(blobs, key);
                expect(value && hex(value)).toBe(model.get(hex(key)));
              }
            });
          await sim.resolve(step(durable), 1000);
          const one = step(writing);
          await sim.run(5);
          const two = step(forming);
          const three = step(own);
          await sim.resolve(Promise.all([one, two, three]), 1000);
          const all = db.read((tx) => [...tx.range(blobs)]);
          expect(all.map((e) => hex(e.key))).toEqual([...model.keys()].sort());
          await sim.resolve(
            db.commit((tx) => {
              for (const { key } of all) tx.remove(blobs, key);
            }),
            1000,
          );
        },
      ),
      { numRuns: 300 },
    );
  });

  it('refuse a table that changes under them', async () => {
    const db = await onDisk();
    const names = db.table(NAMES);
    await db.commit((tx) => {
      tx.put(names, 'a', '');
      tx.put(names, 'b', '');
      expect(() => {
        for (const { key } of tx.range(names)) tx.put(names, `${key}2`, '');
      }).toThrow('changed while');
    });
  });
});

describe('pulling the plug', () => {
  it.each([0, 5, 9.99, 10, 15, 20, 25, 30])(
    'at %s ms keeps exactly what was durable then',
    async (moment) => {
      const sim = new Simulation();
      const db = await simulated(sim, 10);
      const names = db.table(NAMES);
      const told: string[] = [];
      // durable at 10, 20 and 30 ms
      for (const [key, at] of Object.entries({ a: 0, b: 9, c: 19 }))
        sim.after(at, () => {
          db.commit((tx) => tx.put(names, key, 'x')).then(() => told.push(key));
        });
      await sim.run(moment);
      await db.abandon();
      await sim.run(1000);
      const again = await simulated(sim, 10);
      const kept = all(again, again.table(NAMES)).map(([key]) => key);
      expect(kept).toEqual(told);
      expect(kept).toHaveLength(Math.floor(moment / 10));
    },
  );

  it('works while closing, and after it', async () => {
    const sim = new Simulation();
    const db = await simulated(sim, 10);
    const names = db.table(NAMES);
    db.commit((tx) => tx.put(names, 'a', 'lost'));
    await sim.run(5);
    let closed = false;
    db.close().then(() => {
      closed = true;
    });
    await db.abandon();
    await sim.run(1000);
    expect(closed).toBe(false);
    const again = await simulated(sim, 10);
    expect(all(again, again.table(NAMES))).toEqual([]);
    await again.close();
    await again.abandon();
  });

  it('leaves later commits unanswered', async () => {
    const sim = new Simulation();
    const db = await simulated(sim);
    const names = db.table(NAMES);
    await db.abandon();
    let ran = false;
    let settled = false;
    db.commit((tx) => {
      ran = true;
      tx.put(names, 'a', '');
    }).finally(() => {
      settled = true;
    });
    await sim.run(1000);
    expect([ran, settled]).toEqual([false, false]);
  });
});

describe('closing', () => {
  it('waits for what is under way, and refuses what comes later', async () => {
    const sim = new Simulation();
    const db = await simulated(sim);
    const names = db.table(NAMES);
    let told = false;
    db.commit((tx) => tx.put(names, 'a', 'relay')).then(() => {
      told = true;
    });
    const closed = db.close();
    await expect(db.commit(() => {})).rejects.toThrow('closed');
    expect(() => db.read(() => {})).toThrow('closed');
    await sim.resolve(closed, 100);
    expect(told).toBe(true);
    const again = await simulated(sim);
    expect(all(again, again.table(NAMES))).toEqual([['a', 'relay']]);
  });
});

describe('a disk below its reserve', () => {
  it('refuses before anything has run, and accepts again once there is room', async () => {
    let free = 1000;
    const db = await onDisk({ reserveBytes: 500, freeBytes: () => free });
    const names = db.table(NAMES);
    await db.commit((tx) => tx.put(names, 'a', 'kept'));
    free = 499;
    let ran = false;
    const refused = db.commit(() => {
      ran = true;
    });
    await expect(refused).rejects.toThrow(StorageFailed);
    await expect(refused).rejects.toMatchObject({ code: 'disk-full' });
    await expect(refused).rejects.toThrow(/make room on it/);
    expect(ran).toBe(false);
    expect(db.failed).toBeUndefined();
    expect(all(db, names)).toEqual([['a', 'kept']]);
    free = 500;
    await db.commit((tx) => tx.put(names, 'b', 'room again'));
    expect(all(db, names)).toHaveLength(2);
  });

  it('still takes housekeeping, down to a quarter of the reserve', async () => {
    let free = 1000;
    const db = await onDisk({ reserveBytes: 500, freeBytes: () => free });
    const names = db.table(NAMES);
    await db.commit((tx) => tx.put(names, 'a', 'to be dropped'));
    free = 125;
    expect(db.refusal).toMatchObject({ code: 'disk-full' });
    await db.commit((tx) => tx.remove(names, 'a'), { housekeeping: true });
    expect(all(db, names)).toEqual([]);
    free = 124;
    await expect(db.commit(() => {}, { housekeeping: true })).rejects.toMatchObject({ code: 'disk-full' });
    free = 500;
    expect(db.refusal).toBeUndefined();
  });

  it('is asked how much room it has', async () => {
    const db = await onDisk({ reserveBytes: 2 ** 60 });
    await expect(db.commit(() => {})).rejects.toMatchObject({ code: 'disk-full' });
  });
});
