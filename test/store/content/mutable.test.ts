/** docs/protocol/store.md, "Mutable objects": signatures, sequences, forks. */
import { describe, expect, test } from 'vitest';
import { concat, utf8 } from '../../../src/core/bytes.ts';
import { SeededRandom } from '../../../src/core/random.ts';
import { sign, signingKeysOf } from '../../../src/crypto/signatures.ts';
import {
  isSigned,
  type MutableHeader,
  meetMutable,
  signMutable,
} from '../../../src/store/content/mutable.ts';
import { merkleRoot } from '../../../src/store/merkle.ts';
import { encodeHeader, OBJECT_PRIORITY } from '../../../src/store/object.ts';

const keys = signingKeysOf(new SeededRandom('owner').bytes(32));
const HOW = { priority: OBJECT_PRIORITY.normal, minBandwidth: 0, ttl: 100 };
const version = (sequence: bigint, text: string): MutableHeader =>
  signMutable(keys, sequence, HOW, text.length, merkleRoot(utf8(text)));

describe('the signature', () => {
  test('covers the first 100 bytes of the header, under the purpose "mutable"', () => {
    const header = version(7n, 'x');
    const bytes = encodeHeader(header);
    expect(header.ownership.signature).toEqual(sign(keys, 'mutable', bytes.subarray(0, 100)));
    expect(bytes.subarray(100)).toEqual(header.ownership.signature);
    expect(isSigned(header)).toBe(true);
  });

  test('does not stand for anything else', () => {
    const header = version(7n, 'x');
    const { ownership } = header;
    const other = (change: Partial<MutableHeader>) => isSigned({ ...header, ...change });
    expect(other({ ttl: 101 })).toBe(false);
    expect(other({ size: 2 })).toBe(false);
    expect(other({ root: new Uint8Array(32) })).toBe(false);
    expect(other({ ownership: { ...ownership, sequence: 8n } })).toBe(false);
    expect(
      other({
        ownership: { ...ownership, signature: concat(ownership.signature.slice(1), Uint8Array.of(0)) },
      }),
    ).toBe(false);
    expect(isSigned(version(0n, 'x'))).toBe(false); // sequences begin at 1
  });
});

describe('a version that is shown', () => {
  const known = { newest: version(7n, 'seven'), blockedUntil: 0 };
  test.each([
    ['of an owner not known', undefined, version(1n, 'one'), 'newer'],
    ['with a higher sequence', known, version(8n, 'eight'), 'newer'],
    ['with a lower one', known, version(6n, 'six'), 'stale'],
    ['again', known, version(7n, 'seven'), 'same'],
    ['with other content under the same sequence', known, version(7n, 'SEVEN'), 'fork'],
    ['of an owner that is blocked', { ...known, blockedUntil: 1001 }, version(8n, 'eight'), 'blocked'],
    ['of one no longer blocked', { ...known, blockedUntil: 1000 }, version(8n, 'eight'), 'newer'],
    [
      'that made the fork, when that is over',
      { ...known, blockedUntil: 1000 },
      version(7n, 'SEVEN'),
      'stale',
    ],
  ] as const)('%s', (_what, owner, header, expected) => {
    expect(meetMutable(owner, header, 1000)).toBe(expected);
  });

  test('again, under another signature of its owner, is no fork', () => {
    const seven = version(7n, 'seven');
    const other = { ...seven, ownership: { ...seven.ownership, signature: new Uint8Array(64) } };
    expect(meetMutable(known, other, 1000)).toBe('same');
  });
});
