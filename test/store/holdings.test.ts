/** What is held and remembered, its indexes and sums, over restarts. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { bytes, counter, tuple, u32 } from '../../src/db/codecs.ts';
import type { KeyCodec } from '../../src/db/db.ts';
import { Holdings } from '../../src/store/holdings.ts';
import { NumberMap } from '../../src/store/number-map.ts';
import { OrderedNumbers } from '../../src/store/ordered-numbers.ts';
import { PrefixIndex } from '../../src/store/prefix-index.ts';
import { MOST_TRACES } from '../../src/store/shares.ts';
import { type TraceEvent, transition } from '../../src/store/trace.ts';
import { temporaryDirectory } from '../db/directories.ts';
import { keep, memoryStore, objectAnd } from './holdings-scene.ts';

const DAY = 86_400_000;
const key = (n: number) => n.toString(16).padStart(2, '0').repeat(16);

/** Puts bytes into a table past the room that it belongs to. */
async function written<K>(
  directory: string,
  name: string,
  key: KeyCodec<K>,
  at: K,
  value: Uint8Array,
): Promise<void> {
  const db = await memoryStore(directory);
  const table = db.table({ name, key, value: bytes(100) });
  await db.commit((tx) => tx.put(table, at, value));
  await db.close();
}

describe('holdings', () => {
  test('are found by id, lock and line, and are the same after a restart', async () => {
    const directory = temporaryDirectory();
    const db = await memoryStore(directory);
    const holdings = new Holdings(db);
    const { object, holding } = objectAnd({ from: 2, stranger: true, recipient: 5 });
    const n = await db.commit((tx) => holdings.add(tx, object, holding));
    await keep(db, holdings, { from: 1, recipient: 6, size: 100 });
    const seen = (h: Holdings, in_ = db) => ({
      id: h.byShortId(holding.id),
      lock: in_.read((tx) => h.byLock(tx, holding.lock)),
      lines: h.lines(),
      heldIn: h.heldIn(`${key(5)} strangers`),
      strangers: h.unpaid.givers(),
      size: h.size,
      held: h.amounts.get('held'),
    });
    expect(seen(holdings)).toEqual({
      ...{ id: [n], lock: [n], lines: [`${key(5)} strangers`, key(6)], heldIn: [n], strangers: [key(2)] },
      size: { objects: 2, bytes: 400 },
      held: { objects: 2, bytes: 400 },
    });
    const before = seen(holdings);
    await db.close();
    const again = await memoryStore(directory);
    expect(seen(new Holdings(again), again)).toEqual(before);
  });

  test('tell when nothing is held in a line any more, and not before', async () => {
    const db = await memoryStore();
    const holdings = new Holdings(db);
    const told: string[] = [];
    holdings.onNoneHeld.on((line) => told.push(line));
    const numbers = [await keep(db, holdings, { recipient: 5 }), await keep(db, holdings, { recipient: 5 })];
    for (const n of numbers) {
      expect(told).toEqual([]);
      await db.commit((tx) => {
        const before = holdings.get(tx, n);
        const tried = { neighbour: key(1), reason: 'policy', until: Infinity } as const;
        const stamp = { attempt: 0, sequence: 0 };
        const refused = before && transition(before.trace, { kind: 'refused', tried, stamp });
        if (before && refused) holdings.update(tx, n, before, { ...before, trace: refused });
      });
      expect(told).toEqual([]);
      await db.commit((tx) => {
        const before = holdings.get(tx, n);
        const receipt = before && transition(before.trace, { kind: 'receipt', secret: new Uint8Array(16) });
        if (before && receipt) holdings.update(tx, n, before, { ...before, trace: receipt });
      });
    }
    expect(told).toEqual([key(5)]);
    expect(holdings.size).toEqual({ objects: 0, bytes: 0 });
    expect(db.read((tx) => numbers.map((n) => holdings.object(tx, n)))).toEqual([undefined, undefined]);
  });

  test('of days expire by the hour, of less by the minute', async () => {
    const db = await memoryStore();
    const holdings = new Holdings(db);
    const long = await keep(db, holdings, { ttl: 213, expiresAt: 7 * DAY + 1 });
    const short = await keep(db, holdings, { ttl: 100, expiresAt: 90_001 });
    const due = (now: number) => db.commit((tx) => holdings.due(tx, now, 10).map(({ n }) => n));
    expect(await due(119_999)).toEqual([]);
    expect(await due(120_000)).toEqual([short]);
    expect(await due(7 * DAY + 3_599_999)).toEqual([short]);
    expect(await due(7 * DAY + 3_600_000)).toEqual([short, long]);
  });

  test('get numbers that were never given out, and their own time, where the newest trace is damaged', async () => {
    const directory = temporaryDirectory();
    const db = await memoryStore(directory);
    const holdings = new Holdings(db);
    await keep(db, holdings, { ttl: 100 });
    const lost = await keep(db, holdings, { ttl: 100, expiresAt: 60_000 });
    await db.close();
    await written(directory, 'trace', counter, lost, Uint8Array.of(1, 2, 3));
    for (let starts = 0; starts < 2; starts++) {
      const again = await memoryStore(directory);
      expect(await keep(again, new Holdings(again), { ttl: 100, expiresAt: 2 * DAY })).toBe(
        lost + 1 + starts,
      );
      await again.close();
    }
    const last = await memoryStore(directory);
    const kept = new Holdings(last);
    const due = (now: number) => last.commit((tx) => kept.due(tx, now, 10).map(({ n }) => n));
    expect(last.read((tx) => kept.object(tx, lost))).toBeDefined();
    expect(await due(DAY)).toEqual([]);
    expect(last.read((tx) => kept.object(tx, lost))).toBeUndefined();
    expect(await due(2 * DAY)).toEqual([lost + 1, lost + 2]);
  });

  test('do not expire by the time of another that had their number', async () => {
    const directory = temporaryDirectory();
    const db = await memoryStore(directory);
    const n = await keep(db, new Holdings(db), { ttl: 100, expiresAt: DAY });
    await db.close();
    await written(directory, 'expiry', tuple<[number, number]>(u32, counter), [1, n], new Uint8Array(0));
    const again = await memoryStore(directory);
    const holdings = new Holdings(again);
    const due = (now: number) => again.commit((tx) => holdings.due(tx, now, 1).map((d) => d.n));
    expect(await due(60_000)).toEqual([]);
    expect(await due(DAY)).toEqual([n]); // one is looked at: the other's time is not there any more
  });

  test('count while they are not durable yet: one slow commit lets nobody bring more than its part', async () => {
    const db = await memoryStore();
    const holdings = new Holdings(db);
    const [from, stranger, size] = [2, true, 4_000];
    const MAX = 10 * size * 4; // one stranger may bring a fortieth of it
    const commits: Promise<number>[] = [];
    const bring = () => {
      const refusal = holdings.shares.refusal(key(from), stranger, size, MAX);
      if (!refusal) commits.push(keep(db, holdings, { from, stranger, size, recipient: 5 }));
      return refusal;
    };
    const line = `${key(5)} strangers`;
    expect(Array.from({ length: 20 }, bring)).toEqual([undefined, ...Array(19).fill('neighbour')]);
    expect([holdings.countIn(line), holdings.heldIn(line).length]).toEqual([1, 0]);
    const [n] = await Promise.all(commits);
    expect([holdings.countIn(line), holdings.heldIn(line).length]).toEqual([1, 1]);
    expect(bring()).toBe('neighbour');
    const settle = (event: TraceEvent) =>
      db.commit((tx) => {
        const before = n === undefined ? undefined : holdings.get(tx, n);
        const trace = before && transition(before.trace, event);
        if (n !== undefined && before && trace) holdings.update(tx, n, before, { ...before, trace });
      });
    // what goes makes room once that is durable, and what comes back takes it at once
    const dropped = settle({ kind: 'dropped' });
    expect(bring()).toBe('neighbour');
    await dropped;
    const again = { attempt: 1, sequence: 0 };
    const back = settle({ kind: 'offered', by: key(from), stamp: again, hopsLeft: 9 });
    expect([bring(), holdings.countIn(line)]).toEqual(['neighbour', 1]);
    await back;
    expect(holdings.countIn(line)).toBe(1);
    expect(commits).toHaveLength(1);
  });

  test('of one stranger are an eighth of all at most, however small: the millionth is refused like the next', async () => {
    const db = await memoryStore();
    const holdings = new Holdings(db);
    const most = MOST_TRACES / 8;
    let taken = 0;
    const refused = { count: 0 };
    const offer = (tx: Parameters<Parameters<typeof db.commit>[0]>[0]) => {
      if (holdings.shares.refusal(key(2), true, 1, 2 ** 30)) refused.count++;
      else {
        const { object, holding } = objectAnd({ from: 2, stranger: true, size: 8 });
        holdings.add(tx, object, holding);
        taken++;
      }
    };
    for (let i = 0; i < 64; i++)
      await db.commit((tx) => {
        for (let k = 0; k < most / 64; k++) offer(tx);
      });
    expect([taken, refused.count]).toEqual([most, 0]);
    await db.commit((tx) => {
      for (let i = most; i < 1e6; i++) offer(tx);
    });
    expect([taken, refused.count]).toEqual([most, 1e6 - most]);
    expect(holdings.shares.refusal(key(3), true, 1, 2 ** 30)).toBeUndefined();
  }, 30_000);
});

const small = fc.integer({ min: 1, max: 40 });

test('a map of numbers is a Map', () => {
  const step = fc.record({
    key: fc.oneof(small, fc.integer({ min: 2 ** 40, max: 2 ** 40 + 40 })),
    value: fc.option(fc.nat()),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 400 }), (steps) => {
      const map = new NumberMap();
      const model = new Map<number, number>();
      for (const { key: k, value } of steps) {
        if (value === null) {
          map.delete(k);
          model.delete(k);
        } else {
          map.set(k, value);
          model.set(k, value);
        }
      }
      expect(map.size).toBe(model.size);
      expect(new Map(map.entries())).toEqual(model);
      for (const k of model.keys()) expect(map.get(k)).toBe(model.get(k));
      expect(map.get(41)).toBeUndefined();
    }),
  );
});

test('an index of prefixes is a set of pairs, also where prefixes are chosen alike', () => {
  const prefix = (i: number) => {
    const bytes = new Uint8Array(10);
    new DataView(bytes.buffer).setUint32(i % 3 === 0 ? 0 : 4, i % 3 === 1 ? 1023 : i);
    return bytes;
  };
  const step = fc.record({ add: fc.boolean(), i: fc.nat(12), n: small });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
      const index = new PrefixIndex();
      const model = new Map<string, Set<number>>();
      for (const { add, i, n } of steps) {
        const name = prefix(i).subarray(0, 8).join();
        const numbers = model.get(name) ?? new Set();
        model.set(name, numbers);
        if (add) {
          index.add(prefix(i), n);
          numbers.add(n);
        } else {
          index.remove(prefix(i), n);
          numbers.delete(n);
        }
      }
      for (let i = 0; i <= 12; i++)
        expect(new Set(index.get(prefix(i)))).toEqual(
          model.get(prefix(i).subarray(0, 8).join()) ?? new Set(),
        );
    }),
  );
});

test('an index of prefixes grows', () => {
  const index = new PrefixIndex();
  const prefix = (i: number) => {
    const bytes = new Uint8Array(8);
    new DataView(bytes.buffer).setFloat64(0, Math.sin(i));
    return bytes;
  };
  for (let i = 1; i <= 5000; i++) index.add(prefix(i), i);
  for (let i = 1; i <= 5000; i += 2) index.remove(prefix(i), i);
  expect(index.size).toBe(2500);
  for (let i = 1; i <= 5000; i++) expect(index.get(prefix(i))).toEqual(i % 2 === 0 ? [i] : []);
});

test('ordered numbers are in order, whatever order they come in', () => {
  fc.assert(
    fc.property(fc.array(fc.record({ add: fc.boolean(), n: small }), { maxLength: 100 }), (steps) => {
      const numbers = new OrderedNumbers();
      const model = new Set<number>();
      for (const { add, n } of steps) {
        if (add) numbers.add('g', n);
        else numbers.remove('g', n);
        if (add) model.add(n);
        else model.delete(n);
      }
      const inOrder = [...model].sort((a, b) => a - b);
      expect(numbers.of('g')).toEqual(inOrder);
      expect(numbers.groups()).toEqual(inOrder.length > 0 ? ['g'] : []);
      for (let n = 0; n <= 40; n++) expect(numbers.after('g', n)).toBe(inOrder.find((m) => m > n));
    }),
  );
});
