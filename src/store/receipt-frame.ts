/** Receipt, kind 6: a secret, nothing else (docs/protocol/messages.md, "Receipt by lock"). */
import { decode, Writer } from '../core/bytes.ts';
import { SECRET_LENGTH } from '../crypto/lock.ts';
import { firstByte, KIND } from '../link/frame.ts';

/** The whole frame, 17 bytes. */
export function encodeReceiptFrame(secret: Uint8Array): Uint8Array {
  return new Writer(1 + SECRET_LENGTH).u8(firstByte(KIND.receipt)).raw(secret).bytes();
}

/** The secret of a whole frame; undefined where it is malformed. */
export function decodeReceiptFrame(frame: Uint8Array): Uint8Array | undefined {
  return decode(frame, (r) => {
    r.u8();
    return r.raw(SECRET_LENGTH).slice();
  });
}
