/** docs/protocol/store.md, "DataObject header". */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { concat, EMPTY, fromHex, toHex, utf8 } from '../../src/core/bytes.ts';
import {
  CONTENT_TYPE,
  decodeHeader,
  encodeHeader,
  headerFor,
  OBJECT_PRIORITY,
  type ObjectHeader,
  objectIdFrom,
  objectIdKey,
  objectIdOf,
  shortIdOf,
} from '../../src/store/object.ts';

const LOCK = Uint8Array.from({ length: 16 }, (_, i) => i);
const PROPERTIES = {
  contentType: CONTENT_TYPE.immutable,
  priority: OBJECT_PRIORITY.normal,
  minBandwidth: 10_000,
  ttl: 200,
};
const header = headerFor(PROPERTIES, LOCK, utf8('abc'));
const GOLDEN =
  '01000110270000c803000000000102030405060708090a0b0c0d0e0f5ebca37212f917bac70d580a6d0cb5ebda66944caa9a0905b21c455aac58c3f2';
const ownership = {
  owner: new Uint8Array(32).fill(0xaa),
  sequence: 0x0102030405060708n,
  signature: new Uint8Array(64).fill(0xbb),
};
const mutable: ObjectHeader = { ...header, contentType: CONTENT_TYPE.mutable, ownership };

describe('golden bytes', () => {
  test('of an immutable header, 60 bytes, and its id', () => {
    expect(toHex(encodeHeader(header))).toBe(GOLDEN);
    expect(decodeHeader(fromHex(GOLDEN) ?? EMPTY)).toEqual(header);
    const id = objectIdOf(header);
    expect(objectIdKey(id)).toBe('56e3725196d261a373db74b2b1597e8cfe076b0a817add807600fdaceed64b8f');
    expect(toHex(shortIdOf(id))).toBe('56e3725196d261a3');
    expect(objectIdFrom(id.slice())).toEqual(id);
    expect(() => objectIdFrom(id.subarray(1))).toThrow(RangeError);
  });

  test('of a mutable header, 164 bytes: owner 32 | sequence u64 | signature 64', () => {
    const bytes = encodeHeader(mutable);
    expect(toHex(bytes)).toBe(`0101${GOLDEN.slice(4)}${'aa'.repeat(32)}0807060504030201${'bb'.repeat(64)}`);
    expect(bytes).toHaveLength(164);
    expect(decodeHeader(bytes)).toEqual(mutable);
  });
});

describe('a header', () => {
  test('comes back as it was', () => {
    const headers = fc.record({
      version: fc.constant(1),
      contentType: fc.constantFrom(CONTENT_TYPE.immutable, CONTENT_TYPE.ephemeral),
      priority: fc.constantFrom(...Object.values(OBJECT_PRIORITY)),
      minBandwidth: fc.nat(0xffffffff),
      ttl: fc.nat(246),
      size: fc.nat(0xffffffff),
      lock: fc.uint8Array({ minLength: 16, maxLength: 16 }),
      root: fc.uint8Array({ minLength: 32, maxLength: 32 }),
    });
    fc.assert(
      fc.property(headers, (h) => {
        expect(decodeHeader(encodeHeader(h))).toEqual({ ...h });
      }),
    );
  });

  const changed = (at: number, to: number) => {
    const bytes = fromHex(GOLDEN) ?? EMPTY;
    bytes[at] = to;
    return bytes;
  };

  test.each([
    ['version 0', changed(0, 0), 'unknown-version'],
    ['version 2', changed(0, 2), 'unknown-version'],
    ['content type 3', changed(1, 3), 'unknown-type'],
    ['priority 3', changed(2, 3), 'unknown-priority'],
    ['ttl 247', changed(7, 247), 'bad-ttl'],
    ['59 bytes', changed(0, 1).subarray(0, 59), 'malformed'],
    ['61 bytes', concat(changed(0, 1), Uint8Array.of(0)), 'malformed'],
    ['nothing', EMPTY, 'malformed'],
    ['a mutable one without its owner', changed(1, 1), 'malformed'],
    ['an immutable one with an owner', concat(changed(0, 1), new Uint8Array(104)), 'malformed'],
  ])('is refused: %s', (_what, bytes, reason) => {
    expect(decodeHeader(bytes)).toBe(reason);
  });

  test('with any byte changed is refused, or is exactly those bytes', () => {
    fc.assert(
      fc.property(fc.nat(59), fc.nat(255), (at, to) => {
        const bytes = changed(at, to);
        const decoded = decodeHeader(bytes);
        if (typeof decoded !== 'string') expect(encodeHeader(decoded)).toEqual(bytes);
      }),
    );
  });

  test('an owner belongs to mutable objects, and to them alone', () => {
    expect(() => encodeHeader({ ...header, contentType: CONTENT_TYPE.mutable })).toThrow(RangeError);
    expect(() => encodeHeader({ ...header, ownership })).toThrow(RangeError);
  });
});
