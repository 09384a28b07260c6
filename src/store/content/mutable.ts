/**
 * Mutable objects (docs/protocol/store.md, "Mutable objects"): one key owns one, and says by signature and sequence
 * what it holds now.
 */

import { equal } from '../../core/bytes.ts';
import { SIGNATURE_LENGTH, type SigningKeys, sign, verify } from '../../crypto/signatures.ts';
import {
  CONTENT_TYPE,
  encodeHeader,
  headerOver,
  MUTABLE_HEADER_LENGTH,
  NO_LOCK,
  type ObjectHeader,
  type ObjectProperties,
  type Ownership,
} from '../object.ts';

/** A header with the ownership that only mutable objects have. */
export type MutableHeader = ObjectHeader & { readonly ownership: Ownership };

const SIGNED_LENGTH = MUTABLE_HEADER_LENGTH - SIGNATURE_LENGTH;

/** What an owner signs, under the purpose `mutable`: the header up to the signature, 100 bytes. */
function signedPart(header: MutableHeader): Uint8Array {
  return encodeHeader(header).subarray(0, SIGNED_LENGTH);
}

/** The header of version `sequence` (from 1) over bytes of this size and root, signed by their owner. */
export function signMutable(
  keys: SigningKeys,
  sequence: bigint,
  properties: Omit<ObjectProperties, 'contentType'>,
  size: number,
  root: Uint8Array,
): MutableHeader {
  const unsigned = { owner: keys.publicKey, sequence, signature: new Uint8Array(SIGNATURE_LENGTH) };
  const header = headerOver(
    { ...properties, contentType: CONTENT_TYPE.mutable },
    NO_LOCK,
    size,
    root,
    unsigned,
  );
  const signature = sign(keys, 'mutable', signedPart({ ...header, ownership: unsigned }));
  return { ...header, ownership: { ...unsigned, signature } };
}

export function isMutable(header: ObjectHeader): header is MutableHeader {
  return header.ownership !== undefined;
}

/** Whether its owner signed it; sequences begin at 1. */
export function isSigned(header: MutableHeader): boolean {
  const { owner, sequence, signature } = header.ownership;
  return sequence > 0n && verify(owner, signature, 'mutable', signedPart(header));
}

/** What is known of an owner, as far as it decides. */
export interface KnownOwner {
  readonly newest: MutableHeader;
  /** Own time, ms; 0: it is not blocked. */
  readonly blockedUntil: number;
}

/**
 * What a header that is signed means beside what is known: two statements under one sequence are a *fork*, by
 * whichever of the two it comes. Another signature over the same statement is none.
 */
export function meetMutable(
  known: KnownOwner | undefined,
  header: MutableHeader,
  now: number,
): 'newer' | 'same' | 'stale' | 'fork' | 'blocked' {
  if (!known) return 'newer';
  if (now < known.blockedUntil) return 'blocked';
  const [held, come] = [known.newest.ownership.sequence, header.ownership.sequence];
  if (come !== held) return come > held ? 'newer' : 'stale';
  if (equal(signedPart(header), signedPart(known.newest))) return 'same';
  return known.blockedUntil > 0 ? 'stale' : 'fork';
}
