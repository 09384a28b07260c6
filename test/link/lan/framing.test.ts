/** docs/protocol/link.md, "The LAN": the bytes of a connection. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { concat, fromHex, toHex } from '../../../src/core/bytes.ts';
import { Deframer, framed, KEEP_ALIVE, MTU, type Piece, preamble } from '../../../src/link/lan/framing.ts';

const hex = (text: string) => fromHex(text.replaceAll(' ', '')) as Uint8Array;
const INSTANCE = hex('01 02 03 04 05 06 07 08');
const START = preamble(INSTANCE);

const show = (piece: Piece): string => {
  if (piece.is === 'frame') return `frame ${toHex(piece.bytes)}`;
  if (piece.is === 'preamble') return `preamble ${toHex(piece.instance)}`;
  return piece.is === 'refused' ? `refused ${piece.reason}` : piece.is;
};
const read = (...chunks: readonly Uint8Array[]) => {
  const deframer = new Deframer();
  return chunks.flatMap((c) => deframer.push(c).map(show));
};

describe('golden bytes', () => {
  test('the preamble is NXL, the version, and the instance', () => {
    expect(toHex(START)).toBe('4e584c010102030405060708');
  });
  test('a frame is behind its length', () => {
    expect(toHex(framed(hex('aa bb cc')))).toBe('0300aabbcc');
    expect(toHex(framed(new Uint8Array(MTU)).subarray(0, 2))).toBe('0020');
  });
  test('a keep-alive is a frame of no bytes', () => {
    expect(toHex(KEEP_ALIVE)).toBe('0000');
  });
  test('and all of them are read back', () => {
    expect(read(hex('4e584c01 0102030405060708 0300aabbcc 0000 0100dd'))).toEqual([
      'preamble 0102030405060708',
      'frame aabbcc',
      'keep-alive',
      'frame dd',
    ]);
  });
});

test.each([
  ['another protocol', hex('47'), 'preamble'],
  ['another protocol from the fourth byte on', hex('4e 58 4c 20'), 'preamble'],
  ['another version', hex('4e 58 4c 02 0102030405060708'), 'preamble'],
  ['a frame longer than the mtu', concat(START, hex('01 20')), 'length'],
])('%s is refused, and nothing after it is read', (_what, bytes, reason) => {
  const deframer = new Deframer();
  expect(deframer.push(bytes).map(show).at(-1)).toBe(`refused ${reason}`);
  expect(deframer.push(concat(START, framed(hex('aa'))))).toEqual([]);
});

test('frames that the medium does not carry are the sender’s mistake', () => {
  expect(() => framed(new Uint8Array(0))).toThrow(RangeError);
  expect(() => framed(new Uint8Array(MTU + 1))).toThrow(RangeError);
});

test('however the stream is cut, the same pieces come out', () => {
  const frames = fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 8 });
  fc.assert(
    fc.property(frames, fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1 }), (all, cuts) => {
      const stream = concat(START, ...all.map((f) => (f.length > 0 ? framed(f) : KEEP_ALIVE)));
      const chunks: Uint8Array[] = [];
      for (let at = 0, i = 0; at < stream.length; i++) {
        const n = cuts[i % cuts.length] ?? 1;
        chunks.push(stream.subarray(at, at + n));
        at += n;
      }
      expect(read(...chunks)).toEqual(read(stream));
      expect(read(stream)).toHaveLength(all.length + 1);
    }),
  );
});

test('a frame holds none of the buffer it came in', () => {
  const chunk = concat(START, framed(hex('aa bb')), hex('02'));
  const deframer = new Deframer();
  const pieces = deframer.push(chunk);
  chunk.fill(0xff);
  expect(pieces.map(show)).toEqual(['preamble 0102030405060708', 'frame aabb']);
  expect(deframer.push(hex('00 cc dd')).map(show)).toEqual(['frame ccdd']);
});

test('it says whether a piece is incomplete', () => {
  const deframer = new Deframer();
  expect(deframer.midway).toBe(false);
  for (const [bytes, midway] of [
    [START.subarray(0, 5), true],
    [START.subarray(5), false],
    [hex('02'), true],
    [hex('00'), true],
    [hex('aa'), true],
    [hex('bb'), false],
  ] as const) {
    deframer.push(bytes);
    expect(deframer.midway).toBe(midway);
  }
});

test('arbitrary bytes never throw', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 64 })), fc.boolean(), (chunks, begun) => {
      read(...(begun ? [START] : []), ...chunks);
    }),
  );
});
