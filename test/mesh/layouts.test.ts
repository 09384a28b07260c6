/** Golden bytes of docs/protocol/mesh.md: beacon, announce, solicit, digest, want. */
import { describe, expect, test } from 'vitest';
import { fromHex, Reader, toHex, Writer } from '../../src/core/bytes.ts';
import { Identity } from '../../src/identity/keys.ts';
import { nodeIdFrom } from '../../src/identity/node-id.ts';
import { decodeAnnounce, encodeAnnounce } from '../../src/mesh/announce.ts';
import { BEACON_LENGTH, CAPABILITY, decodeBeacon, encodeBeacon } from '../../src/mesh/beacon.ts';
import {
  type DigestEntry,
  decodeDigest,
  encodeDigest,
  entriesWithin,
  mostEntriesWithin,
  wantsWithin,
} from '../../src/mesh/digest.ts';
import { type PathCost, readCost, through, writeCost } from '../../src/mesh/metric.ts';
import { decodeSolicit, encodeSolicit, MOST_ENTRIES } from '../../src/mesh/solicit.ts';
import { decodeWant, encodeWant } from '../../src/mesh/want.ts';

const hex = (text: string) => fromHex(text.replaceAll(/[\s|]/g, '')) as Uint8Array;
const ID = '000102030405060708090a0b0c0d0e0f';

describe('beacon', () => {
  const facts = { nodeId: nodeIdFrom(hex(ID)), capabilities: 5, tariffTier: 2, load: 7 };
  const beacon = { ...facts, crowd: { here: 12, around: 13 }, started: undefined };
  const bytes = `40 | ${ID} | 0500 | 02 | 07 | 0c | 0d`;

  test('is version 1, kind 0, and 23 bytes', () => {
    expect(toHex(encodeBeacon(beacon))).toBe(toHex(hex(bytes)));
    expect(encodeBeacon(beacon)).toHaveLength(BEACON_LENGTH);
  });
  test('is read back, its unknown options skipped', () => {
    expect(decodeBeacon(hex(bytes))).toEqual(beacon);
    expect(decodeBeacon(hex(`${bytes} | 09 02 aabb | 0a 00`))).toEqual(beacon);
  });
  test.each([
    ['has booted', 'booted', '01'],
    ['was started again with its links', 'resumed', '02'],
  ] as const)('says that the box %s by a step of its chain', (_what, how, type) => {
    const started = { how, step: hex('a1a2a3a4a5a6a7a8') };
    const frame = encodeBeacon({ ...beacon, started });
    expect(toHex(frame)).toBe(toHex(hex(`${bytes} | ${type} 08 a1a2a3a4a5a6a7a8`)));
    expect(decodeBeacon(frame)).toEqual({ ...beacon, started });
    expect(decodeBeacon(hex(`${bytes} | ${type} 02 a1a2`))).toEqual(beacon);
  });
  test.each([1, 22])('cut to %i bytes is refused', (n) => {
    expect(decodeBeacon(hex(bytes).subarray(0, n))).toBeUndefined();
  });
  test('with an option that ends behind the frame is refused', () => {
    expect(decodeBeacon(hex(`${bytes} | 09 03 aabb`))).toBeUndefined();
  });
  test('names the capability bits', () => {
    expect(CAPABILITY).toEqual({ relay: 1, gateway: 2, storage: 4, nxsByte: 8, wasm: 16, hub: 32 });
  });
});

describe('announce', () => {
  const identity = new Identity(new Uint8Array(32).fill(7));
  const own = { sequence: 0x0102n, anchor: hex('a0a1a2a3a4a5a6a7'), booted: true, capabilities: 5 };
  const frame = encodeAnnounce(identity, own);

  test('is 125 bytes: first, key, sequence, anchor, flags, capabilities, tariff, signature, cost', () => {
    expect(frame).toHaveLength(125);
    const signature = toHex(frame.subarray(55, 119));
    const fields = `48 | ${toHex(identity.publicKey)} | 0201000000000000 | a0a1a2a3a4a5a6a7 | 01 | 0500 | 000000`;
    expect(toHex(frame)).toBe(toHex(hex(`${fields} | ${signature} | 0000 | 0000 | ff | 00`)));
  });
  test('is read back with its signature verified', () => {
    expect(decodeAnnounce(frame)).toMatchObject({
      ...own,
      nodeId: identity.nodeId,
      mailboxes: [],
      cost: { metric: 0, price: 0, bottleneck: 255, hops: 0 },
    });
  });
  test('names up to two mailboxes, 16 bytes each, behind the tariff', () => {
    const mailboxes = [1, 2].map((n) => nodeIdFrom(new Uint8Array(16).fill(n)));
    const named = encodeAnnounce(identity, { ...own, mailboxes });
    const fields = `48 | ${toHex(identity.publicKey)} | 0201000000000000 | a0a1a2a3a4a5a6a7 | 05 | 0500 | 000000`;
    const ids = `${'01'.repeat(16)} | ${'02'.repeat(16)}`;
    expect(toHex(named.subarray(0, 87))).toBe(toHex(hex(`${fields} | ${ids}`)));
    expect(decodeAnnounce(named)).toMatchObject({ ...own, mailboxes });
    expect(() => encodeAnnounce(identity, { ...own, mailboxes: [...mailboxes, ...mailboxes] })).toThrow();
  });
  test('with any bit of its signed part flipped is refused', () => {
    for (let bit = 8; bit < 8 * 119; bit += 7) {
      const bent = frame.slice();
      bent[bit >> 3] = (bent[bit >> 3] as number) ^ (1 << (bit & 7));
      expect(typeof decodeAnnounce(bent)).toBe('string');
    }
  });
  test('may have its path cost changed on the way: that is outside the signature', () => {
    const relayed = frame.slice();
    relayed.set([0x34, 0x12, 1, 0, 9, 2], 119);
    expect(decodeAnnounce(relayed)).toMatchObject({
      cost: { metric: 0x1234, price: 1, bottleneck: 9, hops: 2 },
    });
  });
  test.each([0, 1, 54, 124])('cut to %i bytes is malformed', (n) => {
    expect(decodeAnnounce(frame.subarray(0, n))).toBe('malformed');
  });
  test('with reserved mailboxes and prekey is read: later nodes will send them', () => {
    const fields = hex(
      `${toHex(identity.publicKey)} | 0300000000000000 | a0a1a2a3a4a5a6a7 | 0c | 0000 | 000000 | ${ID}${ID} | 01 ${'22'.repeat(32)} 0900000000000000`,
    );
    const bytes = hex(`48 ${toHex(fields)} ${toHex(identity.sign('announce', fields))} 0000 0000 ff 00`);
    expect(bytes).toHaveLength(125 + 32 + 41);
    expect(decodeAnnounce(bytes)).toMatchObject({ mailboxes: [hex(ID), hex(ID)], booted: false });
  });
});

describe('path cost', () => {
  test('says in bit 7 of the byte for hops that the path leads to a mailbox, and keeps that through links', () => {
    const away: PathCost = { metric: 0x0102, price: 0, bottleneck: 255, hops: 1, away: true };
    expect(toHex(writeCost(new Writer(6), away).bytes())).toBe('02010000ff81');
    expect(readCost(new Reader(hex('0201 0000 ff 81')))).toEqual(away);
    expect(readCost(new Reader(hex('0201 0000 ff 01')))).toEqual({
      metric: 0x0102,
      price: 0,
      bottleneck: 255,
      hops: 1,
    });
    expect(through(away, { ms: 1, bandwidth: 5000 })).toMatchObject({ hops: 2, away: true });
  });
});

describe('solicit', () => {
  const entries = [
    { prefix: hex('00010203'), leastStep: 0, nonce: 0x1234, ring: 1 },
    { prefix: hex('f0f1f2f3'), leastStep: 7, nonce: 1, ring: 5 },
  ];
  const bytes = '60 | 3412 | 00010203 0000 3412 01 | f0f1f2f3 0700 0100 05';

  test('names its sender to its neighbours, then nine bytes an entry', () => {
    expect(toHex(encodeSolicit({ from: 0x1234, entries }))).toBe(toHex(hex(bytes)));
    expect(decodeSolicit(hex(bytes))).toEqual({ from: 0x1234, entries });
  });
  test.each([1, 3, 11, 13])('of %i bytes is refused', (n) => {
    expect(decodeSolicit(hex(bytes).subarray(0, n))).toBeUndefined();
  });
  test('of ring 0 is refused: nobody may hear it', () => {
    expect(decodeSolicit(hex('60 | 3412 | 00010203 0000 3412 00'))).toBeUndefined();
  });
  test('fills a frame with 28 entries', () => {
    const [entry] = entries;
    if (!entry) throw new Error();
    const most = Array.from({ length: MOST_ENTRIES }, () => entry);
    expect(encodeSolicit({ from: 1, entries: most })).toHaveLength(255);
    expect(() => encodeSolicit({ from: 1, entries: [...most, entry] })).toThrow(RangeError);
  });
});

describe('digest', () => {
  const entry = (cost: DigestEntry['cost']) => ({
    prefix: hex('00010203'),
    freshness: hex('a0a1a2a3a4a5a6a7'),
    cost,
  });
  const usual = entry({ metric: 0x4321, price: 7, bottleneck: 99, hops: 3 });
  const digest = {
    t0: 79,
    crowd: { here: 12, around: 13 },
    wants: [{ of: 0x1234, prefix: hex('c0c1c2c3') }],
    entries: [
      entry({ metric: 0, price: 0, bottleneck: 255, hops: 0 }),
      usual,
      entry({ metric: 0x4444, price: 7, bottleneck: 99, hops: 63, away: true }),
      entry({ metric: 0x5555, price: 8, bottleneck: 99, hops: 3 }),
      entry({ metric: 0xffff, price: 0, bottleneck: 255, hops: 0 }),
    ],
  };
  const both = '00010203 a0a1a2a3a4a5a6a7';
  const bytes = `4f 0c0d 01 0700 63 | 3412 c0c1c2c3
    | ${both} 0000 00 | ${both} 2143 03 | ${both} 4444 bf | ${both} 5555 43 0800 63 | ${both} ffff 00`;

  test('is T0, how full the channel is, the usual price and bottleneck, six bytes a want, and 15 or 18 an entry', () => {
    expect(toHex(encodeDigest(digest))).toBe(toHex(hex(bytes)));
    expect(decodeDigest(hex(bytes))).toEqual(digest);
  });
  test('holds what fits beside its wants', () => {
    const all = Array.from({ length: 20 }, () => usual);
    const [own, , , unusual] = digest.entries as [DigestEntry, DigestEntry, DigestEntry, DigestEntry];
    expect([21, 22, 202, 208].map((room) => mostEntriesWithin(room))).toEqual([0, 1, 13, 13]);
    expect([21, 22, 202, 208].map((room) => entriesWithin(room, all))).toEqual([0, 1, 13, 13]);
    expect([entriesWithin(207, all, 1), entriesWithin(208, all, 1)]).toEqual([12, 13]);
    expect(entriesWithin(202, [own, usual])).toBe(2);
    expect([entriesWithin(54, [own, usual, unusual]), entriesWithin(55, [own, usual, unusual])]).toEqual([
      2, 3,
    ]);
    expect([37, 42, 43, 200].map((room) => wantsWithin(room, [own, usual]))).toEqual([0, 0, 1, 8]);
  });
  test.each([0, 1, 6, 7, 13, 14, 27, 29])('of %i bytes is refused', (n) => {
    expect(decodeDigest(hex(bytes).subarray(0, n))).toBeUndefined();
  });
  test('of more than eight wants is refused', () => {
    const [want] = digest.wants;
    const wants = Array.from({ length: 9 }, () => want as NonNullable<typeof want>);
    expect(decodeDigest(encodeDigest({ ...digest, wants }))).toBeUndefined();
    expect(decodeDigest(encodeDigest({ ...digest, wants: wants.slice(1) }))?.wants).toHaveLength(8);
  });
  test('of a T0 beyond the scale is refused', () => {
    expect(decodeDigest(hex(`f7 ${bytes.slice(3)}`))).toBeUndefined();
  });
});

describe('want', () => {
  const prefixes = [hex('00010203'), hex('f0f1f2f3')];

  test('is four bytes a prefix', () => {
    expect(toHex(encodeWant(prefixes))).toBe('00010203f0f1f2f3');
    expect(decodeWant(hex('00010203f0f1f2f3'))).toEqual(prefixes);
  });
  test.each([0, 3, 5, 68])('of %i bytes is refused', (n) => {
    expect(decodeWant(new Uint8Array(n))).toBeUndefined();
  });
  test('of none or more than sixteen is a mistake', () => {
    expect(() => encodeWant([])).toThrow(RangeError);
    expect(() => encodeWant(Array.from({ length: 17 }, () => hex('00010203')))).toThrow(RangeError);
  });
});
