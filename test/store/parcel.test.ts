/** Golden bytes of the compact header and the parcel: docs/protocol/store.md, "Compact header". */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decode, fromHex, toHex } from '../../src/core/bytes.ts';
import { nodeIdFrom } from '../../src/identity/node-id.ts';
import { CONTENT_TYPE, OBJECT_PRIORITY } from '../../src/store/object.ts';
import {
  type CompactHeader,
  decodeParcel,
  encodeCompactHeader,
  encodeParcel,
  FRESH_TRAVEL,
  readCompactHeader,
} from '../../src/store/parcel.ts';

const hex = (text: string) => fromHex(text.replaceAll(/[\s|]/g, '')) as Uint8Array;
const same = (encoded: Uint8Array, text: string) => expect(toHex(encoded)).toBe(toHex(hex(text)));
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
const OWNER = `${'0e'.repeat(32)} 0807060504030201 ${'51'.repeat(64)}`;
const ROOT = 'c0'.repeat(32);
const mutable: CompactHeader = {
  ...plain,
  contentType: CONTENT_TYPE.mutable,
  ownership: {
    owner: new Uint8Array(32).fill(0x0e),
    sequence: 0x0102030405060708n,
    signature: new Uint8Array(64).fill(0x51),
  },
};
const detached: CompactHeader = { ...plain, detached: { size: 12345, root: new Uint8Array(32).fill(0xc0) } };
const read = (header: Uint8Array) => decode(header, readCompactHeader);

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

describe('a compact header', () => {
  test('of a mutable object: flag 5, and last owner 32 | sequence u64 | signature 64', () => {
    same(encodeCompactHeader(mutable), `20 d5 ${LOCK} ${OWNER}`);
    expect(read(encodeCompactHeader(mutable))).toEqual(mutable);
    expect(decodeParcel(encodeParcel({ header: mutable, bytes }))).toEqual({ header: mutable, bytes });
    const lazy = { ...mutable, priority: OBJECT_PRIORITY.lazy };
    same(encodeCompactHeader(lazy), `21 d5 09 ${LOCK} ${OWNER}`);
    expect(read(encodeCompactHeader(lazy))).toEqual(lazy);
  });
  test('of an object whose bytes do not come along: flag 6, and last size u32 | root 32', () => {
    same(encodeCompactHeader(detached), `40 d5 ${LOCK} 39300000 ${ROOT}`);
    expect(read(encodeCompactHeader(detached))).toEqual(detached);
    const both = { ...mutable, detached: { size: 12345, root: new Uint8Array(32).fill(0xc0) } };
    same(encodeCompactHeader(both), `60 d5 ${LOCK} ${OWNER} 39300000 ${ROOT}`);
    expect(read(encodeCompactHeader(both))).toEqual(both);
  });
  test('has an owner where it is mutable, and nowhere else', () => {
    const { ownership, ...without } = mutable;
    expect(() => encodeCompactHeader(without)).toThrow(RangeError);
    expect(() => encodeCompactHeader({ ...plain, ...(ownership ? { ownership } : {}) })).toThrow(RangeError);
  });
});

describe('refused:', () => {
  test.each([
    ['a mutable object without its owner', `20 d5 ${LOCK}`],
    ['an immutable object with an owner', `21 d5 04 ${LOCK} ${OWNER}`],
    ['a mutable object that does not say so by its flag', `01 d5 05 ${LOCK}`],
    ['a header whose bytes do not come along', `40 d5 ${LOCK} 39300000 ${ROOT}`],
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
