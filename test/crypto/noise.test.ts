/** Noise, revision 34: the published vectors of IK and X (cacophony), and what the vectors do not show. */
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { concat, EMPTY, fromHex, toHex, utf8 } from '../../src/core/bytes.ts';
import { type Random, SeededRandom } from '../../src/core/random.ts';
import { drawKeyPair, keyPairOf } from '../../src/crypto/curve.ts';
import { HandshakeState, type Pattern, type Transport } from '../../src/crypto/noise.ts';

interface Vector {
  readonly protocol_name: string;
  readonly init_prologue: string;
  readonly init_static: string;
  readonly init_ephemeral: string;
  readonly init_remote_static: string;
  readonly resp_prologue: string;
  readonly resp_static: string;
  readonly resp_ephemeral?: string;
  readonly handshake_hash: string;
  readonly messages: readonly { readonly payload: string; readonly ciphertext: string }[];
}

const file = new URL('../vectors/noise.json', import.meta.url);
const { vectors } = JSON.parse(readFileSync(file, 'utf8')) as { vectors: Vector[] };

const bytes = (hex: string): Uint8Array => {
  const b = fromHex(hex);
  if (!b) throw new Error(`no hex: ${hex}`);
  return b;
};

/** A source that gives exactly these bytes, once. */
function exactly(hex: string | undefined): Random {
  const all = bytes(hex ?? '');
  let at = 0;
  return {
    bytes: (n) => {
      if (at + n > all.length) throw new Error('drew more than the vector has');
      at += n;
      return all.slice(at - n, at);
    },
    fork: () => exactly(hex),
  };
}

function sidesOf(v: Vector): { initiator: HandshakeState; responder: HandshakeState } {
  const pattern = v.protocol_name.split('_')[1] as Pattern;
  return {
    initiator: HandshakeState.initiator({
      pattern,
      prologue: bytes(v.init_prologue),
      static: keyPairOf(bytes(v.init_static)),
      remoteStatic: bytes(v.init_remote_static),
      random: exactly(v.init_ephemeral),
    }),
    responder: HandshakeState.responder({
      pattern,
      prologue: bytes(v.resp_prologue),
      static: keyPairOf(bytes(v.resp_static)),
      random: exactly(v.resp_ephemeral),
    }),
  };
}

describe('published vectors', () => {
  test('are those of the two patterns in use', () => {
    expect(vectors.map((v) => v.protocol_name)).toEqual([
      'Noise_IK_25519_ChaChaPoly_BLAKE2b',
      'Noise_X_25519_ChaChaPoly_BLAKE2b',
    ]);
  });

  test.each(vectors.map((v) => [v.protocol_name, v] as const))('%s, byte for byte', (_name, v) => {
    const { initiator, responder } = sidesOf(v);
    expect(v.messages).toHaveLength(6);
    let sides: { initiator: Transport; responder: Transport } | undefined;
    const sent = { initiator: 0n, responder: 0n };
    for (const [i, m] of v.messages.entries()) {
      // one-way patterns: every transport message is the initiator's (section 7.4)
      const from = v.resp_ephemeral === undefined || i % 2 === 0 ? 'initiator' : 'responder';
      const to = from === 'initiator' ? 'responder' : 'initiator';
      if (sides) {
        const n = sent[from]++;
        expect(toHex(sides[from].send.encrypt(n, EMPTY, bytes(m.payload)))).toBe(m.ciphertext);
        expect(toHex(sides[to].receive.decrypt(n, EMPTY, bytes(m.ciphertext)) ?? EMPTY)).toBe(m.payload);
        continue;
      }
      const [writer, reader] = from === 'initiator' ? [initiator, responder] : [responder, initiator];
      expect(toHex(writer.writeMessage(bytes(m.payload)))).toBe(m.ciphertext);
      expect(toHex(reader.readMessage(bytes(m.ciphertext)) ?? EMPTY)).toBe(m.payload);
      if (initiator.finished) sides = { initiator: initiator.split(), responder: responder.split() };
    }
    expect(toHex(sides?.initiator.handshakeHash ?? EMPTY)).toBe(v.handshake_hash);
    expect(toHex(sides?.responder.handshakeHash ?? EMPTY)).toBe(v.handshake_hash);
  });
});

const random = new SeededRandom('noise');
const staticA = drawKeyPair(random);
const staticB = drawKeyPair(random);
const prologue = utf8('nexus/1');

function pair(pattern: Pattern): { initiator: HandshakeState; responder: HandshakeState } {
  return {
    initiator: HandshakeState.initiator({
      pattern,
      prologue,
      static: staticA,
      remoteStatic: staticB.publicKey,
      random,
    }),
    responder: HandshakeState.responder({ pattern, prologue, static: staticB, random }),
  };
}

describe('a message that does not open', () => {
  const flipped = (message: Uint8Array, bit: number): Uint8Array => {
    const m = message.slice();
    m[bit >> 3] = (m[bit >> 3] as number) ^ (1 << (bit & 7));
    return m;
  };

  test('message 1 with any bit flipped is refused, and the true one still opens', () => {
    const { initiator, responder } = pair('IK');
    const message = initiator.writeMessage(utf8('terms'));
    fc.assert(
      fc.property(fc.nat(8 * message.length - 1), (bit) => {
        // X25519 ignores the top bit of e, but the transcript does not
        expect(responder.readMessage(flipped(message, bit))).toBeUndefined();
      }),
      { numRuns: 60 },
    );
    expect(responder.remoteStatic).toBeUndefined();
    expect(responder.readMessage(message)).toEqual(utf8('terms'));
    expect(responder.remoteStatic).toEqual(staticA.publicKey);
  });

  test('a forged message 2 does not end the handshake of the true one', () => {
    const { initiator, responder } = pair('IK');
    responder.readMessage(initiator.writeMessage(EMPTY));
    const message = responder.writeMessage(utf8('index'));
    for (let bit = 0; bit < 8 * message.length; bit += 17)
      expect(initiator.readMessage(flipped(message, bit))).toBeUndefined();
    expect(initiator.readMessage(message)).toEqual(utf8('index'));
    const n = initiator.split().send.encrypt(7, prologue, utf8('x'));
    expect(responder.split().receive.decrypt(7n, prologue, n)).toEqual(utf8('x'));
  });

  test('every truncation is refused', () => {
    const { initiator, responder } = pair('IK');
    const message = initiator.writeMessage(EMPTY);
    for (let length = 0; length < message.length; length++)
      expect(responder.readMessage(message.subarray(0, length))).toBeUndefined();
    expect(responder.readMessage(message)).toEqual(EMPTY);
  });

  test('another prologue, another responder, a message over 65,535 bytes', () => {
    const { initiator, responder } = pair('IK');
    const message = initiator.writeMessage(EMPTY);
    const other = { pattern: 'IK', prologue: utf8('nexus/2'), static: staticB, random } as const;
    expect(HandshakeState.responder(other).readMessage(message)).toBeUndefined();
    const stranger = { pattern: 'IK', prologue, static: drawKeyPair(random), random } as const;
    expect(HandshakeState.responder(stranger).readMessage(message)).toBeUndefined();
    expect(responder.readMessage(concat(message, new Uint8Array(65_535)))).toBeUndefined();
  });

  test('an ephemeral of small order', () => {
    const { responder } = pair('IK');
    const { initiator } = pair('IK');
    const message = initiator.writeMessage(EMPTY);
    for (const u of [
      '00'.repeat(32),
      `01${'00'.repeat(31)}`,
      'e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800',
      `ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f`,
    ])
      expect(responder.readMessage(concat(bytes(u), message.subarray(32)))).toBeUndefined();
  });
});

describe('the state', () => {
  test('refuses calls out of turn, as a programmer error', () => {
    const { initiator, responder } = pair('IK');
    expect(() => responder.writeMessage(EMPTY)).toThrow("other side's turn");
    expect(() => initiator.readMessage(EMPTY)).toThrow("other side's turn");
    expect(() => initiator.split()).toThrow('not finished');
    responder.readMessage(initiator.writeMessage(EMPTY));
    initiator.readMessage(responder.writeMessage(EMPTY));
    initiator.split();
    expect(() => initiator.split()).toThrow('not finished');
    expect(() => initiator.writeMessage(EMPTY)).toThrow('no further message');
  });

  test("refuses a responder's static key of small order", () => {
    const remoteStatic = new Uint8Array(32);
    const options = { pattern: 'IK', prologue, static: staticA, remoteStatic, random } as const;
    expect(() => HandshakeState.initiator(options).writeMessage(EMPTY)).toThrow('small order');
  });

  test('zeroes its ephemeral secret when split or destroyed', () => {
    const drawn: Uint8Array[] = [];
    const watched: Random = {
      bytes: (n) => {
        const b = random.bytes(n);
        drawn.push(b);
        return b;
      },
      fork: () => watched,
    };
    const options = { prologue, static: staticA, remoteStatic: staticB.publicKey, random: watched } as const;
    const responder = HandshakeState.responder({ pattern: 'IK', prologue, static: staticB, random: watched });
    const initiator = HandshakeState.initiator({ ...options, pattern: 'IK' });
    responder.readMessage(initiator.writeMessage(EMPTY));
    initiator.readMessage(responder.writeMessage(EMPTY));
    expect(drawn.some((secret) => secret.some((b) => b !== 0))).toBe(true);
    initiator.split();
    responder.split();
    const abandoned = HandshakeState.initiator({ ...options, pattern: 'X' });
    abandoned.writeKeys();
    abandoned.destroy();
    expect(drawn).toEqual([new Uint8Array(32), new Uint8Array(32), new Uint8Array(32)]);
  });

  test('leaves the static pair alone when destroyed', () => {
    const { initiator } = pair('X');
    const before = staticA.secretKey.slice();
    initiator.writeMessage(EMPTY);
    initiator.destroy();
    expect(staticA.secretKey).toEqual(before);
    expect(() => initiator.split()).toThrow();
  });
});

describe('X without its payload', () => {
  test('both sides hold the same ck and h after `e, es, s, ss`, and the initiator its ephemeral pair', () => {
    const { initiator, responder } = pair('X');
    const keys = initiator.writeKeys();
    expect(keys).toHaveLength(80);
    expect(responder.readKeys(keys.subarray(0, 79))).toBe(false);
    expect(responder.readKeys(concat(keys, Uint8Array.of(0)))).toBe(false);
    expect(responder.readKeys(keys)).toBe(true);
    expect(responder.remoteEphemeral).toEqual(keys.slice(0, 32));
    const sent = initiator.exportSecrets();
    const received = responder.exportSecrets();
    expect(received.chainingKey).toEqual(sent.chainingKey);
    expect(received.hash).toEqual(sent.hash);
    expect(sent.hash).toHaveLength(64);
    expect(sent.ephemeral?.publicKey).toEqual(keys.slice(0, 32));
    expect(keyPairOf(sent.ephemeral?.secretKey ?? EMPTY).publicKey).toEqual(keys.slice(0, 32));
    expect(received.ephemeral).toBeUndefined();
  });

  test('is what a whole message begins with (published vector)', () => {
    const v = vectors[1];
    if (!v) throw new Error('no vector');
    expect(v.messages[0]?.ciphertext.startsWith(toHex(sidesOf(v).initiator.writeKeys()))).toBe(true);
  });
});
