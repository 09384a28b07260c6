/** What is on the disk of a destination: golden bytes. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { fromHex, toHex } from '../../src/core/bytes.ts';
import { nodeIdFrom } from '../../src/identity/node-id.ts';
import { type DestinationRecord, destinationRecord } from '../../src/mesh/route-record.ts';

const hex = (text: string) => fromHex(text.replaceAll(/[\s|]/g, '')) as Uint8Array;
const id = (n: number) => nodeIdFrom(new Uint8Array(16).fill(n));

const record: DestinationRecord = {
  order: 0x01_0005,
  value: hex('a0a1a2a3a4a5a6a7'),
  said: { via: id(1), due: 0x0102 },
  routes: [
    {
      via: id(1),
      order: 0x01_0005,
      cost: { metric: 0x4321, price: 7, bottleneck: 99, hops: 3 },
      expires: 500,
    },
    {
      via: id(2),
      order: 0x01_0002,
      cost: { metric: 0x5000, price: 0, bottleneck: 80, hops: 2, away: true },
      expires: 9,
    },
  ],
};
const bytes = `0500010000000000 | a0a1a2a3a4a5a6a7 | 01 | ${'01'.repeat(16)} 02010000
  | ${'01'.repeat(16)} 0000 2143 0700 63 03 f4010000 | ${'02'.repeat(16)} 0300 0050 0000 50 82 09000000`.replaceAll(
  /\s/g,
  '',
);
const unsaid = '0500010000000000 | a0a1a2a3a4a5a6a7 | 00';

describe('the record of a destination', () => {
  test('is 17 bytes, 20 where it is advertised, and 28 a route', () => {
    expect(toHex(destinationRecord.encode(record))).toBe(toHex(hex(bytes)));
    expect(destinationRecord.decode(hex(bytes))).toEqual(record);
  });

  test('may say nothing but how fresh the destination is', () => {
    const bare = { ...record, said: undefined, routes: [] };
    expect(toHex(destinationRecord.encode(bare))).toBe(toHex(hex(unsaid)));
    expect(destinationRecord.decode(hex(unsaid))).toEqual(bare);
  });

  test.each([
    ['nothing', ''],
    ['a flag that is not known', unsaid.replace(/00$/, '02')],
    ['a route cut short', bytes.slice(0, -2)],
    ['an order beyond all counting', unsaid.replace('0500010000000000', `${'ff'.repeat(8)}`)],
    [
      'a route older than the first',
      `0000000000000000 | a0a1a2a3a4a5a6a7 | 00 | ${'02'.repeat(16)} 0300 0050 0000 50 82 09000000`,
    ],
  ])('of %s is refused', (_what, malformed) => {
    expect(() => destinationRecord.decode(hex(malformed))).toThrow(RangeError);
  });

  test('of any bytes is read or refused', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 120 }), (any) => {
        try {
          expect(toHex(destinationRecord.encode(destinationRecord.decode(any)))).toBe(toHex(any));
        } catch (e) {
          expect(e).toBeInstanceOf(RangeError);
        }
      }),
    );
  });
});
