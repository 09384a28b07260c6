/** docs/protocol/link.md, "Sessions": message 1 and message 2. */
import { describe, expect, test } from 'vitest';
import { concat, toHex, utf8 } from '../../src/core/bytes.ts';
import { SeededRandom } from '../../src/core/random.ts';
import { montgomeryPublicKey } from '../../src/crypto/curve.ts';
import { blake2b } from '../../src/crypto/hashes.ts';
import { HandshakeState } from '../../src/crypto/noise.ts';
import { Identity } from '../../src/identity/keys.ts';
import { type Message1Form, readFrame, writeMessage1 } from '../../src/link/frame.ts';
import { Initiation, readInvitation } from '../../src/link/handshake.ts';

const random = new SeededRandom('handshake');
const initiator = new Identity(new Uint8Array(32).fill(1));
const responder = new Identity(new Uint8Array(32).fill(2));
const stranger = new Identity(new Uint8Array(32).fill(3));

const begin = (responderKey = responder.publicKey) =>
  Initiation.begin({
    identity: initiator,
    responderKey,
    sessionIndex: 0x1234,
    counter: 7n,
    random: new SeededRandom(1),
  });

const invitation = (identity: Identity, message1: Uint8Array) => {
  const frame = readFrame(message1);
  if (typeof frame === 'string' || frame.form !== 'message-1') throw new Error('not a message 1');
  return readInvitation(identity, frame, random);
};

/** A message 1 that does everything right but its payload. */
const withPayload = (payload: Uint8Array, identity = initiator, responderKey = responder.publicKey) => {
  const state = HandshakeState.initiator({
    pattern: 'IK',
    prologue: concat(utf8('nexus/1'), Uint8Array.of(0x50), responderKey),
    static: identity.agreement,
    remoteStatic: montgomeryPublicKey(responderKey) ?? new Uint8Array(32),
    random: new SeededRandom(2),
  });
  const noise = state.writeMessage(payload);
  return writeMessage1(blake2b(concat(responderKey, noise), 32).subarray(0, 4), noise);
};

describe('message 1', () => {
  test('is 112 bytes, and the same for the same keys, randomness and payload', () => {
    const message1 = begin()?.message1;
    expect(message1?.length).toBe(112);
    expect(toHex(blake2b(message1 ?? new Uint8Array(0), 16))).toBe('0eebd5176f51082fa45ebd835b48d839');
  });

  test('tells the responder who began, with which counter', () => {
    const read = invitation(responder, begin()?.message1 ?? new Uint8Array(0));
    expect(read).toMatchObject({ publicKey: initiator.publicKey, from: initiator.nodeId, counter: 7n });
  });

  test('its payload is sign bit u8, index u16, counter u64, and terms that are skipped', () => {
    const sign = initiator.signBit;
    const payload = Uint8Array.of(sign, 0x34, 0x12, 7, 0, 0, 0, 0, 0, 0, 0, /* a term */ 9, 2, 0xaa, 0xbb);
    expect(invitation(responder, withPayload(payload))).toMatchObject({
      from: initiator.nodeId,
      counter: 7n,
    });
  });

  test('is not for anybody else', () => {
    expect(invitation(stranger, begin()?.message1 ?? new Uint8Array(0))).toBe('other');
  });

  test.each([
    [
      'a hint for this node around a message for another',
      () => {
        const noise = withPayload(new Uint8Array(11), initiator, stranger.publicKey).subarray(5);
        return writeMessage1(blake2b(concat(responder.publicKey, noise), 32).subarray(0, 4), noise);
      },
    ],
    [
      'a session index of 0',
      () => withPayload(Uint8Array.of(initiator.signBit, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0)),
    ],
    [
      'a reserved flag',
      () => withPayload(Uint8Array.of(initiator.signBit | 2, 1, 0, 7, 0, 0, 0, 0, 0, 0, 0)),
    ],
    [
      'a term cut short',
      () => withPayload(Uint8Array.of(initiator.signBit, 1, 0, 7, 0, 0, 0, 0, 0, 0, 0, 9, 2, 1)),
    ],
  ])('refused: %s', (_what, message1) => {
    expect(invitation(responder, message1())).toBe('handshake');
  });

  test('a wrong sign bit makes another key, and so another node, which has said nothing', () => {
    const payload = Uint8Array.of(initiator.signBit ^ 1, 1, 0, 7, 0, 0, 0, 0, 0, 0, 0);
    const read = invitation(responder, withPayload(payload));
    expect(typeof read === 'string' ? read : toHex(read.from)).not.toBe(toHex(initiator.nodeId));
  });

  test('any flipped bit makes it somebody else’s or nobody’s', () => {
    const message1 = begin()?.message1 ?? new Uint8Array(0);
    for (let bit = 8; bit < message1.length * 8; bit += 5) {
      const flipped = message1.slice();
      flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(['other', 'handshake']).toContain(invitation(responder, flipped));
    }
  });

  test('is not begun with what is no key', () => {
    expect(begin(new Uint8Array(32).fill(0xff))).toBeUndefined();
  });
});

describe('message 2', () => {
  const answered = () => {
    const initiation = begin();
    const read = invitation(responder, initiation?.message1 ?? new Uint8Array(0));
    if (!initiation || typeof read === 'string') throw new Error('no handshake');
    const { message2, session } = read.accept(0x5678, 0);
    const frame = readFrame(message2);
    if (typeof frame === 'string' || frame.form !== 'message-2') throw new Error('not a message 2');
    return { initiation, message2, frame, session };
  };

  test('is 53 bytes, and names the initiator’s index', () => {
    const { message2, frame } = answered();
    expect(message2.length).toBe(53);
    expect(frame.session).toBe(0x1234);
  });

  test('gives both the same session, each with the other’s index', () => {
    const { initiation, frame, session } = answered();
    const atInitiator = initiation.finish(frame, 0);
    expect(atInitiator?.remoteIndex).toBe(0x5678);
    expect(session.remoteIndex).toBe(0x1234);
    const sealed = readFrame(atInitiator?.seal(utf8('hi'), 0, 0).frame ?? new Uint8Array(0));
    if (typeof sealed === 'string' || sealed.form !== 'sealed') throw new Error('not sealed');
    expect(session.open(sealed)).toMatchObject({ content: utf8('hi'), n: 0n });
  });

  test('forged ones do not end the handshake', () => {
    const { initiation, frame } = answered();
    const forged = { ...frame, noise: frame.noise.map((b, i) => (i === 40 ? b ^ 1 : b)) };
    expect(initiation.finish(forged, 0)).toBeUndefined();
    expect(initiation.finish(frame, 0)).toBeDefined();
  });

  test('a payload that makes no sense is the end of it, without harm', () => {
    const initiation = begin();
    const frame = readFrame(initiation?.message1 ?? new Uint8Array(0)) as Message1Form;
    const state = HandshakeState.responder({
      pattern: 'IK',
      prologue: concat(utf8('nexus/1'), Uint8Array.of(0x50), responder.publicKey),
      static: responder.agreement,
      random,
    });
    expect(state.readMessage(frame.noise)).toBeDefined();
    const noise = state.writeMessage(Uint8Array.of(0, 0));
    const message2 = { form: 'message-2', session: 0x1234, noise } as const;
    expect(initiation?.finish(message2, 0)).toBeUndefined();
    expect(initiation?.finish(message2, 0)).toBeUndefined();
  });
});
