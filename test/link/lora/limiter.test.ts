import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { timeOnAirMs } from '../../../drivers/sx127x/time-on-air.ts';
import { fromHex, toHex } from '../../../src/core/bytes.ts';
import { below } from '../../../src/core/random.ts';
import { StorageFailed } from '../../../src/db/db.ts';
import type { LmdbDb } from '../../../src/db/lmdb.ts';
import { openDatabase } from '../../../src/db/open.ts';
import { allowanceStore, decodeAllowance, encodeAllowance } from '../../../src/link/lora/allowance-store.ts';
import { HOUR_MS } from '../../../src/link/lora/ledger.ts';
import { type Allowance, type AllowanceStore, Limiter, type Limits } from '../../../src/link/lora/limiter.ts';
import type { Priority } from '../../../src/link/medium.ts';
import { type Box, EU868, payload, Roof } from '../../drivers/sx127x/roof.ts';

const SF12 = { ...EU868, spreadingFactor: 12 };
const airtime = (bytes: number) => timeOnAirMs(SF12, bytes);
const ONE_PERCENT: Limits = { fromHz: 865e6, toHz: 868e6, dutyCycle: 0.01 };
const BAND = '865000000-868000000';
const ALLOWED = 36_000;

let directory: string;
let db: LmdbDb;
let roof: Roof;
let box: Box;
beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'nexus-limiter-'));
  roof = new Roof();
  [box] = await roof.boxes(['A'], SF12);
  db = await openDb();
});
afterEach(async () => {
  await db.abandon();
  rmSync(directory, { recursive: true });
});

function openDb(): Promise<LmdbDb> {
  return openDatabase(directory, {
    durability: { kind: 'simulated', clock: roof.simulation, delay: () => 20 },
  });
}

function limiter(limits: Limits = ONE_PERCENT, store: AllowanceStore = allowanceStore(db)): Limiter {
  return new Limiter(box.radio, limits, airtime, store, {
    clock: roof.simulation,
    counters: box.counters,
  });
}

/** The power fails: what was not durable is gone. */
async function crash(): Promise<void> {
  await db.abandon();
  db = await openDb();
}

const send = (law: Limiter, bytes: number) =>
  roof.simulation.resolve(law.transmit(payload(bytes)), 60_000, 'transmit');

/** Sends frames of `bytes` back to back for as long as the law lets `priority`. */
async function sendAll(law: Limiter, bytes: number, priority: Priority): Promise<number> {
  let sent = 0;
  while (law.when(airtime(bytes), priority) === roof.simulation.monotonic()) {
    await send(law, bytes);
    sent++;
  }
  return sent;
}

/** The most airtime in any hour of what was really on the air, ms. */
function worstHour(): number {
  return Math.max(
    0,
    ...roof.sent.map((last) =>
      roof.sent
        .filter((t) => t.endMs <= last.endMs && t.endMs > last.endMs - HOUR_MS)
        .reduce((sum, t) => sum + Math.min(t.endMs - t.startMs, t.endMs - (last.endMs - HOUR_MS)), 0),
    ),
  );
}

describe('the duty cycle', () => {
  test('P0 may spend all of it, and a frame more waits until the first has grown old', async () => {
    const law = limiter();
    const started = roof.simulation.monotonic();
    const each = airtime(51);
    const sent = await sendAll(law, 51, 0);
    expect(sent).toBe(Math.floor(ALLOWED / each));
    expect(law.usedMs).toBeCloseTo(sent * each, 3);
    const at = law.when(each, 0) as number;
    const firstEnd = roof.sent[0]?.endMs as number;
    expect(firstEnd).toBeGreaterThan(started);
    expect(at).toBeGreaterThanOrEqual(firstEnd + HOUR_MS);
    expect(at).toBeLessThan(firstEnd + HOUR_MS + 10);
    await roof.simulation.run(at - roof.simulation.monotonic());
    expect(law.when(each, 0)).toBe(roof.simulation.monotonic());
    await send(law, 51);
    expect(worstHour()).toBeLessThanOrEqual(ALLOWED);
  });

  test('lower priorities stop earlier: the last part is for control and for bursts under way', async () => {
    const law = limiter();
    const each = airtime(20);
    await sendAll(law, 20, 3);
    expect(law.usedMs).toBeLessThanOrEqual(0.7 * ALLOWED);
    expect(law.usedMs).toBeGreaterThan(0.7 * ALLOWED - each);
    await sendAll(law, 20, 2);
    expect(law.usedMs).toBeGreaterThan(0.85 * ALLOWED - each);
    await sendAll(law, 20, 1);
    expect(law.usedMs).toBeGreaterThan(0.95 * ALLOWED - each);
    expect(law.when(each, 'begun')).toBe(roof.simulation.monotonic());
    await sendAll(law, 20, 0);
    expect(law.usedMs).toBeGreaterThan(ALLOWED - each);
    expect(law.usedMs).toBeLessThanOrEqual(ALLOWED);
  });

  test('what can never be lawful has no time', () => {
    expect(limiter({ ...ONE_PERCENT, dutyCycle: 0.001 }).when(airtime(255), 0)).toBeUndefined();
    expect(limiter({ ...ONE_PERCENT, dwellMs: 400 }).when(401, 0)).toBeUndefined();
    expect(limiter({ ...ONE_PERCENT, dwellMs: 400 }).when(400, 0)).toBe(roof.simulation.monotonic());
  });

  test('a frame that is not lawful now does not get past', async () => {
    const law = limiter();
    await sendAll(law, 255, 0);
    const before = roof.sent.length;
    await expect(send(law, 255)).rejects.toThrow(/not allowed/);
    expect(roof.sent).toHaveLength(before);
  });

  test('a region without one has only the dwell limit, and keeps no record', async () => {
    const law = limiter({ fromHz: 902e6, toHz: 928e6 });
    for (let i = 0; i < 10; i++) await send(law, 255);
    expect(law.allowedMs).toBeUndefined();
    expect(law.usedMs).toBeCloseTo(10 * airtime(255), 3);
    expect(law.when(airtime(255), 3)).toBe(roof.simulation.monotonic());
    await law.close();
    expect(allowanceStore(db).load('902000000-928000000')).toBeUndefined();
  });
});

describe('a frame that failed', () => {
  test('counts in full: it may be out', async () => {
    const law = limiter();
    box.chip.faults.endlessTransmit = 'until-reset';
    await expect(send(law, 20)).rejects.toThrow(/TxDone/);
    expect(law.usedMs).toBeCloseTo(airtime(20), 3);
  });
});

describe('the record', () => {
  test('a frame is on disk as spent before it is on the air, and most frames cost no commit', async () => {
    const saves: { readonly at: number; readonly allowance: Allowance }[] = [];
    const disk = allowanceStore(db);
    const law = limiter(ONE_PERCENT, {
      load: disk.load,
      save: async (band, allowance) => {
        await disk.save(band, allowance);
        saves.push({ at: roof.simulation.monotonic(), allowance });
      },
    });
    for (let i = 0; i < 30; i++) {
      await send(law, 1);
      const known = saves.findLast((s) => s.at <= (roof.sent.at(-1)?.startMs ?? 0))?.allowance;
      const onDisk = (known?.reserved ?? 0) + (known?.spent ?? []).reduce((sum, s) => sum + s.micros, 0);
      expect(onDisk / 1000).toBeGreaterThanOrEqual(law.usedMs - 0.001);
    }
    expect(saves.length).toBeLessThan(10);
  });

  test('a crash counts the open block as spent, and nothing is forgotten', async () => {
    const law = limiter();
    for (let i = 0; i < 5; i++) await send(law, 20);
    await crash();
    const next = limiter();
    expect(next.usedMs).toBeGreaterThanOrEqual(law.usedMs);
    // a block is the longest frame here
    expect(next.usedMs).toBeLessThanOrEqual(law.usedMs + airtime(255));
  });

  test('a crash before anything was sent costs nothing', async () => {
    limiter();
    await crash();
    expect(limiter().usedMs).toBe(0);
  });

  test('stopping gives back what was not used', async () => {
    const law = limiter();
    for (let i = 0; i < 5; i++) await send(law, 20);
    const used = law.usedMs;
    await roof.simulation.resolve(law.close(), 1000);
    await crash();
    expect(limiter().usedMs).toBeCloseTo(used, 3);
  });

  test('time switched off does not count', async () => {
    const law = limiter();
    await send(law, 255);
    await roof.simulation.run(30 * 60_000);
    await roof.simulation.resolve(law.close(), 1000);
    await roof.simulation.run(2 * HOUR_MS); // off
    const next = limiter();
    expect(next.usedMs).toBeCloseTo(airtime(255), 3);
    await roof.simulation.run(29 * 60_000);
    expect(next.usedMs).toBeCloseTo(airtime(255), 3);
    await roof.simulation.run(2 * 60_000);
    expect(next.usedMs).toBe(0);
  });

  test('sub-bands have accounts of their own', async () => {
    await send(limiter(), 255);
    expect(limiter({ ...ONE_PERCENT, fromHz: 869.4e6, toHz: 869.65e6 }).usedMs).toBe(0);
    expect(limiter().usedMs).toBeGreaterThan(0);
  });

  test('a disk that takes nothing silences the transmitter', async () => {
    const law = limiter(ONE_PERCENT, {
      load: () => undefined,
      save: () => Promise.reject(new StorageFailed('disk-full', 'The disk is full.')),
    });
    await expect(send(law, 20)).rejects.toThrow(StorageFailed);
    expect(roof.sent).toHaveLength(0);
    expect(box.counters.get('link.allowance-not-saved')).toBe(1);
  });

  test('a record that cannot be read counts as everything spent', async () => {
    const table = db.table({
      name: 'link.allowances',
      key: { encode: (s: string) => new TextEncoder().encode(s), decode: () => '' },
      value: { encode: (b: Uint8Array) => b, decode: (b) => b },
    });
    await roof.simulation.resolve(
      db.commit((tx) => {
        tx.put(table, BAND, Uint8Array.of(1, 2, 3));
      }),
      1000,
    );
    await crash();
    const law = limiter();
    expect(law.usedMs).toBe(ALLOWED);
    expect(box.counters.get('link.allowance-damaged')).toBe(1);
    await roof.simulation.run(HOUR_MS);
    expect(law.usedMs).toBe(0);
  });

  test('golden bytes: ran u64 | reserved u32 | (at u64 | µs u32)…, little-endian', () => {
    const hex = '40420f0000000000' + '10270000' + 'e803000000000000' + '88130000';
    const allowance = { ranMs: 1_000_000, reserved: 10_000, spent: [{ at: 1000, micros: 5000 }] };
    expect(toHex(encodeAllowance(allowance))).toBe(hex);
    expect(decodeAllowance(fromHex(hex) as Uint8Array)).toEqual(allowance);
    expect(() => decodeAllowance(fromHex(hex.slice(2)) as Uint8Array)).toThrow();
    // fractions are rounded to younger ages
    const fractions = { ranMs: 10.9, reserved: 0, spent: [{ at: 2.1, micros: 1 }] };
    expect(decodeAllowance(encodeAllowance(fractions))).toEqual({
      ranMs: 10,
      reserved: 0,
      spent: [{ at: 3, micros: 1 }],
    });
  });
});

test('over hours of crashes and stops at any moment, no hour holds more than the allowance', async () => {
  const random = roof.simulation.random.fork('crashes');
  let law = limiter();
  for (let life = 0; life < 25; life++) {
    const until = roof.simulation.monotonic() + below(random, 40 * 60_000);
    while (roof.simulation.monotonic() < until) {
      const bytes = 1 + below(random, 255);
      const at = law.when(airtime(bytes), 0) as number;
      const wait = Math.min(at, until) - roof.simulation.monotonic() + below(random, 5000);
      await roof.simulation.run(wait);
      if (law.when(airtime(bytes), 0) === roof.simulation.monotonic()) await send(law, bytes);
    }
    if (below(random, 3) === 0) await roof.simulation.resolve(law.close(), 1000);
    await crash();
    law = limiter();
  }
  expect(roof.sent.length).toBeGreaterThan(30);
  expect(worstHour()).toBeLessThanOrEqual(ALLOWED);
  expect(worstHour()).toBeGreaterThan(0.8 * ALLOWED);
});
