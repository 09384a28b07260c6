/** Golden bytes of records 17–26: docs/protocol/link.md, "Records". */
import { describe, expect, test } from 'vitest';
import { fromHex, toHex } from '../../src/core/bytes.ts';
import {
  decodeAccept,
  decodeAsk,
  decodeOffer,
  decodeRefuse,
  decodeShortId,
  decodeTaken,
  encodeAccept,
  encodeAsk,
  encodeOffer,
  encodeRefuse,
  encodeTaken,
  REFUSAL,
} from '../../src/store/exchange-records.ts';
import { CONTENT_TYPE, OBJECT_PRIORITY } from '../../src/store/object.ts';
import { FRESH_TRAVEL } from '../../src/store/parcel.ts';
import { decodeReceiptFrame, encodeReceiptFrame } from '../../src/store/receipt-frame.ts';

const hex = (text: string) => fromHex(text.replaceAll(/[\s|]/g, '')) as Uint8Array;
const ID8 = '0102030405060708';
const LOCK = '00112233445566778899aabbccddeeff';

describe('offer', () => {
  const offer = {
    transferId: 5,
    objectId: hex(ID8),
    size: 1130,
    header: {
      contentType: CONTENT_TYPE.immutable,
      priority: OBJECT_PRIORITY.normal,
      minBandwidth: 0,
      ttl: 213,
      lock: hex(LOCK),
      recipients: [],
      travel: FRESH_TRAVEL,
    },
  };
  const bytes = `05 | ${ID8} | 6a04 | 00 d5 ${LOCK}`;
  test('is 11 bytes and a compact header', () => {
    expect(toHex(encodeOffer(offer))).toBe(toHex(hex(bytes)));
    expect(decodeOffer(hex(bytes))).toEqual(offer);
  });
  test.each([
    ['a transfer id above 63', `40 | ${ID8} | 6a04 | 00 d5 ${LOCK}`],
    ['a size above 4,096', `05 | ${ID8} | 0110 | 00 d5 ${LOCK}`],
    ['bytes left over', `${bytes} 00`],
    ['a cut header', bytes.slice(0, -2)],
  ])('with %s is refused', (_what, text) => {
    expect(decodeOffer(hex(text))).toBeUndefined();
  });
});

describe('accept', () => {
  const accept = {
    objectId: hex(ID8),
    held: [
      [0, 231],
      [462, 693],
    ] as const,
  };
  const bytes = `${ID8} | 0000 e700 | ce01 b502`;
  test('names the ranges held', () => {
    expect(toHex(encodeAccept(accept))).toBe(toHex(hex(bytes)));
    expect(decodeAccept(hex(bytes))).toEqual(accept);
    expect(decodeAccept(hex(ID8))).toEqual({ objectId: hex(ID8), held: [] });
  });
  test.each([
    ['overlapping ranges', `${ID8} 0000 e700 e600 b502`],
    ['touching ranges', `${ID8} 0000 e700 e700 b502`],
    ['an empty range', `${ID8} 0100 0100`],
    ['a range beyond any object', `${ID8} 0000 0110`],
    ['half a range', `${ID8} 0000`],
  ])('with %s is refused', (_what, text) => {
    expect(decodeAccept(hex(text))).toBeUndefined();
  });
});

describe('refuse', () => {
  test('carries its reason as a number', () => {
    expect(REFUSAL).toEqual(['full', 'busy', 'seen', 'no-route', 'policy', 'malformed']);
    expect(toHex(encodeRefuse({ objectId: hex(ID8), reason: 'no-route' }))).toBe(`${ID8}03`);
    expect(decodeRefuse(hex(`${ID8} 03`))).toEqual({ objectId: hex(ID8), reason: 'no-route' });
  });
  test('may say until when, and may not have an unknown reason', () => {
    const refuse = { objectId: hex(ID8), reason: 'full', until: 0x20 } as const;
    expect(toHex(encodeRefuse(refuse))).toBe(`${ID8}0020`);
    expect(decodeRefuse(hex(`${ID8} 00 20`))).toEqual(refuse);
    expect(decodeRefuse(hex(`${ID8} 06`))).toBeUndefined();
    expect(decodeRefuse(hex(ID8))).toBeUndefined();
  });
});

describe('have and custody', () => {
  const taken = { objectId: hex(ID8), attempt: 1, sequence: 0x0302 };
  test('name the object and the stamp they answer', () => {
    expect(toHex(encodeTaken(taken))).toBe(`${ID8}010203`);
    expect(decodeTaken(hex(`${ID8} 01 0203`))).toEqual(taken);
    expect(decodeTaken(hex(ID8))).toBeUndefined();
  });
});

test('receipted is a short id', () => {
  expect(decodeShortId(hex(ID8))).toEqual(hex(ID8));
  expect(decodeShortId(hex(`${ID8} 01`))).toBeUndefined();
});

describe('ask', () => {
  test.each([
    ['a question', undefined, ID8],
    ['held', 'held', `${ID8}00`],
    ['lost', 'lost', `${ID8}01`],
  ] as const)('%s', (_what, verdict, bytes) => {
    const ask = { objectId: hex(ID8), verdict };
    expect(toHex(encodeAsk(ask))).toBe(bytes);
    expect(decodeAsk(hex(bytes))).toEqual(ask);
  });
  test('with an unknown verdict is refused', () => {
    expect(decodeAsk(hex(`${ID8} 02`))).toBeUndefined();
    expect(decodeAsk(hex(`${ID8} 00 00`))).toBeUndefined();
  });
});

test('a receipt frame is kind 6 and a secret, 17 bytes', () => {
  expect(toHex(encodeReceiptFrame(hex(LOCK)))).toBe(`70${LOCK}`);
  expect(decodeReceiptFrame(hex(`70${LOCK}`))).toEqual(hex(LOCK));
  expect(decodeReceiptFrame(hex(`70${LOCK}00`))).toBeUndefined();
  expect(decodeReceiptFrame(hex(`70${LOCK}`).subarray(0, 16))).toBeUndefined();
});
