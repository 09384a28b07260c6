/** docs/protocol/messages.md, "First contact" and "Wire form". */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { concat, EMPTY, fromHex, toHex, utf8 } from '../../src/core/bytes.ts';
import { SeededRandom } from '../../src/core/random.ts';
import { opensLock } from '../../src/crypto/lock.ts';
import { Identity } from '../../src/identity/keys.ts';
import { nodeIdFrom } from '../../src/identity/node-id.ts';
import {
  associatedData,
  FIRST_CONTACT_OVERHEAD,
  type Opened,
  openFirstContact,
  type Refusal,
  type Sealed,
  type SealOptions,
  sealFirstContact,
  wipeChain,
} from '../../src/messaging/first-contact.ts';
import { CONTENT_TYPE, OBJECT_PRIORITY } from '../../src/store/object.ts';

const upward = (from: number) => Uint8Array.from({ length: 32 }, (_, i) => from + i);
const sender = new Identity(upward(0));
const recipient = new Identity(upward(32));
const PROPERTIES = {
  contentType: CONTENT_TYPE.immutable,
  priority: OBJECT_PRIORITY.normal,
  minBandwidth: 0,
  ttl: 200,
};
const BODY = concat(fromHex('0080c3c901') ?? EMPTY, utf8('Hello from the roof'));

function sealed(options: Partial<SealOptions> = {}): Sealed {
  return sealFirstContact({
    sender,
    recipient: recipient.publicKey,
    properties: PROPERTIES,
    codec: 0,
    body: BODY,
    reset: false,
    random: new SeededRandom('e'),
    ...options,
  });
}

function opened(message: { bytes: Uint8Array; lock: Uint8Array }, by = recipient): Opened | Refusal {
  return openFirstContact({
    recipient: by,
    properties: PROPERTIES,
    bytes: message.bytes,
    lock: message.lock,
  });
}

function mustOpen(message: { bytes: Uint8Array; lock: Uint8Array }): Opened {
  const result = opened(message);
  if (typeof result === 'string') throw new Error(result);
  return result;
}

function changed(bytes: Uint8Array, at: number, to: number): Uint8Array {
  const out = bytes.slice();
  out[at] = to;
  return out;
}

describe('golden bytes', () => {
  const message = sealed({ random: { bytes: () => upward(64), fork: () => new SeededRandom(0) } });

  test('AD: version | content type | priority | min_bandwidth u32 | ttl | NodeId 16', () => {
    expect(toHex(associatedData(PROPERTIES, recipient.nodeId))).toBe(
      '01000100000000c825843b3a196efcefbf5b1390d78db52b',
    );
    const other = {
      contentType: CONTENT_TYPE.ephemeral,
      priority: OBJECT_PRIORITY.lazy,
      minBandwidth: 0x01020304,
      ttl: 5,
    };
    expect(toHex(associatedData(other, nodeIdFrom(new Uint8Array(16))))).toBe(
      `0102020403020105${'00'.repeat(16)}`,
    );
  });

  test('k | prekey id | e 32 | enc_s 48 | n | ct, as an implementation over other libraries has them', () => {
    expect(toHex(message.bytes)).toBe(
      [
        '00',
        '00',
        '79a631eede1bf9c98f12032cdeadd0e7a079398fc786b88cc846ec89af85a51a',
        '910c939a052805deb4a49a718dc698baf78bf3094d4d60916c33b0c2fcb38d8b02958b0369b108250787091359be78ff',
        '00',
        'b0f8df8d04bee9b9a9e9e5cb33f6d9ffec7d19e6b887d013a4',
      ].join(''),
    );
    expect(toHex(message.lock)).toBe('19dba2c88285db7a572788fdcb2d06ff');
    expect(toHex(message.secret)).toBe('306646d390c480b58a08ab8f46fbb510');
  });

  test('RK, the next CK, HKa, NHK and NHKb of both sides', () => {
    const chain = {
      rootKey: 'c7fc9064e4f57f0c64e28a723192a950b1aeab8b9e48c1a09f98f481e04d4898',
      chainKey: '6b7af33ece64b6d82975e9f0dc906cde2c2f6bb92c4bced4f941f09ae5fcfd59',
      headerKey: '1b684c7632bb5bd56c09da9cf0665cbbd7778a18ca499589bc681a17a9e46891',
      nextHeaderKey: 'c66bdbe9166844fd8f1711f1a96e9b8fd485bf50f71aa0e23df1ef2c6103d7ed',
      replyHeaderKey: '368d6db5f7a6f188bc2fc8687d725fc14ae0998e777ff1083c6ef7616d472c88',
    };
    const hexOf = (c: object) => Object.fromEntries(Object.entries(c).map(([k, v]) => [k, toHex(v)]));
    expect(hexOf(message.chain)).toEqual(chain);
    expect(hexOf(mustOpen(message).chain)).toEqual(chain);
  });
});

describe('a message', () => {
  test('opens to its body, its sender and the secret of its lock', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 300 }),
        fc.nat(15),
        fc.boolean(),
        fc.string(),
        (body, codec, reset, seed) => {
          const message = sealed({ body, codec, reset, random: new SeededRandom(seed) });
          expect(message.bytes).toHaveLength(FIRST_CONTACT_OVERHEAD + body.length);
          const result = mustOpen(message);
          expect(result).toMatchObject({
            sender: sender.publicKey,
            codec,
            body,
            reset,
            secret: message.secret,
          });
          expect(opensLock(result.secret, message.lock)).toBe(true);
          expect(result.remoteEphemeral).toEqual(message.ephemeral.publicKey);
          expect(result.chain).toEqual(message.chain);
        },
      ),
      { numRuns: 30 },
    );
  });

  test('names senders of either sign', () => {
    const signs = new Set<number>();
    for (let i = 0; i < 12; i++) {
      const one = new Identity(upward(i));
      signs.add(one.signBit);
      expect(mustOpen(sealed({ sender: one })).sender).toEqual(one.publicKey);
    }
    expect(signs).toEqual(new Set([0, 1]));
  });

  test('shows nothing twice: the same text again shares no bytes but its form', () => {
    const random = new SeededRandom('twice');
    const [a, b] = [sealed({ random }), sealed({ random })];
    const same = a.bytes.filter((x, i) => x === b.bytes[i]).length;
    expect(same).toBeLessThan(12);
    expect(toHex(a.bytes)).not.toContain(toHex(sender.agreement.publicKey));
    expect(toHex(a.bytes)).not.toContain(toHex(sender.publicKey));
  });
});

describe('refusals', () => {
  const message = sealed();
  const refused = (bytes: Uint8Array) => opened({ bytes, lock: message.lock });

  test.each([
    ['nothing', EMPTY, 'malformed'],
    ['one byte', message.bytes.subarray(0, 1), 'malformed'],
    ['83 bytes: no body', message.bytes.subarray(0, 83), 'malformed'],
    ['form 1, reserved', changed(message.bytes, 0, 0x10), 'unknown-form'],
    ['form 15', changed(message.bytes, 0, 0xf0), 'unknown-form'],
    ['prekey 1', changed(message.bytes, 1, 1), 'unknown-prekey'],
    ['n = 1', changed(message.bytes, 82, 1), 'unknown-chain'],
    ['another codec than sealed', changed(message.bytes, 0, 0x01), 'wrong-lock'],
    [
      'e of small order',
      concat(message.bytes.subarray(0, 2), new Uint8Array(32), message.bytes.subarray(34)),
      'wrong-key',
    ],
    ['the last byte missing', message.bytes.subarray(0, -1), 'wrong-lock'],
    ['a byte more', concat(message.bytes, Uint8Array.of(0)), 'wrong-lock'],
  ])('%s', (_what, bytes, reason) => {
    expect(refused(bytes)).toBe(reason);
  });

  test('any flipped bit of the bytes or of the lock', () => {
    for (let bit = 0; bit < 8 * message.bytes.length; bit++) {
      const bad = changed(message.bytes, bit >> 3, (message.bytes[bit >> 3] as number) ^ (1 << (bit & 7)));
      expect(typeof refused(bad), `bit ${bit}`).toBe('string');
    }
    for (let bit = 0; bit < 128; bit++) {
      const lock = changed(message.lock, bit >> 3, (message.lock[bit >> 3] as number) ^ (1 << (bit & 7)));
      expect(opened({ bytes: message.bytes, lock })).toBe('wrong-lock');
    }
  });

  test("somebody else's message", () => {
    expect(opened(message, new Identity(upward(100)))).toBe('wrong-key');
  });

  test('an object with other properties than it was sealed with', () => {
    const contentType = CONTENT_TYPE.ephemeral;
    const priority = OBJECT_PRIORITY.lazy;
    for (const other of [{ contentType }, { priority }, { minBandwidth: 1 }, { ttl: 201 }]) {
      const properties = { ...PROPERTIES, ...other };
      const { bytes, lock } = message;
      expect(openFirstContact({ recipient, properties, bytes, lock })).toBe('wrong-lock');
    }
  });

  test('any bytes whatever', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.boolean(), (bytes, likely) => {
        const b = likely ? concat(Uint8Array.of(0, 0), bytes) : bytes;
        expect(typeof refused(b)).toBe('string');
      }),
    );
  });

  test('a sender whose static key agrees like one, but is no identity', () => {
    const { publicKey, secretKey } = sender.agreement;
    // X25519 ignores the top bit (RFC 7748, section 5), so this opens; but it would be a second name for one key
    const topBit = changed(publicKey, 31, (publicKey[31] as number) | 0x80);
    const hostile = { agreement: { publicKey: topBit, secretKey }, signBit: sender.signBit };
    expect(opened(sealed({ sender: hostile }))).toBe('bad-sender');
  });

  test('bits of the first byte that nobody knows yet', () => {
    const hostile = { agreement: sender.agreement, signBit: 0x04 as number as 0 | 1 };
    expect(opened(sealed({ sender: hostile }))).toBe('unknown-flags');
  });

  test('a recipient key that is none is a programmer error: contacts hold valid ones', () => {
    expect(() => sealed({ recipient: new Uint8Array(32) })).toThrow(RangeError);
    expect(() => sealed({ codec: 16 })).toThrow(RangeError);
  });
});

describe('a chain', () => {
  test('is zeros when wiped', () => {
    const { chain } = sealed();
    wipeChain(chain);
    for (const key of Object.values(chain)) expect(key).toEqual(new Uint8Array(32));
  });
});
