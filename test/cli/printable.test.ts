import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { printable, printableLines } from '../../src/cli/printable.ts';

/** What moves cursors, retypes titles or turns text around: C0, DEL, C1, and the direction controls of UAX #9. */
const DANGEROUS =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]/;

describe('what strangers wrote does not drive the terminal', () => {
  test('escape sequences are shown, not obeyed', () => {
    expect(printable('\x1b[2Jgone\x07')).toBe('\\u001b[2Jgone\\u0007');
    expect(printable('\u009b31m')).toBe('\\u009b31m');
  });

  test('a text cannot be turned around', () => {
    expect(printable('abc\u202egpj.exe')).toBe('abc\\u202egpj.exe');
  });

  test('ordinary text of any script stays as it is', () => {
    for (const text of ['Grüße', 'שלום', '日本語', '👩‍👩‍👧', 'नमस्ते', 'می‌خواهم'])
      expect(printable(text)).toBe(text);
  });

  test('whatever comes in, nothing dangerous comes out', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(printable(text)).not.toMatch(DANGEROUS);
        expect(printableLines(text).join('')).not.toMatch(DANGEROUS);
      }),
    );
  });

  test('JSON made printable is the same JSON', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const shown = printable(JSON.stringify({ text }));
        expect(shown).not.toMatch(DANGEROUS);
        expect(JSON.parse(shown)).toEqual({ text });
      }),
    );
  });

  test('lines of a text stay lines', () => {
    expect(printableLines('one\ntwo\r\nthree\rfour')).toEqual(['one', 'two', 'three\\u000dfour']);
  });
});
