/** A node's name on the network: derived from its key, so that nobody gives it and nobody else can take it. */
import { fromHex, toHex } from '../core/bytes.ts';
import { blake2b } from '../crypto/hashes.ts';

export const NODE_ID_LENGTH = 16;

declare const nodeId: unique symbol;
/** The first 16 bytes of BLAKE2b-256 of the node's Ed25519 public key (docs/protocol/link.md, Identity). */
export type NodeId = Uint8Array & { readonly [nodeId]: true };

export function nodeIdOf(publicKey: Uint8Array): NodeId {
  return blake2b(publicKey, 32).slice(0, NODE_ID_LENGTH) as NodeId;
}

/** 16 bytes off the wire as a NodeId, not copied; another length is a programmer's error. Whose it is, only a key shows. */
export function nodeIdFrom(bytes: Uint8Array): NodeId {
  if (bytes.length !== NODE_ID_LENGTH) throw new RangeError(`a NodeId of ${bytes.length} bytes`);
  return bytes as NodeId;
}

/** 32 hex digits: the key of maps, and how people see it. */
export function nodeIdKey(id: NodeId): string {
  return toHex(id);
}

/** Back from what `nodeIdKey` gave. */
export function nodeIdFromKey(key: string): NodeId {
  const bytes = fromHex(key);
  if (!bytes) throw new RangeError(`a NodeId written as ${key}`);
  return nodeIdFrom(bytes);
}
