/** docs/protocol/messages.md, "Unreadable". */
import { describe, expect, test } from 'vitest';
import { concat, toHex } from '../../src/core/bytes.ts';
import { Identity } from '../../src/identity/keys.ts';
import { objectIdFrom } from '../../src/store/object.ts';
import {
  declareUnreadable,
  decodeUnreadable,
  encodeUnreadable,
  isGenuine,
  UNREADABLE_LENGTH,
} from '../../src/store/unreadable.ts';

const upward = (from: number) => Uint8Array.from({ length: 32 }, (_, i) => from + i);
const recipient = new Identity(upward(32));
const stranger = new Identity(upward(64));
const id = objectIdFrom(upward(0));

describe('unreadable', () => {
  const bytes = encodeUnreadable(declareUnreadable(recipient, id));

  test('golden bytes: object id 32 | recipient 16 | signature 64', () => {
    expect(bytes).toHaveLength(UNREADABLE_LENGTH);
    expect(toHex(bytes)).toBe(
      [
        '000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f',
        '25843b3a196efcefbf5b1390d78db52b',
        '6e7e8b7762ed8ce3b2d79912687db3de659d1fafd3277afe2ebae63674526f74910c0e9363c5d6936eaff59d693d4de1f4ea8bd00d6c00c308afbb81d7cf8907',
      ].join(''),
    );
    expect(decodeUnreadable(bytes)).toEqual(declareUnreadable(recipient, id));
  });

  test('is the word of the recipient alone, about this object alone', () => {
    const said = declareUnreadable(recipient, id);
    expect(isGenuine(said, recipient.publicKey)).toBe(true);
    expect(isGenuine(said, stranger.publicKey)).toBe(false);
    expect(isGenuine({ ...said, objectId: objectIdFrom(upward(1)) }, recipient.publicKey)).toBe(false);
    const inAnothersName = { ...declareUnreadable(stranger, id), recipient: recipient.nodeId };
    expect(isGenuine(inAnothersName, stranger.publicKey)).toBe(false);
    expect(isGenuine(inAnothersName, recipient.publicKey)).toBe(false);
  });

  test('with any flipped bit is not genuine', () => {
    for (let bit = 0; bit < 8 * bytes.length; bit += 3) {
      const bad = bytes.slice();
      bad[bit >> 3] = (bad[bit >> 3] as number) ^ (1 << (bit & 7));
      const said = decodeUnreadable(bad);
      expect(said && isGenuine(said, recipient.publicKey)).toBe(false);
    }
  });

  test('of another length is none', () => {
    for (let length = 0; length < UNREADABLE_LENGTH; length++)
      expect(decodeUnreadable(bytes.subarray(0, length))).toBeUndefined();
    expect(decodeUnreadable(concat(bytes, Uint8Array.of(0)))).toBeUndefined();
  });
});
