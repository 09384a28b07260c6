import { brotliCompressSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { EMPTY, utf8 } from '../../src/core/bytes.ts';
import { brotli } from '../../src/platform/brotli.ts';

describe('brotli', () => {
  test('gives back what went in', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 500 }), (bytes) => {
        expect(brotli.decompress(brotli.compress(bytes), 500)).toEqual(bytes);
      }),
      { numRuns: 50 },
    );
  });

  test('stops at the bound: a bomb of a few bytes is refused', () => {
    const bomb = new Uint8Array(brotliCompressSync(new Uint8Array(1 << 20)));
    expect(bomb.length).toBeLessThan(100);
    expect(brotli.decompress(bomb, 16_384)).toBeUndefined();
    expect(brotli.decompress(brotli.compress(new Uint8Array(16_384)), 16_384)).toHaveLength(16_384);
    expect(brotli.decompress(brotli.compress(new Uint8Array(16_385)), 16_384)).toBeUndefined();
  });

  test('damaged bytes are refused and do not throw', () => {
    const whole = brotli.compress(utf8('Hello from the roof'));
    for (let length = 0; length < whole.length; length++)
      expect(brotli.decompress(whole.subarray(0, length), 1000)).toBeUndefined();
    expect(brotli.decompress(EMPTY, 1000)).toBeUndefined();
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        const out = brotli.decompress(bytes, 1000);
        if (out) expect(out.length).toBeLessThanOrEqual(1000);
      }),
    );
  });
});
