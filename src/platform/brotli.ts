/** Brotli (RFC 7932) by Node's zlib, set for texts of a few dozen to a few thousand bytes. */
import { brotliCompressSync, brotliDecompressSync, constants } from 'node:zlib';
import type { TextCodec } from '../core/compression.ts';

const PARAMETERS = {
  [constants.BROTLI_PARAM_MODE]: constants.BROTLI_MODE_TEXT,
  [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY,
  // of all window sizes only 2^16 is coded in one bit (RFC 7932, section 9.1)
  [constants.BROTLI_PARAM_LGWIN]: 16,
};

export const brotli: TextCodec = {
  compress(bytes) {
    const params = { ...PARAMETERS, [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length };
    return Uint8Array.from(brotliCompressSync(bytes, { params }));
  },

  decompress(bytes, maxBytes) {
    try {
      return Uint8Array.from(brotliDecompressSync(bytes, { maxOutputLength: Math.max(maxBytes, 1) }));
    } catch {
      // the options are constant: what is left to fail is the input
      return undefined;
    }
  },
};
