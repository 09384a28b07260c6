/** The freshness chain of an announce (docs/protocol/mesh.md, "Announce"). */
import { concat, utf8, Writer } from '../core/bytes.ts';
import { blake2b } from '../crypto/hashes.ts';
import type { NodeId } from '../identity/node-id.ts';

export const CHAIN_STEPS = 4096;
const LABEL = utf8('nexus/1 fresh');

/** x_i from x_{i+1}, 8 bytes. */
export function previousStep(nodeId: NodeId, sequence: bigint, next: Uint8Array): Uint8Array {
  return blake2b(concat(LABEL, nodeId, new Writer(8).u64(sequence).bytes(), next), 8);
}

/**
 * x_0 of the chain of one announce: 4,096 hashes from its end. The end follows from the node's own secret and the
 * sequence, so that nothing but the sequence is kept.
 */
export function anchorOf(nodeId: NodeId, chainSecret: Uint8Array, sequence: bigint): Uint8Array {
  let x = blake2b(new Writer(8).u64(sequence).bytes(), 8, chainSecret);
  for (let i = 0; i < CHAIN_STEPS; i++) x = previousStep(nodeId, sequence, x);
  return x;
}

/** The secret that ends all chains of a node, from its 32-byte seed. */
export function chainSecretOf(seed: Uint8Array): Uint8Array {
  return blake2b(LABEL, 32, seed);
}
