/** Golden bytes of the records about content (docs/protocol/link.md, 48–60). */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { fromHex, toHex } from '../../../src/core/bytes.ts';
import { decodeHead, encodeHeadAlone, encodeHeadWith } from '../../../src/store/content/head.ts';
import {
  decodeChallenge,
  decodeChunk,
  decodeDeclined,
  decodeDetached,
  decodeLeaves,
  decodeLookup,
  decodePiece,
  decodeSegmentProof,
  decodeTagProof,
  encodeChallenge,
  encodeChunk,
  encodeDeclined,
  encodeLeaves,
  encodeLookup,
  encodePiece,
  encodeSegmentProof,
  encodeTagProof,
} from '../../../src/store/content/records.ts';
import { CONTENT_TYPE, headerFor, NO_LOCK, OBJECT_PRIORITY, objectIdOf } from '../../../src/store/object.ts';

const hex = (text: string) => fromHex(text.replaceAll(/[\s|]/g, '')) as Uint8Array;
const ID = '0001020304050607';
const objectId = hex(ID);
const same = (bytes: Uint8Array, text: string) => expect(toHex(bytes)).toBe(toHex(hex(text)));
const [A, B] = ['aa'.repeat(32), 'bb'.repeat(32)];

describe('golden bytes', () => {
  test('ask-leaves, ask-chunk: object id 8 | index u32', () => {
    same(encodePiece({ objectId, index: 0x01020304 }), `${ID} 04030201`);
    expect(decodePiece(hex(`${ID} 04030201`))).toEqual({ objectId, index: 0x01020304 });
  });
  test('leaves: object id 8 | page u32 | siblings: count u8, 32 each | leaves', () => {
    const l = { objectId, index: 1, path: [hex(A)], leaves: [hex(B), hex(A)] };
    same(encodeLeaves(l), `${ID} 01000000 01 ${A} ${B} ${A}`);
    expect(decodeLeaves(encodeLeaves(l))).toEqual(l);
  });
  test('chunk: object id 8 | index u32 | bytes', () => {
    const c = { objectId, index: 2, chunk: hex('cafe') };
    same(encodeChunk(c), `${ID} 02000000 cafe`);
    expect(decodeChunk(encodeChunk(c))).toEqual(c);
  });
  test('lookup: owner key 32 | above u64', () => {
    const l = { owner: hex(A), above: 0x0102n };
    same(encodeLookup(l), `${A} 0201000000000000`);
    expect(decodeLookup(encodeLookup(l))).toEqual(l);
  });
  test('challenge: object id 8 | segment u32, or nonce 8', () => {
    same(encodeChallenge({ objectId, segment: 3 }), `${ID} 03000000`);
    same(encodeChallenge({ objectId, nonce: objectId }), `${ID} ${ID}`);
    expect(decodeChallenge(hex(`${ID} 03000000`))).toEqual({ objectId, segment: 3 });
    expect(decodeChallenge(hex(`${ID} ${ID}`))).toEqual({ objectId, nonce: objectId });
  });
  test('proof: object id 8 | siblings: count u8, 32 each | segment, or tag 8', () => {
    const proof = { segment: hex('cafe'), siblings: [hex(A), hex(B)] };
    same(encodeSegmentProof(objectId, proof), `${ID} 02 ${A} ${B} cafe`);
    expect(decodeSegmentProof(encodeSegmentProof(objectId, proof))).toEqual(proof);
    same(encodeTagProof(objectId, hex(ID)), `${ID} ${ID}`);
    expect(decodeTagProof(hex(`${ID} ${ID}`))).toEqual(hex(ID));
  });
  test('declined: object id 8 | reason u8', () => {
    same(encodeDeclined(objectId, 'policy'), `${ID} 01`);
    expect(['00', '01', '02', '03'].map((r) => decodeDeclined(hex(ID + r)))).toEqual([
      'full',
      'policy',
      'malformed',
      undefined,
    ]);
  });
  test('head: a header alone says size and root, one with its bytes neither', () => {
    const properties = {
      contentType: CONTENT_TYPE.immutable,
      priority: OBJECT_PRIORITY.normal,
      minBandwidth: 0,
      ttl: 0xd5,
    };
    const header = headerFor(properties, NO_LOCK, hex('616263'));
    const root = '5ebca37212f917bac70d580a6d0cb5ebda66944caa9a0905b21c455aac58c3f2';
    same(encodeHeadAlone(header, 0), `44 d5 03000000 ${root}`);
    same(encodeHeadWith(hex('616263'), header, 0), '04 d5 616263');
    // an hour of its time is over: travel, of which the age is a log byte, rounded up
    same(encodeHeadWith(hex('616263'), header, 3_600_000), '14 d5 00 40 5f 0000 616263');
    expect(decodeHead(hex(`44 d5 03000000 ${root}`))).toEqual({ header, ageMs: 0, bytes: undefined });
    expect(decodeHead(hex('04 d5 616263'))).toEqual({ header, ageMs: 0, bytes: hex('616263') });
    expect(objectIdOf(header)).toHaveLength(32);
  });
});

describe('refused:', () => {
  test.each([
    ['a chunk of 4,097 bytes', () => decodeChunk(new Uint8Array(12 + 4097))],
    ['a chunk without its index', () => decodeChunk(new Uint8Array(11))],
    ['a page without leaves', () => decodeLeaves(new Uint8Array(13))],
    ['a page of 129 leaves', () => decodeLeaves(new Uint8Array(13 + 129 * 32))],
    ['a page of half a leaf', () => decodeLeaves(new Uint8Array(13 + 16))],
    ['more siblings than any tree has', () => decodeLeaves(new Uint8Array(13 + 10 * 32).fill(9, 12, 13))],
    ['a segment of 257 bytes', () => decodeSegmentProof(new Uint8Array(9 + 257))],
    ['a challenge of neither kind', () => decodeChallenge(new Uint8Array(13))],
    ['a header alone that is not', () => decodeDetached(hex('04 d5 616263'))],
    ['an object whose time is over', () => decodeHead(hex('14 00 00 40 01 0000 616263'))],
    ['a ttl of centuries', () => decodeHead(hex('04 f7 616263'))],
  ])('%s', (_what, read) => {
    expect(read()).toBeUndefined();
  });
});

test('whatever comes is read or refused, and never throws', () => {
  const readers = [decodeChunk, decodeLeaves, decodeLookup, decodePiece, decodeChallenge, decodeHead];
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      for (const read of [...readers, decodeSegmentProof, decodeTagProof, decodeDeclined, decodeDetached])
        read(bytes);
    }),
    { numRuns: 500 },
  );
});
