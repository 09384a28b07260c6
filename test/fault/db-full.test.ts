import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openDatabase } from '../../src/db/open.ts';
import { startChild } from './children.ts';
import { Acknowledged, Records } from './db-records.ts';

const DISK = { durability: { kind: 'disk' } } as const;
const directory = mkdtempSync(join(tmpdir(), 'nexus-db-full-'));
const small = join(directory, 'small');
mkdirSync(small);
const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=8m', 'none', small]).status === 0;

afterAll(() => {
  if (mounted) spawnSync('umount', [small]);
  rmSync(directory, { recursive: true });
});

describe.skipIf(!mounted)('a full disk (a file system of 8 MiB; needs the right to mount)', () => {
  const acknowledged = join(directory, 'acknowledged');
  let output: string;

  beforeAll(async () => {
    const exit = await startChild('db-filler', small, acknowledged).exit;
    output = exit.output;
    expect(exit, exit.output).toMatchObject({ code: 0, signal: null });
  });

  it('refuses what comes later, reads on, closes and says what to do', () => {
    expect(output).toMatch(/is full: make room on it and start the daemon again/);
    expect(statfsSync(small).bavail).toBeLessThan(100);
  });

  it('has cost nothing that was acknowledged', async () => {
    const told = Acknowledged.read(acknowledged);
    expect(told.length).toBeGreaterThan(100);
    const db = await openDatabase(small, DISK);
    const count = new Records(db).check();
    await db.close();
    expect(told.toSorted((a, b) => a - b)).toEqual(Array.from(told, (_, i) => i));
    expect(told.length).toBeLessThanOrEqual(count);
  });

  it('with the reserve of 16 MiB is never reached: the first commit is refused', async () => {
    const db = await openDatabase(small, DISK);
    await expect(new Records(db).add(1)).rejects.toMatchObject({ code: 'disk-full' });
    expect(db.failed).toBeUndefined();
    await db.close();
  });
});
