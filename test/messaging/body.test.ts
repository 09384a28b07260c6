/** docs/protocol/messages.md, "Body". */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { concat, EMPTY, fromHex, toHex, utf8 } from '../../src/core/bytes.ts';
import type { TextCodec } from '../../src/core/compression.ts';
import { PersonError } from '../../src/core/errors.ts';
import { SeededRandom } from '../../src/core/random.ts';
import {
  BODY_HEAD_LENGTH,
  decodeBody,
  encodeBody,
  LONGEST_TEXT,
  TEXT_ROOM,
} from '../../src/messaging/body.ts';
import { FIRST_CONTACT_OVERHEAD } from '../../src/messaging/first-contact.ts';
import { brotli } from '../../src/platform/brotli.ts';
import { INLINE_LIMIT } from '../../src/store/object.ts';

const WHEN = 30_000_000;
const encode = (text: string) => encodeBody({ sentAtMinutes: WHEN, text }, brotli);

describe('golden bytes', () => {
  test('kind u8 | sent-at u32 | text, as it is where compression does not pay', () => {
    const { codec, bytes } = encode('ok');
    expect(codec).toBe(0);
    expect(toHex(bytes)).toBe('0080c3c9016f6b');
  });

  test('a compressed text is read', () => {
    const bytes = concat(fromHex('0080c3c901') ?? EMPTY, fromHex('1b6300f825c202b140a003') ?? EMPTY);
    expect(decodeBody({ codec: 1, bytes }, brotli)).toEqual({
      kind: 'text',
      sentAtMinutes: WHEN,
      text: 'a'.repeat(100),
    });
  });
});

/** 100 bytes of English each. */
const ENGLISH = [
  'The pump at the north well is running again, please bring two spare filters when you come on Monday.',
  'Meet me at the station at half past seven, the train from the city is late again and it is raining.x',
  'We have water and bread for three more days. The road over the pass is open, but drive with care ok?',
];

describe('size on the way', () => {
  test('100 bytes of English are at most 83 + 1 + 5 + 80 bytes as a first contact', () => {
    for (const text of ENGLISH) {
      expect(utf8(text)).toHaveLength(100);
      const { codec, bytes } = encode(text);
      expect(codec).toBe(1);
      expect(FIRST_CONTACT_OVERHEAD + bytes.length).toBeLessThanOrEqual(169);
    }
  });

  test('no text costs more than its own bytes and the head', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 60 }), (text) => {
        expect(encode(text).bytes.length).toBeLessThanOrEqual(BODY_HEAD_LENGTH + utf8(text).length);
      }),
      { numRuns: 30 },
    );
  });
});

describe('a text', () => {
  test('comes back as it was, whatever is in it', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'grapheme', maxLength: 200 }),
        fc.nat(0xffffffff),
        (text, sentAtMinutes) => {
          const body = encodeBody({ sentAtMinutes, text }, brotli);
          expect(decodeBody(body, brotli)).toEqual({ kind: 'text', sentAtMinutes, text });
        },
      ),
    );
  });

  test('may have 16,384 bytes where it compresses into one object', () => {
    const text = 'abc '.repeat(LONGEST_TEXT / 4);
    const body = encode(text);
    expect(decodeBody(body, brotli)).toMatchObject({ text });
    expect(() => encode(`${text}!`)).toThrow(expect.objectContaining({ code: 'too-long' }));
    expect(() => encode(`${text}!`)).toThrow(PersonError);
  });

  test('that does not compress may fill the object to its last byte', () => {
    const letters = new SeededRandom('noise').bytes(TEXT_ROOM);
    const noise: TextCodec = { compress: (b) => concat(b, b), decompress: () => undefined };
    const text = String.fromCharCode(...letters.map((b) => b & 0x7f));
    const full = encodeBody({ sentAtMinutes: WHEN, text }, noise);
    expect(FIRST_CONTACT_OVERHEAD + full.bytes.length).toBe(INLINE_LIMIT);
    expect(() => encodeBody({ sentAtMinutes: WHEN, text: `${text}!` }, noise)).toThrow(
      expect.objectContaining({ code: 'too-long' }),
    );
  });
});

describe('what this version cannot show', () => {
  const bytes = encode('ok').bytes;
  const unsupported = (reason: string) => ({ kind: 'unsupported', reason, sentAtMinutes: WHEN });

  test('another kind, another codec', () => {
    for (let kind = 1; kind < 256; kind++)
      expect(decodeBody({ codec: 0, bytes: concat(Uint8Array.of(kind), bytes.subarray(1)) }, brotli)).toEqual(
        unsupported('unknown-kind'),
      );
    for (let codec = 2; codec < 16; codec++)
      expect(decodeBody({ codec, bytes }, brotli)).toEqual(unsupported('unknown-codec'));
  });

  test('a text that is not UTF-8, one that does not decompress, one that unfolds without end', () => {
    const head = bytes.subarray(0, 5);
    const text = (codec: number, stored: Uint8Array) =>
      decodeBody({ codec, bytes: concat(head, stored) }, brotli);
    expect(text(0, Uint8Array.of(0xff))).toEqual(unsupported('malformed'));
    expect(text(1, utf8('not brotli'))).toEqual(unsupported('malformed'));
    expect(text(1, brotli.compress(Uint8Array.of(0xff)))).toEqual(unsupported('malformed'));
    expect(text(1, brotli.compress(new Uint8Array(LONGEST_TEXT + 1)))).toEqual(unsupported('malformed'));
  });

  test('a body without a whole head', () => {
    for (let length = 0; length < 5; length++)
      expect(decodeBody({ codec: 0, bytes: bytes.subarray(0, length) }, brotli)).toEqual({
        kind: 'unsupported',
        reason: 'malformed',
      });
  });
});
