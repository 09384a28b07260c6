/**
 * The first byte and the layout of every frame (docs/protocol/link.md, "Frames"). Frames are read once, here: into
 * one of five forms or the reason why they are refused.
 */
import { concat, Reader, Writer } from '../core/bytes.ts';
import { TAG_LENGTH } from '../crypto/aead.ts';
import { CURVE_LENGTH } from '../crypto/curve.ts';

/** The two high bits of the first byte. */
const VERSION = 1;

export const KIND = {
  beacon: 0,
  announce: 1,
  handshake: 2,
  sealed: 3,
  solicit: 4,
  shared: 5,
  receipt: 6,
} as const;

/** What a sealed frame says will follow it, so that whoever overhears it defers: bits 0–1 of its flags. */
export const FOLLOWS = { nothing: 0, answer: 1, burst: 2 } as const;
export type Follows = (typeof FOLLOWS)[keyof typeof FOLLOWS];

const PHASE_FLAG = 0b100;
const MESSAGE_2_FLAG = 0b001;

/** `first | session or index u16 | counter u16`: the associated data of what follows. */
export const SEALED_HEADER_LENGTH = 5;
/** What a sealed or shared frame costs over its content. */
export const SEALED_OVERHEAD = SEALED_HEADER_LENGTH + TAG_LENGTH;

/** The first 4 bytes of a hash: whether a message 1 is meant for this node, told without a Diffie–Hellman. */
export const HINT_LENGTH = 4;
/** `first | hint 4`, and `first | session u16`: what comes before the Noise message. */
const MESSAGE_1_HEADER = 1 + HINT_LENGTH;
const MESSAGE_2_HEADER = 3;
/** flags u8 | session index u16 | handshake counter u64; and session index u16: payloads without terms. */
export const PAYLOAD_1_LENGTH = 11;
export const PAYLOAD_2_LENGTH = 2;
/** 112 and 53 bytes: handshakes without terms. */
export const MESSAGE_1_LENGTH = MESSAGE_1_HEADER + 2 * CURVE_LENGTH + 2 * TAG_LENGTH + PAYLOAD_1_LENGTH;
export const MESSAGE_2_LENGTH = MESSAGE_2_HEADER + CURVE_LENGTH + TAG_LENGTH + PAYLOAD_2_LENGTH;

export interface LooseForm {
  readonly form: 'loose';
  readonly kind: number;
}

export interface Message1Form {
  readonly form: 'message-1';
  readonly hint: Uint8Array;
  readonly noise: Uint8Array;
}

export interface Message2Form {
  readonly form: 'message-2';
  /** The initiator's index. */
  readonly session: number;
  readonly noise: Uint8Array;
}

export interface SealedForm {
  readonly form: 'sealed';
  readonly follows: Follows;
  readonly phase: 0 | 1;
  /** The receiver's index. */
  readonly session: number;
  /** The low 16 bits of the nonce. */
  readonly counter: number;
  /** Associated data. */
  readonly header: Uint8Array;
  /** With its tag. */
  readonly ciphertext: Uint8Array;
}

export interface SharedForm {
  readonly form: 'shared';
  /** The sender's index of its neighbourhood. */
  readonly index: number;
  /** The low 16 bits of the nonce. */
  readonly counter: number;
  /** Associated data. */
  readonly header: Uint8Array;
  /** With its tag. */
  readonly ciphertext: Uint8Array;
}

export type Frame = LooseForm | Message1Form | Message2Form | SealedForm | SharedForm;

/** Why a frame is dropped on sight; counted as `link.refused.<reason>`. */
export type FrameRefusal = 'length' | 'version' | 'kind' | 'flags';

/** The first byte of a frame of `kind`, with `flags` in its low three bits. */
export function firstByte(kind: number, flags = 0): number {
  return (VERSION << 6) | (kind << 3) | flags;
}

/** What a frame is, as far as it can be told without keys; parts are views of `bytes`. */
export function readFrame(bytes: Uint8Array): Frame | FrameRefusal {
  const first = bytes[0];
  if (first === undefined) return 'length';
  if (first >> 6 !== VERSION) return 'version';
  const kind = (first >> 3) & 0b111;
  const flags = first & 0b111;
  switch (kind) {
    case KIND.beacon:
    case KIND.announce:
    case KIND.solicit:
    case KIND.receipt:
      if (flags !== 0) return 'flags';
      return looseLengthFits(kind, bytes.length) ? { form: 'loose', kind } : 'length';
    case KIND.handshake:
      if (flags > MESSAGE_2_FLAG) return 'flags';
      return flags === MESSAGE_2_FLAG ? readMessage2(bytes) : readMessage1(bytes);
    case KIND.sealed:
      return readSealed(bytes, flags);
    case KIND.shared:
      return flags === 0 ? readShared(bytes) : 'flags';
    default:
      return 'kind';
  }
}

/** docs/protocol/mesh.md and messages.md: as far as lengths tell. */
function looseLengthFits(kind: number, length: number): boolean {
  switch (kind) {
    case KIND.beacon:
      return length >= 23;
    case KIND.announce:
      // 0–2 mailboxes of 16 bytes, and a prekey of 41 or none
      return [125, 141, 157, 166, 182, 198].includes(length);
    case KIND.solicit:
      return length > 3 && length <= 3 + 28 * 9 && (length - 3) % 9 === 0;
    default:
      return length === 17;
  }
}

function readMessage1(bytes: Uint8Array): Message1Form | 'length' {
  if (bytes.length < MESSAGE_1_LENGTH) return 'length';
  const r = new Reader(bytes.subarray(1));
  return { form: 'message-1', hint: r.raw(HINT_LENGTH), noise: r.rest() };
}

function readMessage2(bytes: Uint8Array): Message2Form | 'length' {
  if (bytes.length < MESSAGE_2_LENGTH) return 'length';
  const r = new Reader(bytes.subarray(1));
  return { form: 'message-2', session: r.u16(), noise: r.rest() };
}

function readSealed(bytes: Uint8Array, flags: number): SealedForm | 'flags' | 'length' {
  const follows = flags & 0b11;
  if (follows !== FOLLOWS.nothing && follows !== FOLLOWS.answer && follows !== FOLLOWS.burst) return 'flags';
  if (bytes.length <= SEALED_OVERHEAD) return 'length';
  const r = new Reader(bytes.subarray(1));
  return {
    form: 'sealed',
    follows,
    phase: flags & PHASE_FLAG ? 1 : 0,
    session: r.u16(),
    counter: r.u16(),
    header: bytes.subarray(0, SEALED_HEADER_LENGTH),
    ciphertext: r.rest(),
  };
}

function readShared(bytes: Uint8Array): SharedForm | 'length' {
  if (bytes.length <= SEALED_OVERHEAD) return 'length';
  const r = new Reader(bytes.subarray(1));
  return {
    form: 'shared',
    index: r.u16(),
    counter: r.u16(),
    header: bytes.subarray(0, SEALED_HEADER_LENGTH),
    ciphertext: r.rest(),
  };
}

/** The first byte of a message 1, which the prologue covers. */
export const MESSAGE_1_FIRST = firstByte(KIND.handshake);

/** A message 1 around its Noise message. */
export function writeMessage1(hint: Uint8Array, noise: Uint8Array): Uint8Array {
  return concat(Uint8Array.of(MESSAGE_1_FIRST), hint, noise);
}

/** A message 2 to the initiator's session index around its Noise message. */
export function writeMessage2(session: number, noise: Uint8Array): Uint8Array {
  return new Writer(MESSAGE_2_HEADER + noise.length)
    .u8(firstByte(KIND.handshake, MESSAGE_2_FLAG))
    .u16(session)
    .raw(noise)
    .bytes();
}

/** The header of a sealed frame: 5 bytes. `n` is the whole nonce. */
export function writeSealedHeader(session: number, n: bigint, phase: 0 | 1, follows: Follows): Uint8Array {
  return new Writer(SEALED_HEADER_LENGTH)
    .u8(firstByte(KIND.sealed, follows | (phase ? PHASE_FLAG : 0)))
    .u16(session)
    .u16(Number(n & 0xffffn))
    .bytes();
}

/** The header of a shared frame: 5 bytes. `n` is the whole counter. */
export function writeSharedHeader(index: number, n: bigint): Uint8Array {
  return new Writer(SEALED_HEADER_LENGTH)
    .u8(firstByte(KIND.shared))
    .u16(index)
    .u16(Number(n & 0xffffn))
    .bytes();
}
