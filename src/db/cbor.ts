/** Values as CBOR (RFC 8949), for records that are read by this box alone: nothing here goes on air or is signed. */
import { Encoder } from 'cbor-x';
import * as v from 'valibot';
import type { ValueCodec } from './db.ts';

/** Plain maps without cbor-x's record extension, and byte strings without a tag. */
const encoder = new Encoder({ useRecords: false, variableMapSize: true, tagUint8Array: false });

/**
 * A value that `schema` describes, in at most `maxBytes` bytes; both are checked in both directions, so that nothing
 * is written that cannot be read. The schema does not transform. No bigint: a small one comes back as a number.
 */
export function cbor<T>(schema: v.GenericSchema<T, T>, maxBytes: number): ValueCodec<T> {
  const bounded = (bytes: Uint8Array) => {
    if (bytes.length > maxBytes) throw new RangeError(`${bytes.length} bytes of CBOR, more than ${maxBytes}`);
    return bytes;
  };
  return {
    encode: (value) => bounded(encoder.encode(v.parse(schema, value))),
    decode: (bytes) => v.parse(schema, encoder.decode(bounded(bytes))),
  };
}
