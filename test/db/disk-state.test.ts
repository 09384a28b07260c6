/** Room on the disk as a state with a name (docs/protocol/store.md, "The disk"). */
import { expect, test } from 'vitest';
import { StorageFailed } from '../../src/db/db.ts';
import { type DiskState, diskStateAfter } from '../../src/db/disk-state.ts';
import { openDatabase } from '../../src/db/open.ts';
import { temporaryDirectory } from './directories.ts';

const RESERVE = 100;

function statesOver(...free: number[]): DiskState[] {
  let state: DiskState = 'ok';
  return free.map((bytes) => {
    state = diskStateAfter(state, bytes, RESERVE);
    return state;
  });
}

test('tight below twice the reserve, full below it', () => {
  expect(statesOver(1000, 200, 199, 100, 99, 0)).toEqual(['ok', 'ok', 'tight', 'tight', 'full', 'full']);
});

test('left only at two and a half times the reserve, and at one and a quarter', () => {
  expect(statesOver(99, 100, 124, 125, 200, 249, 250)).toEqual([
    ...(['full', 'full', 'full'] as const),
    ...(['tight', 'tight', 'tight', 'ok'] as const),
  ]);
  expect(statesOver(199, 249, 250, 249)).toEqual(['tight', 'tight', 'ok', 'ok']);
});

test('straight from one end to the other', () => {
  expect(statesOver(0, 1000, 0)).toEqual(['full', 'ok', 'full']);
});

test('a full disk keeps half of its reserve for what is one’s own, and more for housekeeping', async () => {
  let free = 1000;
  const db = await openDatabase(temporaryDirectory(), {
    durability: { kind: 'disk' },
    reserveBytes: RESERVE,
    freeBytes: () => free,
  });
  const taken = async () => {
    const tries = [{}, { own: true }, { housekeeping: true }].map((options) =>
      db
        .commit(() => {}, options)
        .then(
          () => true,
          () => false,
        ),
    );
    return Promise.all(tries);
  };
  expect(await taken()).toEqual([true, true, true]);
  free = 99;
  expect(await taken()).toEqual([false, true, true]);
  free = 49;
  expect(await taken()).toEqual([false, false, true]);
  free = 24;
  expect(await taken()).toEqual([false, false, false]);
  expect(db.disk).toBe('full');
  await db.close();
});

test('a disk that cannot be asked has failed: that is told, not thrown', async () => {
  const failing = new StorageFailed('io', 'The disk fails: check it.');
  const db = await openDatabase(temporaryDirectory(), {
    durability: { kind: 'disk' },
    freeBytes: () => {
      throw failing;
    },
  });
  expect(db.disk).toBe('failed');
  expect(db.refusal).toBe(failing);
  await expect(db.commit(() => {})).rejects.toBe(failing);
  await db.close();
});
