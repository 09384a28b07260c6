/** docs/protocol/link.md, "Shared frames". */
import { beforeEach, describe, expect, test } from 'vitest';
import { concat, fromHex, toHex } from '../../src/core/bytes.ts';
import { SeededRandom } from '../../src/core/random.ts';
import { CipherState } from '../../src/crypto/noise-cipher.ts';
import { nodeIdFrom } from '../../src/identity/node-id.ts';
import { readFrame, type SharedForm, writeSharedHeader } from '../../src/link/frame.ts';
import {
  decodeKeyOffer,
  encodeKeyOffer,
  type KeyOffer,
  MOST_MEMBERS,
  Neighbourhood,
  nextGeneration,
  tagOf,
} from '../../src/link/neighbourhood.ts';
import { OverheardNeighbourhoods } from '../../src/link/overheard-neighbourhoods.ts';
import { encodeRecords, RECORD } from '../../src/link/records.ts';

const HOUR = 3_600_000;
const hex = (text: string) => fromHex(text.replaceAll(/[\s|]/g, '')) as Uint8Array;
const id = (n: number) => nodeIdFrom(new Uint8Array(16).fill(n));
const SENDER = id(1);
const record = (text: string) => ({ type: RECORD.digest, body: new TextEncoder().encode(text) });
const form = (frame: Uint8Array) => readFrame(frame) as SharedForm;

const KEY = `${'00'.repeat(31)}01`;
const offerBytes = `83 | 3412 | 0807060504030201 | ${KEY} | ${'ab'.repeat(16)}`;
const offer: KeyOffer = {
  wantsYours: true,
  slot: 3,
  index: 0x1234,
  counter: 0x0102030405060708n,
  key: hex(KEY),
  tagKey: hex('ab'.repeat(16)),
};

describe('record 33', () => {
  test('is 59 bytes: slot and whether an answer is wanted, index, counter, key, tag key', () => {
    expect(toHex(encodeKeyOffer(offer).body)).toBe(toHex(hex(offerBytes)));
    expect(encodeKeyOffer(offer).body).toHaveLength(59);
    expect(decodeKeyOffer(hex(offerBytes))).toEqual(offer);
  });
  test.each([0, 58, 60])('of %i bytes is refused', (n) => {
    expect(decodeKeyOffer(new Uint8Array(n))).toBeUndefined();
  });
  test('of a slot nobody has is refused', () => {
    expect(decodeKeyOffer(hex(offerBytes.replace('83', '18')))).toBeUndefined();
  });
});

// computed by another implementation of BLAKE2b (Python's hashlib)
test('golden: the key of the next generation, and a tag', () => {
  expect(toHex(nextGeneration(hex(KEY)))).toBe(
    'ff3527f4358c5da330405ccacffad97c223a3e8e98ff14c8b0d91f1415787949',
  );
  expect(toHex(tagOf(hex('ab'.repeat(16)), 257n, hex('6834120101'), hex('a2ff')))).toBe('9a826d');
});

describe('one frame for many', () => {
  let ours: Neighbourhood;
  let a: OverheardNeighbourhoods;
  let b: OverheardNeighbourhoods;
  const hand = (to: OverheardNeighbourhoods, n: number) => {
    const member = ours.admit(id(n));
    const handed = member && decodeKeyOffer(ours.offer(member, false).body);
    if (!handed) throw new Error('no offer');
    to.add(SENDER, handed);
    return handed;
  };
  const opens = (at: OverheardNeighbourhoods, frame: Uint8Array) => {
    const opened = at.open(form(frame));
    return typeof opened === 'string' ? opened : new TextDecoder().decode(opened.records.subarray(1));
  };

  beforeEach(() => {
    ours = new Neighbourhood(new SeededRandom('neighbourhood'), 0);
    [a, b] = [new OverheardNeighbourhoods(), new OverheardNeighbourhoods()];
    hand(a, 2);
    hand(b, 3);
  });

  test('costs 21 bytes, two, and three for each neighbour', () => {
    const frame = ours.seal([record('x'.repeat(50))], 0);
    expect(frame).toHaveLength(21 + 2 + 2 * 3 + 1 + 50);
    expect(form(frame)).toMatchObject({ form: 'shared', index: ours.index, counter: 0 });
  });

  test('is opened by every neighbour that has the key', () => {
    const frame = ours.seal([record('hello')], 0);
    expect([opens(a, frame), opens(b, frame)]).toEqual(['hello', 'hello']);
    expect(opens(new OverheardNeighbourhoods(), frame)).toBe('other');
  });

  test('is taken once', () => {
    const frame = ours.seal([record('hello')], 0);
    const later = ours.seal([record('later')], 0);
    expect(opens(a, later)).toBe('later');
    expect([opens(a, later), opens(a, frame)]).toEqual(['replay', 'replay']);
  });

  test('with any bit flipped changes nothing', () => {
    const frame = ours.seal([record('hello')], 0);
    for (let bit = 8 * 3; bit < 8 * frame.length; bit += 5) {
      const bent = frame.slice();
      bent[bit >> 3] = (bent[bit >> 3] as number) ^ (1 << (bit & 7));
      expect(['noise', 'replay']).toContain(opens(a, bent));
    }
    expect(opens(a, frame)).toBe('hello');
  });

  test('that another neighbour has sealed has no valid tag', () => {
    const fellow = ours.admit(id(3));
    if (!fellow) throw new Error();
    const forged = forgedBy(decodeKeyOffer(ours.offer(fellow, false).body) as KeyOffer);
    expect(opens(a, forged)).toBe('tag');
    expect(opens(b, forged)).toBe('forged'); // it can fool itself
    expect(opens(a, ours.seal([record('genuine')], 0))).toBe('genuine');
  });

  test('of a later generation is opened by hashing forward, of an earlier one not', () => {
    const early = ours.seal([record('early')], 0);
    for (let i = 0; i < 600; i++) ours.seal([record('lost')], 0);
    const late = ours.seal([record('late')], 0);
    expect(form(late).counter).toBe(601);
    expect(opens(a, late)).toBe('late');
    expect(opens(a, early)).not.toBe('early');
  });

  test('begins a generation every hour, so that a key seen later does not open what was sent before', () => {
    ours.seal([record('now')], 0);
    const next = ours.seal([record('an hour later')], HOUR);
    expect(form(next).counter).toBe(256);
    expect(opens(a, next)).toBe('an hour later');
    const late = new OverheardNeighbourhoods();
    expect(hand(late, 4).counter).toBe(257n);
    expect(opens(late, next)).toBe('replay');
  });

  test('goes on for 255 silent generations', () => {
    let frame = ours.seal([record('0')], 0);
    for (let h = 1; h <= 255; h++) frame = ours.seal([record(String(h))], h * HOUR);
    expect(opens(a, frame)).toBe('255');
  });

  test('that is forged and says to be far ahead changes nothing, however far ahead was looked', () => {
    const frame = ours.seal([record('hello')], 0);
    const far = frame.slice();
    far[4] = 0xff;
    expect(form(far).counter).toBe(0xff00);
    for (let i = 0; i < 3; i++) expect(a.open(form(far))).toBe('noise');
    expect(opens(a, frame)).toBe('hello');
    expect(opens(a, ours.seal([record('later')], HOUR))).toBe('later');
    expect(a.open(form(far))).toBe('noise');
    for (let h = 2; h < 200; h++) ours.seal([record('lost')], h * HOUR);
    expect(opens(a, ours.seal([record('much later')], 200 * HOUR))).toBe('much later');
  });

  test('of another neighbourhood with the same index is opened all the same', () => {
    const twin = new Neighbourhood(new SeededRandom('neighbourhood'), 0);
    const member = twin.admit(id(9));
    const handed = member && decodeKeyOffer(twin.offer(member, false).body);
    if (!handed) throw new Error();
    a.add(id(5), { ...handed, key: new Uint8Array(32).fill(9) });
    expect(twin.index).toBe(ours.index);
    expect(opens(a, ours.seal([record('hello')], 0))).toBe('hello');
    expect(a.withIndex(ours.index)).toHaveLength(2);
  });

  test('is sealed no more once the key is gone', () => {
    ours.destroy();
    expect(() => ours.seal([record('hello')], 0)).toThrow('no key');
  });

  test('has room for so many and no more', () => {
    for (let n = 4; ours.members.length < MOST_MEMBERS; n++) expect(ours.admit(id(n))).toBeDefined();
    expect(ours.admit(id(200))).toBeUndefined();
    expect(ours.admit(id(2))?.slot).toBe(0);
  });
});

/** What a member can do with what it was handed: seal under the shared key, with tags that it can make. */
function forgedBy(member: KeyOffer): Uint8Array {
  const n = member.counter + 5n;
  const header = writeSharedHeader(member.index, n);
  const records = encodeRecords([record('forged')]);
  const tag = tagOf(member.tagKey, n, header, records);
  const content = concat(Uint8Array.of(RECORD.tags, 6), tag, tag, records);
  return concat(header, new CipherState(member.key).encrypt(n, header, content));
}
