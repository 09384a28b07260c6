/** What a message says, inside whatever seals it (docs/protocol/messages.md, "Body"). */
import { concat, fromUtf8, Reader, utf8, Writer } from '../core/bytes.ts';
import type { TextCodec } from '../core/compression.ts';
import { PersonError } from '../core/errors.ts';
import { INLINE_LIMIT } from '../store/object.ts';
import { FIRST_CONTACT_OVERHEAD } from './first-contact.ts';

/** kind u8 | sent-at u32. */
export const BODY_HEAD_LENGTH = 5;
/** A text before compression: what a few thousand bytes may unfold to. */
export const LONGEST_TEXT = 16_384;
/** A text after compression: what one object leaves. */
export const TEXT_ROOM = INLINE_LIMIT - FIRST_CONTACT_OVERHEAD - BODY_HEAD_LENGTH;

const KIND_TEXT = 0;

/** Low nibble of `k`: how the text is compressed. */
export const CODEC = { none: 0, brotli: 1 } as const;

export interface TextBody {
  /** The sender's clock, minutes since 1970. */
  readonly sentAtMinutes: number;
  readonly text: string;
}

/** A body on its way into or out of an envelope. */
export interface EncodedBody {
  /** 0 to 15. */
  readonly codec: number;
  readonly bytes: Uint8Array;
}

export type DecodedBody =
  | ({ readonly kind: 'text' } & TextBody)
  /** Genuine, to be receipted and shown as what this version cannot show. */
  | { readonly kind: 'unsupported'; readonly reason: UnsupportedReason; readonly sentAtMinutes?: number };

export type UnsupportedReason = 'unknown-kind' | 'unknown-codec' | 'malformed';

/**
 * A text with its head. The text alone is compressed, and only where that is smaller. Throws a `PersonError`
 * (`too-long`) where it does not fit one object.
 */
export function encodeBody(body: TextBody, brotli: TextCodec): EncodedBody {
  const plain = utf8(body.text);
  if (plain.length > LONGEST_TEXT) throw tooLong(plain.length);
  const compressed = brotli.compress(plain);
  const smaller = compressed.length < plain.length;
  const text = smaller ? compressed : plain;
  if (text.length > TEXT_ROOM) throw tooLong(plain.length);
  const head = new Writer(BODY_HEAD_LENGTH).u8(KIND_TEXT).u32(body.sentAtMinutes).bytes();
  return { codec: smaller ? CODEC.brotli : CODEC.none, bytes: concat(head, text) };
}

/** What an opened body says. Nothing in it can do harm: decompression stops at `LONGEST_TEXT`. */
export function decodeBody(body: EncodedBody, brotli: TextCodec): DecodedBody {
  if (body.bytes.length < BODY_HEAD_LENGTH) return { kind: 'unsupported', reason: 'malformed' };
  const r = new Reader(body.bytes);
  const kind = r.u8();
  const sentAtMinutes = r.u32();
  const unsupported = (reason: UnsupportedReason) =>
    ({ kind: 'unsupported', reason, sentAtMinutes }) as const;
  if (kind !== KIND_TEXT) return unsupported('unknown-kind');
  if (body.codec !== CODEC.none && body.codec !== CODEC.brotli) return unsupported('unknown-codec');
  const stored = r.rest();
  const plain = body.codec === CODEC.brotli ? brotli.decompress(stored, LONGEST_TEXT) : stored;
  const text = plain && fromUtf8(plain);
  return text === undefined ? unsupported('malformed') : { kind: 'text', sentAtMinutes, text };
}

function tooLong(bytes: number): PersonError {
  return new PersonError(
    'too-long',
    `This text of ${bytes} bytes does not fit one message. Shorten it, or send it as several.`,
  );
}
