/** docs/protocol/link.md, "The LAN": the datagram by which boxes find each other. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { fromHex, toHex } from '../../../src/core/bytes.ts';
import { decodeLanBeacon, encodeLanBeacon } from '../../../src/link/lan/beacon.ts';

const instance = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8);
const GOLDEN = '4e5842010102030405060708' + '2e6a';

test('golden bytes', () => {
  expect(toHex(encodeLanBeacon({ instance, port: 27182 }))).toBe(GOLDEN);
  expect(decodeLanBeacon(fromHex(GOLDEN) as Uint8Array)).toEqual({ instance, port: 27182 });
});

test('what a later version adds is skipped', () => {
  expect(decodeLanBeacon(fromHex(`${GOLDEN}aabb`) as Uint8Array)).toEqual({ instance, port: 27182 });
});

test.each([
  ['nothing', ''],
  ['a byte too few', GOLDEN.slice(0, -2)],
  ['another magic', `ff${GOLDEN.slice(2)}`],
  ['another version', GOLDEN.replace('4e584201', '4e584202')],
  ['no port', `${GOLDEN.slice(0, -4)}0000`],
])('%s is none', (_what, hex) => {
  expect(decodeLanBeacon(fromHex(hex) as Uint8Array)).toBeUndefined();
});

test('arbitrary bytes never throw', () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => void decodeLanBeacon(bytes)));
});
