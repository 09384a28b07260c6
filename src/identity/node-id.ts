/** A node's name on the network: derived from its key, so that nobody gives it and nobody else can take it. */
import { equal, fromHex, toHex } from '../core/bytes.ts';
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

/** NodeIds and their keys as asked for lately, each at the place that its first bytes say. */
const KEPT_KEYS = 4096;
const keptKeys: ({ readonly id: Uint8Array; readonly key: string } | undefined)[] = new Array(KEPT_KEYS);

/** 32 hex digits: the key of maps, and how people see it. */
export function nodeIdKey(id: NodeId): string {
  // the same few are asked for with every frame, and a string made anew is hashed anew by every map
  const place = (((id[0] as number) << 8) | (id[1] as number)) % KEPT_KEYS;
  const kept = keptKeys[place];
  if (kept && equal(kept.id, id)) return kept.key;
  const key = toHex(id);
  keptKeys[place] = { id: id.slice(), key };
  return key;
}

/** Back from what `nodeIdKey` gave. */
export function nodeIdFromKey(key: string): NodeId {
  const bytes = fromHex(key);
  if (!bytes) throw new RangeError(`a NodeId written as ${key}`);
  return nodeIdFrom(bytes);
}
