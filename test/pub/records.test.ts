/** docs/protocol/link.md, "Records", 40–43, and docs/protocol/store.md, "NXS-Pub": byte for byte. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { fromHex, toHex, utf8 } from '../../src/core/bytes.ts';
import {
  decodeGot,
  decodeHint,
  decodeItem,
  decodePull,
  decodeSubscribe,
  decodeSubscribed,
  encodeGot,
  encodeHint,
  encodeItem,
  encodePull,
  encodeSubscribe,
  encodeSubscribed,
  idsWithin,
  itemsWithin,
  type Subscribe,
} from '../../src/pub/records.ts';

const hex = (text: string) => fromHex(text.replaceAll(' ', '')) as Uint8Array;
const step = hex('0102030405060708');
const id = hex('a0a1a2a3a4a5a6a7');

describe('subscribe, record 40', () => {
  const mail: Subscribe = { number: 0, topic: { kind: 'node' }, delivery: 'pull-hint', lasts: 246, step };
  const topic = { kind: 'prefix', name: 'weather/' } as const;
  const weather: Subscribe = { number: 5, topic, delivery: 'digest', lasts: undefined, step: undefined };

  test('to the own mail: number, kind and delivery, how long, a step of the chain', () => {
    expect(toHex(encodeSubscribe(mail))).toBe('000af60102030405060708');
    expect(decodeSubscribe(hex('00 0a f6 0102030405060708'))).toEqual(mail);
  });

  test('to all names that begin so, ending now', () => {
    expect(toHex(encodeSubscribe(weather))).toBe('0505ff776561746865722f');
    expect(decodeSubscribe(hex('05 05 ff 776561746865722f'))).toEqual(weather);
  });

  test.each([
    ['nothing', ''],
    ['no delivery of that number', '05 0d f6 61'],
    ['bits that mean nothing yet', '05 10 f6 61'],
    ['a ttl beyond thirty days', '05 00 f7 61'],
    ['a number that is none', '80 00 f6 61'],
    ['mail under another number than 0', '01 0a f6 0102030405060708'],
    ['a name under number 0', '00 00 f6 61'],
    ['another node named for its mail', '00 0a f6 0102030405060708 000102030405060708090a0b0c0d0e0f'],
    ['a step cut short', '00 0a f6 01020304'],
    ['no name', '05 00 f6'],
    ['a name of 49 bytes', `05 00 f6 ${'61'.repeat(49)}`],
    ['a name that is no UTF-8', '05 00 f6 ff'],
    ['a control character', '05 00 f6 610a'],
  ])('%s is refused', (_, bytes) => {
    expect(decodeSubscribe(hex(bytes))).toBeUndefined();
  });
});

describe('subscribed, record 41', () => {
  test('number, outcome, how many wait, serial', () => {
    const answer = { number: 0, outcome: 'unknown', waiting: 3, serial: 0x1234 } as const;
    expect(toHex(encodeSubscribed(answer))).toBe('0002033412');
    expect(decodeSubscribed(hex('00 02 03 34 12'))).toEqual(answer);
    expect(encodeSubscribed({ ...answer, waiting: 1000 })[2]).toBe(255);
  });

  test.each([
    ['an unknown outcome', '00 04 00 0000'],
    ['one byte more', '00 00 00 0000 00'],
    ['four bytes', '00 00 00 00'],
  ])('%s is refused', (_, bytes) => expect(decodeSubscribed(hex(bytes))).toBeUndefined());
});

describe('hint, record 42', () => {
  const hint = {
    number: 0,
    more: true,
    items: [
      { id, size: 300, priority: 0 },
      { id: step, size: 0x3fff, priority: 2 },
    ],
  } as const;

  test('number and whether there is more; ids, sizes, priorities', () => {
    expect(toHex(encodeHint(hint))).toBe(`80${toHex(id)}2c01${toHex(step)}ffbf`);
    expect(decodeHint(hex('80 a0a1a2a3a4a5a6a7 2c01 0102030405060708 ffbf'))).toEqual(hint);
  });

  test('says larger sizes as the largest, and that nothing waits in one byte', () => {
    expect(toHex(encodeHint({ number: 3, more: false, items: [] }))).toBe('03');
    expect(decodeHint(hex('03'))).toEqual({ number: 3, more: false, items: [] });
    const large = encodeHint({ ...hint, items: [{ id, size: 100_000, priority: 1 }] });
    expect(decodeHint(large)?.items[0]?.size).toBe(0x3fff);
  });

  test.each([
    ['nothing', ''],
    ['half an item', '00 a0a1a2'],
    ['no such priority', '00 a0a1a2a3a4a5a6a7 00c0'],
  ])('%s is refused', (_, bytes) => expect(decodeHint(hex(bytes))).toBeUndefined());

  test('as many items as fit, and one more does not', () => {
    const of = (n: number) =>
      encodeHint({ number: 0, more: false, items: Array(n).fill(hint.items[0]) }).length;
    for (const room of [1, 10, 11, 233]) {
      expect(of(itemsWithin(room))).toBeLessThanOrEqual(room);
      expect(of(itemsWithin(room) + 1)).toBeGreaterThan(room);
    }
  });
});

describe('pull, record 43', () => {
  test('number and ids, in the order wanted', () => {
    expect(toHex(encodePull({ number: 0, ids: [id, step] }))).toBe(`00${toHex(id)}${toHex(step)}`);
    expect(decodePull(hex('00 a0a1a2a3a4a5a6a7 0102030405060708'))).toEqual({ number: 0, ids: [id, step] });
    expect(decodePull(hex('07'))).toEqual({ number: 7, ids: [] });
    expect(idsWithin(233)).toBe(29);
  });

  test.each([
    ['nothing', ''],
    ['half an id', '00 a0a1'],
    ['a number that is none', '80'],
  ])('%s is refused', (_, bytes) => expect(decodePull(hex(bytes))).toBeUndefined());
});

describe('got, record 44', () => {
  test('the beginnings of ids', () => {
    expect(toHex(encodeGot([id, step]))).toBe('a0a1a2a301020304');
    expect(decodeGot(hex('a0a1a2a3 01020304'))?.map(toHex)).toEqual(['a0a1a2a3', '01020304']);
  });

  test.each([
    ['nothing', ''],
    ['half a beginning', 'a0a1a2a3 01'],
  ])('%s is refused', (_, bytes) => expect(decodeGot(hex(bytes))).toBeUndefined());
});

describe('an item', () => {
  test('holds what it was published under, so that its id vouches for that too', () => {
    const item = { kind: 'neighbourhood', name: 'market', content: utf8('eggs') } as const;
    expect(toHex(encodeItem(item))).toBe('03066d61726b657465676773');
    expect(decodeItem(hex('03 06 6d61726b6574 65676773'))).toEqual(item);
  });

  test.each([
    ['a prefix', '01 01 61 62'],
    ['mail', '02 01 61 62'],
    ['no name', '00 00 62'],
    ['a name that is longer than the item', '00 05 61'],
  ])('%s is refused', (_, bytes) => expect(decodeItem(hex(bytes))).toBeUndefined());
});

test('any bytes are decoded or refused, and what is decoded is said in these bytes', () => {
  const codecs = [
    [decodeSubscribe, encodeSubscribe],
    [decodeSubscribed, encodeSubscribed],
    [decodeHint, encodeHint],
    [decodePull, encodePull],
    [decodeGot, encodeGot],
    [decodeItem, encodeItem],
  ] as const;
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
      for (const [decode, encode] of codecs) {
        const value = decode(bytes);
        if (value) expect(toHex((encode as (v: unknown) => Uint8Array)(value))).toBe(toHex(bytes));
      }
    }),
    { numRuns: 2000 },
  );
});
