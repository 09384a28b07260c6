/** docs/protocol/link.md, "Records". */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { fromHex, toHex } from '../../src/core/bytes.ts';
import {
  ackRecord,
  contentLength,
  decodeRecords,
  encodeRecords,
  RECORD,
  readAck,
} from '../../src/link/records.ts';

const bytes = (hex: string) => fromHex(hex) ?? new Uint8Array(0);
const rec = (type: number, hex: string) => ({ type, body: bytes(hex) });

describe('golden bytes', () => {
  test.each([
    ['one record: no length travels', [rec(16, 'aabb')], '90aabb'],
    ['an empty one', [rec(16, '')], '90'],
    [
      'two: the first with its length',
      [rec(21, '0102030405060708'), rec(16, 'ff')],
      '1508010203040506070890ff',
    ],
    [
      '127 bytes: one byte of length',
      [rec(16, '00'.repeat(127)), rec(1, '0000')],
      `107f${'00'.repeat(127)}810000`,
    ],
    ['128 bytes: two', [rec(16, '00'.repeat(128)), rec(1, '0000')], `108080${'00'.repeat(128)}810000`],
    ['300 bytes', [rec(16, '00'.repeat(300)), rec(1, '0000')], `10812c${'00'.repeat(300)}810000`],
  ])('%s', (_what, records, hex) => {
    expect(toHex(encodeRecords(records))).toBe(hex);
    expect(decodeRecords(bytes(hex))).toEqual(records);
    expect(contentLength(records)).toBe(hex.length / 2);
  });

  test('an ack', () => {
    expect(toHex(encodeRecords([ackRecord(0xfffe)]))).toBe('81feff');
    expect(readAck(bytes('feff'))).toBe(0xfffe);
    expect(readAck(bytes('feff00'))).toBeUndefined();
    expect(readAck(bytes('fe'))).toBeUndefined();
  });

  test('the numbers of the page', () => {
    expect(RECORD).toEqual({
      ack: 1,
      fragment: 2,
      bitmap: 3,
      hello: 15,
      push: 16,
      offer: 17,
      accept: 18,
      have: 19,
      refuse: 20,
      custody: 21,
      receipt: 22,
      receipted: 23,
      unreadable: 24,
      return: 25,
      ask: 26,
      want: 32,
      key: 33,
      digest: 34,
      tags: 35,
      subscribe: 40,
      subscribed: 41,
      hint: 42,
      pull: 43,
      got: 44,
      query: 48,
      head: 49,
      askLeaves: 50,
      leaves: 51,
      askChunk: 52,
      chunk: 53,
      absent: 54,
      lookup: 55,
      challenge: 56,
      proof: 57,
      place: 58,
      kept: 59,
      declined: 60,
    });
  });
});

test('a last record may say its length all the same', () => {
  expect(decodeRecords(bytes('1002aabb'))).toEqual([rec(16, 'aabb')]);
});

test.each([
  ['nothing', ''],
  ['a type and no length', '10'],
  ['half a length', '1080'],
  ['a body cut short', '1005aabb'],
  ['a length in two bytes that fits one', `10807f${'00'.repeat(127)}`],
  ['a good record and a bad one', '1001aa1005aa'],
])('refused: %s', (_what, hex) => {
  expect(decodeRecords(bytes(hex))).toBeUndefined();
});

const records = fc.array(
  fc.record({ type: fc.integer({ min: 0, max: 127 }), body: fc.uint8Array({ maxLength: 200 }) }),
  { minLength: 1, maxLength: 8 },
);

test('what was written is read, in the length foretold', () => {
  fc.assert(
    fc.property(records, (all) => {
      const content = encodeRecords(all);
      expect(content.length).toBe(contentLength(all));
      expect(decodeRecords(content)).toEqual(all);
    }),
  );
});

test('nothing hostile throws', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (content) => {
      const read = decodeRecords(content);
      expect(read === undefined || read.length > 0).toBe(true);
    }),
  );
});
