/**
 * Receipt by lock (docs/protocol/messages.md): whoever shows the secret of 16 bytes whose lock an object's header
 * carries has opened it. Relays check this with one hash and nobody's key.
 */
import { blake3 } from './hashes.ts';
import { constantTimeEqual } from './secret.ts';

export const LOCK_LENGTH = 16;
export const SECRET_LENGTH = 16;

/** The lock of a secret: its BLAKE3 cut to 16 bytes. */
export function lockOf(secret: Uint8Array): Uint8Array {
  return blake3(secret, LOCK_LENGTH);
}

/** Whether `secret` opens `lock`. False for anything of a wrong length. */
export function opensLock(secret: Uint8Array, lock: Uint8Array): boolean {
  return secret.length === SECRET_LENGTH && constantTimeEqual(lockOf(secret), lock);
}
