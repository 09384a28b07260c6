/** Numbers in a file of their own beside the database. */
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { toHex } from '../../src/core/bytes.ts';
import { sealed, unsealed } from '../../src/db/checksum.ts';
import { Marks } from '../../src/db/marks.ts';
import { temporaryDirectory } from './directories.ts';

const file = () => join(temporaryDirectory(), 'db.marks');

test.each([true, false])(
  'are there again, written whole, for their owner alone (synced: %s)',
  async (synced) => {
    const path = file();
    const marks = new Marks(path, synced);
    expect(marks.get('handshake')).toBe(0);
    await Promise.all([
      marks.set('handshake', 1024),
      marks.set('freshness', 16),
      marks.set('handshake', 2048),
    ]);
    expect(readFileSync(path, 'utf8')).toBe('handshake 2048 87983b8c\nfreshness 16 92f88768\n');
    expect(statSync(path).mode & 0o777).toBe(0o600);
    const again = new Marks(path, synced);
    expect([again.get('handshake'), again.get('freshness')]).toEqual([2048, 16]);
  },
);

test('that are damaged are none, and the others stay', () => {
  const path = file();
  writeFileSync(path, 'handshake 2049 87983b8c\nfreshness 16 92f88768\nsomething else\n');
  const marks = new Marks(path, true);
  expect([marks.get('handshake'), marks.get('freshness')]).toEqual([0, 16]);
});

test('a value is sealed with the CRC-32 of its key and itself, and only they open it', () => {
  const text = (s: string) => new TextEncoder().encode(s);
  // CRC-32 of "123456789" is cbf43926, the check value of its catalogue
  expect(toHex(sealed(text('1234'), text('56789')))).toBe(`${toHex(text('56789'))}2639f4cb`);
  const bytes = sealed(text('1234'), text('56789'));
  expect(unsealed(text('1234'), bytes)).toEqual(text('56789'));
  expect(unsealed(text('1235'), bytes)).toBeUndefined();
  for (let bit = 0; bit < 8 * bytes.length; bit++) {
    const flipped = bytes.slice();
    flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    expect(unsealed(text('1234'), flipped)).toBeUndefined();
  }
  expect(unsealed(text('1234'), bytes.subarray(0, 3))).toBeUndefined();
});
