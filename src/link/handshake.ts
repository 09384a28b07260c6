/** Noise IK between neighbours: message 1 and message 2 as they are on the air (docs/protocol/link.md, "Sessions"). */
import { concat, decode, type Reader, utf8, Writer } from '../core/bytes.ts';
import type { Random } from '../core/random.ts';
import { edwardsPublicKey, montgomeryPublicKey } from '../crypto/curve.ts';
import { blake2b } from '../crypto/hashes.ts';
import { HandshakeState } from '../crypto/noise.ts';
import { constantTimeEqual } from '../crypto/secret.ts';
import type { Identity } from '../identity/keys.ts';
import { type NodeId, nodeIdOf } from '../identity/node-id.ts';
import {
  HINT_LENGTH,
  MESSAGE_1_FIRST,
  type Message1Form,
  type Message2Form,
  PAYLOAD_1_LENGTH,
  PAYLOAD_2_LENGTH,
  writeMessage1,
  writeMessage2,
} from './frame.ts';
import { Session } from './session.ts';

const SIGN_BIT = 0b1;

/** `"nexus/1"` ‖ first byte of message 1 ‖ responder's Ed25519 key. */
function prologueTo(responderKey: Uint8Array): Uint8Array {
  return concat(utf8('nexus/1'), Uint8Array.of(MESSAGE_1_FIRST), responderKey);
}

/** BLAKE2b-256(responder's Ed25519 key ‖ Noise message)[0..4]. */
function hintOf(responderKey: Uint8Array, noise: Uint8Array): Uint8Array {
  return blake2b(concat(responderKey, noise), 32).slice(0, HINT_LENGTH);
}

export interface InitiationOptions {
  readonly identity: Identity;
  /** The responder's Ed25519 key. */
  readonly responderKey: Uint8Array;
  /** Chosen by this side, not 0. */
  readonly sessionIndex: number;
  /** Larger than in every handshake before. */
  readonly counter: bigint;
  readonly random: Random;
}

/** A handshake that this node began. */
export class Initiation {
  readonly sessionIndex: number;
  /** The frame to send, and to send again unchanged. */
  readonly message1: Uint8Array;
  readonly #noise: HandshakeState;

  private constructor(sessionIndex: number, message1: Uint8Array, noise: HandshakeState) {
    this.sessionIndex = sessionIndex;
    this.message1 = message1;
    this.#noise = noise;
  }

  /** Undefined where the responder's key is no valid Ed25519 key. */
  static begin(options: InitiationOptions): Initiation | undefined {
    const { identity, responderKey, sessionIndex, random } = options;
    const remoteStatic = montgomeryPublicKey(responderKey);
    if (!remoteStatic) return undefined;
    const noise = HandshakeState.initiator({
      pattern: 'IK',
      prologue: prologueTo(responderKey),
      static: identity.agreement,
      remoteStatic,
      random,
    });
    const payload = new Writer(PAYLOAD_1_LENGTH)
      .u8(identity.signBit ? SIGN_BIT : 0)
      .u16(sessionIndex)
      .u64(options.counter)
      .bytes();
    const message = noise.writeMessage(payload);
    return new Initiation(sessionIndex, writeMessage1(hintOf(responderKey, message), message), noise);
  }

  /** The session, or undefined where this is not the responder's answer: the handshake then goes on waiting. */
  finish(frame: Message2Form, now: number): Session | undefined {
    // a responder whose payload made no sense has no second try
    if (this.#noise.finished) return undefined;
    const payload = this.#noise.readMessage(frame.noise);
    const remoteIndex = payload && decode(payload, readPayload2);
    return remoteIndex === undefined ? undefined : new Session(remoteIndex, this.#noise.split(), now);
  }

  /** Zeroes its secrets. */
  destroy(): void {
    this.#noise.destroy();
  }
}

/** A message 1 that opened: who speaks, and what is needed to answer. It may be a replay. */
export interface Invitation {
  readonly publicKey: Uint8Array;
  readonly from: NodeId;
  readonly counter: bigint;
  /** Answers under an index of this side's choice, once. */
  accept(sessionIndex: number, now: number): { message2: Uint8Array; session: Session };
}

/** Why a message 1 is not answered: meant for somebody else, or wrong inside. */
export type InvitationRefusal = 'other' | 'handshake';

/** Whether a message 1 is for this node: what is not costs next to nothing to pass over. */
export function isMeantFor(identity: Identity, frame: Message1Form): boolean {
  return constantTimeEqual(hintOf(identity.publicKey, frame.noise), frame.hint);
}

/** Reads a message 1 with this node's key. */
export function readInvitation(
  identity: Identity,
  frame: Message1Form,
  random: Random,
): Invitation | InvitationRefusal {
  if (!isMeantFor(identity, frame)) return 'other';
  const noise = HandshakeState.responder({
    pattern: 'IK',
    prologue: prologueTo(identity.publicKey),
    static: identity.agreement,
    random,
  });
  const payload = noise.readMessage(frame.noise);
  const fields = payload && decode(payload, readPayload1);
  const publicKey =
    fields && noise.remoteStatic ? edwardsPublicKey(noise.remoteStatic, fields.signBit) : undefined;
  if (!fields || !publicKey) {
    noise.destroy();
    return 'handshake';
  }
  return {
    publicKey,
    from: nodeIdOf(publicKey),
    counter: fields.counter,
    accept(sessionIndex, now) {
      const message = noise.writeMessage(new Writer(PAYLOAD_2_LENGTH).u16(sessionIndex).bytes());
      return {
        message2: writeMessage2(fields.sessionIndex, message),
        session: new Session(fields.sessionIndex, noise.split(), now),
      };
    },
  };
}

function readPayload1(r: Reader): { signBit: 0 | 1; sessionIndex: number; counter: bigint } | undefined {
  const flags = r.u8();
  const sessionIndex = r.u16();
  const counter = r.u64();
  if (flags > SIGN_BIT || sessionIndex === 0 || !skipTerms(r)) return undefined;
  return { signBit: flags === SIGN_BIT ? 1 : 0, sessionIndex, counter };
}

function readPayload2(r: Reader): number | undefined {
  const sessionIndex = r.u16();
  return sessionIndex !== 0 && skipTerms(r) ? sessionIndex : undefined;
}

/** `type 1 | length 1 | value`, none of which is known yet. */
function skipTerms(r: Reader): true {
  while (r.left > 0) {
    r.u8();
    r.raw(r.u8());
  }
  return true;
}
