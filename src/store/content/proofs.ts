/**
 * Proofs of storage (docs/protocol/store.md): *tokens*, made by the giver while it has the object, which only the whole
 * of it answers, for slow links; *segments*, which the giver checks against the root alone, for fast ones.
 */
import { equal } from '../../core/bytes.ts';
import { below, type Random } from '../../core/random.ts';
import { blake2b } from '../../crypto/hashes.ts';
import { isSegment, segmentCount } from '../merkle.ts';
import type { ObjectHeader } from '../object.ts';
import { type Challenge, decodeSegmentProof, decodeTagProof, NONCE_LENGTH, TAG_LENGTH } from './records.ts';

/** Whoever answers has to read all of the object. */
export const MOST_TOKEN_BYTES = 2 ** 20;

/** Asked once: afterwards its answer is known. */
export interface Token {
  readonly nonce: Uint8Array;
  readonly tag: Uint8Array;
}

/** BLAKE2b-64 of the object, keyed with the nonce: 8 bytes. */
export function tagOf(nonce: Uint8Array, bytes: Uint8Array): Uint8Array {
  return blake2b(bytes, TAG_LENGTH, nonce);
}

/** `count` tokens for an object of at most `MOST_TOKEN_BYTES`. */
export function makeTokens(bytes: Uint8Array, count: number, random: Random): Token[] {
  return Array.from({ length: count }, () => {
    const nonce = random.bytes(NONCE_LENGTH);
    return { nonce, tag: tagOf(nonce, bytes) };
  });
}

/** Asks for a segment at random. */
export function segmentChallenge(objectId: Uint8Array, size: number, random: Random): Challenge {
  return { objectId, segment: below(random, segmentCount(size)) };
}

/** Whether the body of a `proof` answers the challenge; `token` is the one whose nonce was asked. */
export function answers(
  challenge: Challenge,
  body: Uint8Array,
  { root, size }: ObjectHeader,
  token: Token | undefined,
): boolean {
  if ('nonce' in challenge) {
    const tag = decodeTagProof(body);
    return tag !== undefined && token !== undefined && equal(tag, token.tag);
  }
  const proof = decodeSegmentProof(body);
  return proof !== undefined && isSegment(size, root, challenge.segment, proof);
}
