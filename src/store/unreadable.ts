/**
 * The signed word of a recipient that it cannot open an object (docs/protocol/messages.md, "Unreadable"), so that the
 * sender may seal the body anew.
 */
import { concat, decode, equal } from '../core/bytes.ts';
import { SIGNATURE_LENGTH, verify } from '../crypto/signatures.ts';
import type { Identity } from '../identity/keys.ts';
import { NODE_ID_LENGTH, type NodeId, nodeIdFrom, nodeIdOf } from '../identity/node-id.ts';
import { type ObjectId, objectIdFrom } from './object.ts';

export const UNREADABLE_LENGTH = 112;

export interface Unreadable {
  readonly objectId: ObjectId;
  readonly recipient: NodeId;
  readonly signature: Uint8Array;
}

/** Says it as this identity. */
export function declareUnreadable(recipient: Identity, objectId: ObjectId): Unreadable {
  const signature = recipient.sign('unreadable', objectId, recipient.nodeId);
  return { objectId, recipient: recipient.nodeId, signature };
}

/** object id 32 | recipient 16 | signature 64. */
export function encodeUnreadable(u: Unreadable): Uint8Array {
  return concat(u.objectId, u.recipient, u.signature);
}

/** A record's body as what it says, unverified; undefined for any other length. */
export function decodeUnreadable(bytes: Uint8Array): Unreadable | undefined {
  return decode(bytes, (r) => ({
    objectId: objectIdFrom(r.raw(32).slice()),
    recipient: nodeIdFrom(r.raw(NODE_ID_LENGTH).slice()),
    signature: r.raw(SIGNATURE_LENGTH).slice(),
  }));
}

/** Whether the recipient itself, whose Ed25519 key this is, has said it. */
export function isGenuine(u: Unreadable, publicKey: Uint8Array): boolean {
  return (
    equal(nodeIdOf(publicKey), u.recipient) &&
    verify(publicKey, u.signature, 'unreadable', u.objectId, u.recipient)
  );
}
