import { bech32, bech32m } from '@scure/base';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { concat } from '../../src/core/bytes.ts';
import { PersonError } from '../../src/core/errors.ts';
import { encodeContactCode, parseContactCode } from '../../src/identity/contact-code.ts';
import { Identity } from '../../src/identity/keys.ts';
import { nodeIdFrom } from '../../src/identity/node-id.ts';

const { publicKey } = new Identity(Uint8Array.from({ length: 32 }, (_, i) => i));
const box = (fill: number) => nodeIdFrom(new Uint8Array(16).fill(fill));
const code = encodeContactCode({ publicKey, mailboxes: [] });
const withMailboxes = encodeContactCode({ publicKey, mailboxes: [box(1), box(2)] });
const encoded = (bytes: Uint8Array, prefix = 'nxs') => bech32m.encode(prefix, bech32m.toWords(bytes), 512);

function refusal(text: string): PersonError {
  try {
    parseContactCode(text);
  } catch (e) {
    if (e instanceof PersonError) return e;
    throw e;
  }
  throw new Error('was accepted');
}

describe('golden text', () => {
  test('of a key alone, and of one with two mailboxes', () => {
    expect(code).toBe('nxs1qwss00lnecgtu8tsm5vwwj7qn9n7f43snwjs6hcamjrxgyj4xxuqm9e6lh');
    expect(withMailboxes).toBe(
      'nxs1qwss00lnecgtu8tsm5vwwj7qn9n7f43snwjs6hcamjrxgyj4xxuqzqgpqyqszqgpqyqszqgpqyqszqszqgpqyqszqgpqyqszqgpqyqsdlf0zf',
    );
  });
});

describe('a contact code', () => {
  test('has 62, 87 or 113 characters and gives back what went in', () => {
    for (const mailboxes of [[], [box(1)], [box(1), box(2)]]) {
      const text = encodeContactCode({ publicKey, mailboxes });
      expect(text).toHaveLength([62, 87, 113][mailboxes.length] ?? 0);
      expect(parseContactCode(text)).toEqual({ publicKey, mailboxes });
    }
    expect(() => encodeContactCode({ publicKey, mailboxes: [box(1), box(2), box(3)] })).toThrow(RangeError);
  });

  test('may have white space around it, and be all in capitals as in a QR code', () => {
    expect(parseContactCode(`  ${code}\r\n`).publicKey).toEqual(publicKey);
    expect(parseContactCode(code.toUpperCase()).publicKey).toEqual(publicKey);
  });
});

describe('is refused with a sentence that says what is wrong', () => {
  test.each([
    ['another prefix', encoded(publicKey, 'npub'), 'begins with nxs1'],
    ['nothing', '', 'begins with nxs1'],
    ['a name', 'relay', 'begins with nxs1'],
    ['capitals within', code.slice(0, 30) + code.slice(30).toUpperCase(), 'mixes capital and small'],
    ['its end cut off', code.slice(0, -1), 'checksum'],
    ['only its prefix', 'nxs1', 'checksum'],
    ['white space within', `${code.slice(0, 20)} ${code.slice(20)}`, 'checksum'],
    ['bech32 instead of bech32m', bech32.encode('nxs', bech32.toWords(publicKey)), 'checksum'],
    ['a longer prefix', encoded(publicKey, 'nxs1x'), 'checksum'],
    ['31 bytes', encoded(publicKey.subarray(1)), 'holds 31 bytes'],
    ['no bytes', encoded(new Uint8Array(0)), 'holds 0 bytes'],
    ['80 bytes', encoded(concat(publicKey, new Uint8Array(48))), 'holds 80 bytes'],
    ['33 bytes', encoded(concat(publicKey, new Uint8Array(1))), 'holds 33 bytes'],
    ['a key of small order', encoded(new Uint8Array(32)), 'no valid key'],
    ['a key that is no point', encoded(Uint8Array.of(2, ...new Uint8Array(31))), 'no valid key'],
  ])('%s', (_what, text, words) => {
    const { code, message } = refusal(text);
    expect(code).toBe('bad-contact');
    expect(message).toContain(words);
  });

  test('any one character changed', () => {
    const alphabet = 'qpzry9x8gf2tvdw0s3jn54khce6mua7l';
    for (const text of [code, withMailboxes])
      fc.assert(
        fc.property(fc.integer({ min: 4, max: text.length - 1 }), fc.nat(31), (at, to) => {
          const letter = alphabet[to] as string;
          fc.pre(letter !== text[at]);
          expect(refusal(text.slice(0, at) + letter + text.slice(at + 1)).message).toContain('checksum');
        }),
      );
  });

  test('whatever else somebody types', () => {
    fc.assert(
      fc.property(fc.string(), fc.boolean(), (text, prefixed) => {
        expect(refusal(prefixed ? `nxs1${text}` : text)).toBeInstanceOf(PersonError);
      }),
    );
  });
});
