/** Golden bytes of the compact header and the parcel: docs/protocol/store.md, "Compact header". */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { fromHex, toHex } from '../../src/core/bytes.ts';
import { nodeIdFrom } from '../../src/identity/node-id.ts';
import { CONTENT_TYPE, OBJECT_PRIORITY } from '../../src/store/object.ts';
import { type CompactHeader, decodeParcel, encodeParcel, FRESH_TRAVEL } from '../../src/store/parcel.ts';

const hex = (text: string) => fromHex(text.replaceAll(/[\s|]/g, '')) as Uint8Array;
const LOCK = '00112233445566778899aabbccddeeff';
const ID = '101112131415161718191a1b1c1d1e1f';

const plain: CompactHeader = {
  contentType: CONTENT_TYPE.immutable,
  priority: OBJECT_PRIORITY.normal,
  minBandwidth: 0,
  ttl: 213,
  lock: hex(LOCK),
  recipients: [],
  travel: FRESH_TRAVEL,
};
const full: CompactHeader = {
  contentType: CONTENT_TYPE.ephemeral,
  priority: OBJECT_PRIORITY.lazy,
  minBandwidth: 10_000,
  ttl: 0,
  lock: hex(LOCK),
  recipients: [nodeIdFrom(hex(ID))],
  travel: { attempt: 1, hopsLeft: 63, age: 9, sequence: 0x0203 },
};
const bytes = hex('aabbcc');

describe('a parcel', () => {
  test('to a neighbour with everything at its default costs 18 bytes over the object', () => {
    expect(toHex(encodeParcel({ header: plain, bytes }))).toBe(toHex(hex(`00 d5 ${LOCK} aabbcc`)));
  });
  test('without a lock costs two', () => {
    const header = { ...plain, lock: new Uint8Array(16) };
    expect(toHex(encodeParcel({ header, bytes }))).toBe(toHex(hex('04 d5 aabbcc')));
  });
  test('with everything said', () => {
    const expected = `1b 00 0a 10270000 ${LOCK} 01 ${ID} 01 3f 09 0302 aabbcc`;
    expect(toHex(encodeParcel({ header: full, bytes }))).toBe(toHex(hex(expected)));
  });
  test.each([plain, full, { ...plain, lock: new Uint8Array(16) }])('is read back', (header) => {
    expect(decodeParcel(encodeParcel({ header, bytes }))).toEqual({ header, bytes });
  });
  test('may be empty', () => {
    expect(decodeParcel(encodeParcel({ header: plain, bytes: new Uint8Array(0) }))?.bytes).toHaveLength(0);
  });
});

describe('refused:', () => {
  test.each([
    ['a mutable object (reserved)', `20 d5 ${LOCK}`],
    ['a chunked object (reserved)', `40 d5 ${LOCK}`],
    ['flag bit 7', `80 d5 ${LOCK}`],
    ['a ttl beyond thirty days', `00 f7 ${LOCK}`],
    ['an unknown content type', `01 d5 03 ${LOCK}`],
    ['an unknown priority', `01 d5 0c ${LOCK}`],
    ['high bits in the kind', `01 d5 14 ${LOCK}`],
    ['no recipients where some follow', `08 d5 ${LOCK} 00`],
    ['more than 100 recipients', `08 d5 ${LOCK} 65 ${ID.repeat(101)}`],
    ['an age beyond thirty days', `10 d5 ${LOCK} 00 40 f7 0000`],
    ['a header cut short', `00 d5 ${LOCK.slice(2)}`],
    ['nothing', ''],
  ])('%s', (_what, text) => {
    expect(decodeParcel(hex(text))).toBeUndefined();
  });
  test('more than 4,096 bytes', () => {
    expect(decodeParcel(encodeParcel({ header: plain, bytes: new Uint8Array(4096) }))).toBeDefined();
    expect(decodeParcel(encodeParcel({ header: plain, bytes: new Uint8Array(4097) }))).toBeUndefined();
  });
});

test('arbitrary bytes are read or refused, and what is read is written as it was or shorter', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 80 }), (input) => {
      const parcel = decodeParcel(input);
      if (parcel) expect(encodeParcel(parcel).length).toBeLessThanOrEqual(input.length);
    }),
  );
});
