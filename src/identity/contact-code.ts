/**
 * A contact as text: `nxs1…`, bech32m (BIP 350) over the Ed25519 public key of 32 bytes, followed by up to two NodeIds
 * of mailboxes of 16 bytes each (docs/protocol/link.md, Identity).
 */
import { bech32m } from '@scure/base';
import { concat } from '../core/bytes.ts';
import { PersonError } from '../core/errors.ts';
import { isValidPublicKey } from '../crypto/curve.ts';
import { NODE_ID_LENGTH, type NodeId, nodeIdFrom } from './node-id.ts';

const PREFIX = 'nxs';
const KEY_LENGTH = 32;
const BAD_CONTACT = 'bad-contact';
const MOST_MAILBOXES = 2;
/** Characters; bech32 itself stops at 90, the longest code has 113, and longer ones may come from newer software. */
const LONGEST = 512;

export interface ContactCode {
  /** Ed25519, valid. */
  readonly publicKey: Uint8Array;
  readonly mailboxes: readonly NodeId[];
}

/** The text of a contact, in lower case: 62, 87 or 113 characters for none, one or two mailboxes. */
export function encodeContactCode(code: ContactCode): string {
  if (code.mailboxes.length > MOST_MAILBOXES) throw new RangeError('a contact names at most two mailboxes');
  return bech32m.encode(PREFIX, bech32m.toWords(contactBytes(code)), LONGEST);
}

/**
 * The contact a text stands for; white space around it does not matter, and it may be all in upper case, as QR codes
 * like it. Throws a `PersonError` (`bad-contact`) that says what is wrong with it.
 */
export function parseContactCode(text: string): ContactCode {
  const trimmed = text.trim();
  if (!looksLikeContactCode(trimmed))
    throw new PersonError(BAD_CONTACT, 'This is no contact code: one begins with nxs1. Copy it again.');
  if (trimmed !== trimmed.toLowerCase() && trimmed !== trimmed.toUpperCase())
    throw new PersonError(
      BAD_CONTACT,
      'This contact code mixes capital and small letters, so it was changed on the way. Copy it again.',
    );
  const decoded = bech32m.decodeUnsafe(trimmed, LONGEST);
  const bytes = decoded && bech32m.fromWordsUnsafe(decoded.words);
  if (decoded?.prefix !== PREFIX || !bytes)
    throw new PersonError(
      BAD_CONTACT,
      'This contact code has a typing error or is incomplete: its checksum is wrong. Copy it again.',
    );
  const code = contactFromBytes(bytes);
  if (!code)
    throw new PersonError(
      BAD_CONTACT,
      `This contact code holds ${bytes.length} bytes where 32, 48 or 64 are expected. It may come from newer software: update nexus.`,
    );
  if (!isValidPublicKey(code.publicKey))
    throw new PersonError(
      BAD_CONTACT,
      'This contact code holds no valid key. Ask your contact for the code that `nexus id` prints.',
    );
  return code;
}

/** Whether a text claims to be a contact code, so that its errors are told as such. */
export function looksLikeContactCode(text: string): boolean {
  return text.trim().toLowerCase().startsWith(`${PREFIX}1`);
}

/** public key 32 | mailbox 16 | mailbox 16, the mailboxes as far as there are any. */
export function contactBytes({ publicKey, mailboxes }: ContactCode): Uint8Array {
  return concat(publicKey, ...mailboxes);
}

/** The inverse of `contactBytes`, without a look at the key; undefined for any other length. */
export function contactFromBytes(bytes: Uint8Array): ContactCode | undefined {
  const mailboxCount = (bytes.length - KEY_LENGTH) / NODE_ID_LENGTH;
  if (![0, 1, 2].includes(mailboxCount)) return undefined;
  return {
    publicKey: bytes.slice(0, KEY_LENGTH),
    mailboxes: Array.from({ length: mailboxCount }, (_, i) => {
      const at = KEY_LENGTH + NODE_ID_LENGTH * i;
      return nodeIdFrom(bytes.slice(at, at + NODE_ID_LENGTH));
    }),
  };
}
