/** Golden bytes of records 17–23: docs/protocol/link.md, "Records". */
import { describe, expect, test } from 'vitest';
import { fromHex, toHex } from '../../src/core/bytes.ts';
import {
  decodeAccept,
  decodeOffer,
  decodeRefuse,
  decodeShortId,
  encodeAccept,
  encodeOffer,
  encodeRefuse,
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
    expect(decodeRefuse(hex(`${ID8} 01 20`))).toEqual({ objectId: hex(ID8), reason: 'busy' });
    expect(decodeRefuse(hex(`${ID8} 06`))).toBeUndefined();
    expect(decodeRefuse(hex(ID8))).toBeUndefined();
  });
});

test('have, custody and receipted are a short id, with or without attempt and sequence', () => {
  expect(decodeShortId(hex(ID8))).toEqual(hex(ID8));
  expect(decodeShortId(hex(`${ID8} 01 0200`))).toEqual(hex(ID8));
  expect(decodeShortId(hex(`${ID8} 01`))).toBeUndefined();
});

test('a receipt frame is kind 6 and a secret, 17 bytes', () => {
  expect(toHex(encodeReceiptFrame(hex(LOCK)))).toBe(`70${LOCK}`);
  expect(decodeReceiptFrame(hex(`70${LOCK}`))).toEqual(hex(LOCK));
  expect(decodeReceiptFrame(hex(`70${LOCK}00`))).toBeUndefined();
  expect(decodeReceiptFrame(hex(`70${LOCK}`).subarray(0, 16))).toBeUndefined();
});
