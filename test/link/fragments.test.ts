/** docs/protocol/link.md, "Transfers": fragments and bitmaps on the air. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { fromHex, toHex } from '../../src/core/bytes.ts';
import {
  bitmapOf,
  bitmapRecord,
  fragmentRecord,
  fragmentRoom,
  readBitmap,
  readFragment,
  says,
} from '../../src/link/fragments.ts';

const bytes = (hex: string) => fromHex(hex) ?? new Uint8Array(0);

describe('golden bytes', () => {
  test.each([
    [{ id: 5, pushed: false, last: false, index: 7, bytes: bytes('aabb') }, '0507aabb'],
    [{ id: 63, pushed: true, last: false, index: 0, bytes: bytes('cc') }, '7f00cc'],
    [{ id: 1, pushed: false, last: true, index: 254, bytes: bytes('dd') }, '81fedd'],
    [{ id: 2, pushed: true, last: true, index: 1, bytes: bytes('ee') }, 'c201ee'],
  ])('fragment %#', (fragment, hex) => {
    expect(fragmentRecord(fragment)).toEqual({ type: 2, body: bytes(hex) });
    expect(readFragment(bytes(hex))).toEqual(fragment);
  });

  test.each([
    ['nothing is here', 3, 10, [], '0300'],
    ['all before 4', 3, 10, [0, 1, 2, 3], '0304'],
    ['all', 3, 10, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9], '030a'],
    ['0 and 2: bit 0 is fragment next + 1', 3, 10, [0, 2], '030101'],
    ['1 and 9', 0, 10, [1, 9], '00000101'],
    ['trailing zero bytes are left out', 0, 30, [0, 1, 3], '000201'],
    [
      '254 of 255',
      9,
      255,
      Array.from({ length: 255 }, (_, i) => i).filter((i) => i !== 0),
      `0900${'ff'.repeat(31)}3f`,
    ],
  ])('bitmap: %s', (_what, id, count, here, hex) => {
    const bitmap = bitmapOf(id, count, (i) => here.includes(i));
    expect(toHex(bitmapRecord(bitmap).body)).toBe(hex);
    expect(readBitmap(bytes(hex))).toEqual(bitmap);
  });

  test('a full frame of 255 bytes carries 231 of content', () => {
    expect(fragmentRoom(255)).toBe(231);
  });
});

test('a bitmap says of each fragment what it was made from', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 255 }),
      fc.uint8Array({ minLength: 255, maxLength: 255 }),
      (count, draws) => {
        const isHere = (i: number) => (draws[i] ?? 0) > 100;
        const read = readBitmap(bitmapRecord(bitmapOf(9, count, isHere)).body);
        for (let i = 0; i < count; i++) expect(read && says(read, i)).toBe(isHere(i));
      },
    ),
  );
});

test.each([
  ['a fragment without bytes', () => readFragment(bytes('0507'))],
  ['a fragment without an index', () => readFragment(bytes('05'))],
  ['a bitmap of nothing', () => readBitmap(bytes('05'))],
  ['a bitmap of transfer 64', () => readBitmap(bytes('4000'))],
  ['a bitmap longer than any transfer', () => readBitmap(bytes(`0000${'00'.repeat(33)}`))],
])('refused: %s', (_what, read) => {
  expect(read()).toBeUndefined();
});
