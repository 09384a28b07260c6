/** The stored form of a trace: docs/protocol/store.md, "Stored form". Golden bytes, state by state. */
import { describe, expect, test } from 'vitest';
import { fromHex, toHex } from '../../src/core/bytes.ts';
import { nodeIdFrom } from '../../src/identity/node-id.ts';
import { type Holding, holdingValue } from '../../src/store/holding.ts';
import { objectIdFrom } from '../../src/store/object.ts';
import type { Trace } from '../../src/store/trace.ts';

const of = (byte: number, n: number) => new Uint8Array(n).fill(byte);
const hexOf = (byte: number, n: number) => toHex(of(byte, n));
const own: Omit<Holding, 'trace'> = {
  id: objectIdFrom(of(0x11, 32)),
  lock: of(0x22, 16),
  recipient: nodeIdFrom(of(0x33, 16)),
  from: undefined,
  stranger: false,
  pending: false,
  ttl: 213,
  priority: 2,
  minBandwidth: 10_000,
  size: 300,
  since: 0x0a0b,
  heldMs: 0x0c0d,
  expiresAt: 0x0102,
};
const underway = { attempt: 1, sequence: 0x0203, hopsLeft: 50 };
const head = (state: string, flags: string, from = '') =>
  `${state}${flags}${hexOf(0x11, 32)}${hexOf(0x22, 16)}${hexOf(0x33, 16)}${from}` +
  'd502102700002c0100000b0a0000000000000d0c0000000000000201000000000000';

const GOLDEN: readonly [string, Omit<Holding, 'trace'>, Trace, string][] = [
  [
    'held, our own',
    own,
    { state: 'held', ...underway, givers: [], tried: [], asks: 0, askAt: 0 },
    `${head('00', '00')}000103023200000000000000000000`,
  ],
  [
    "held, a stranger's, with those tried",
    { ...own, from: nodeIdFrom(of(0x44, 16)), stranger: true },
    {
      state: 'held',
      ...underway,
      givers: [hexOf(0x55, 16), hexOf(0x44, 16)],
      tried: [
        { neighbour: hexOf(0x66, 16), reason: 'no-route', until: 0x0405 },
        { neighbour: hexOf(0x77, 16), reason: 'seen', until: Infinity },
      ],
      asks: 0,
      askAt: 0,
    },
    `${head('00', '03', hexOf(0x44, 16))}02${hexOf(0x55, 16)}${hexOf(0x44, 16)}0103023200000000000000000002` +
      `${hexOf(0x66, 16)}010504000000000000${hexOf(0x77, 16)}02ffffffffffffffff`,
  ],
  [
    'held, pending for one whose mailbox this is',
    { ...own, from: nodeIdFrom(of(0x44, 16)), stranger: true, pending: true },
    { state: 'held', ...underway, givers: [], tried: [], asks: 0, askAt: 0 },
    `${head('00', '07', hexOf(0x44, 16))}000103023200000000000000000000`,
  ],
  [
    'handed on, and asked for',
    own,
    {
      state: 'handed-on',
      ...underway,
      ...{ taker: hexOf(0x88, 16), givers: [], tried: [], asks: 2, askAt: 0x0607 },
    },
    `${head('01', '00')}00${hexOf(0x88, 16)}0103023202070600000000000000`,
  ],
  [
    'dropped',
    { ...own, from: nodeIdFrom(of(0x44, 16)), stranger: true },
    { state: 'dropped', ...underway, givers: [hexOf(0x44, 16)], tried: [], asks: 0, askAt: 0 },
    `${head('02', '03', hexOf(0x44, 16))}01${hexOf(0x44, 16)}0103023200000000000000000000`,
  ],
  [
    'receipted',
    { ...own, from: nodeIdFrom(of(0x44, 16)) },
    { state: 'receipted', givers: [hexOf(0x44, 16)], secret: of(0x99, 16) },
    `${head('03', '01', hexOf(0x44, 16))}01${hexOf(0x44, 16)}${hexOf(0x99, 16)}`,
  ],
  [
    'unreadable',
    own,
    { state: 'unreadable', givers: [], signature: of(0xaa, 64) },
    `${head('04', '00')}00${hexOf(0xaa, 64)}`,
  ],
];

describe.each(GOLDEN)('%s', (_what, holding, trace, bytes) => {
  test('is these bytes', () => {
    expect(toHex(holdingValue.encode({ ...holding, trace }))).toBe(bytes);
  });
  test('is read from them', () => {
    expect(holdingValue.decode(fromHex(bytes) as Uint8Array)).toEqual({ ...holding, trace });
  });
  test('is damaged where a byte is missing or left over', () => {
    const whole = fromHex(bytes) as Uint8Array;
    expect(() => holdingValue.decode(whole.subarray(1))).toThrow();
    expect(() => holdingValue.decode(Uint8Array.from([...whole, 0]))).toThrow('damaged');
    expect(() => holdingValue.decode(whole.subarray(0, -1))).toThrow('damaged');
  });
});
