/** Four bytes behind every value: what a failing disk or card changes within a page, the pages' own form does not show. */
import { crc32 } from 'node:zlib';

const LENGTH = 4;

/** `value`, then CRC-32 (ISO-HDLC) over key and value, little-endian. */
export function sealed(key: Uint8Array, value: Uint8Array): Uint8Array {
  const out = new Uint8Array(value.length + LENGTH);
  out.set(value);
  new DataView(out.buffer).setUint32(value.length, crc32(value, crc32(key)), true);
  return out;
}

/** A copy of the value; undefined where it is not what was written under that key. */
export function unsealed(key: Uint8Array, bytes: Uint8Array): Uint8Array | undefined {
  if (bytes.length < LENGTH) return undefined;
  const value = new Uint8Array(bytes.subarray(0, bytes.length - LENGTH));
  const view = new DataView(bytes.buffer, bytes.byteOffset + value.length, LENGTH);
  return view.getUint32(0, true) === crc32(value, crc32(key)) ? value : undefined;
}
