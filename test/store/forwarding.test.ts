/** The forwarding rules: docs/protocol/store.md, "Forwarding". */
import { describe, expect, test } from 'vitest';
import { nodeIdFromKey, nodeIdKey } from '../../src/identity/node-id.ts';
import type { Candidate } from '../../src/mesh/routing.ts';
import {
  ageByteOf,
  ageOf,
  askAfterMs,
  holdTimeMs,
  meetOffer,
  meetReturn,
  openTo,
} from '../../src/store/forwarding.ts';
import { newer, newerSequence, newestOf } from '../../src/store/stamp.ts';
import { freshTrace, type HandedOn, type Held, type Trace, type Tried } from '../../src/store/trace.ts';
import { Transfers } from '../../src/store/transfers.ts';

const HOUR = 3_600_000;
const now = { attempt: 1, sequence: 7 };
const older = { attempt: 1, sequence: 6 };
const later = { attempt: 1, sequence: 8 };
const held: Held = freshTrace(now, 5, 'a');
const handedOn: HandedOn = { ...held, state: 'handed-on', taker: 'b' };
const dropped: Trace = { ...held, state: 'dropped' };
const receipted: Trace = { state: 'receipted', givers: [], secret: new Uint8Array(16) };
const unreadable: Trace = { state: 'unreadable', givers: [], signature: new Uint8Array(64) };

describe('stamps', () => {
  test('sequences are compared serially, and 0 is older than every other', () => {
    expect(newerSequence(8, 7)).toBe(true);
    expect(newerSequence(7, 7)).toBe(false);
    expect(newerSequence(3, 65_530)).toBe(true);
    expect(newerSequence(65_530, 3)).toBe(false);
    expect(newerSequence(40_000, 0)).toBe(true);
    expect(newerSequence(0, 65_535)).toBe(false);
    expect(newerSequence(0, 0)).toBe(false);
  });
  test('the attempt counts before the sequence', () => {
    expect(newer({ attempt: 2, sequence: 1 }, now)).toBe(true);
    expect(newer({ attempt: 0, sequence: 9 }, now)).toBe(false);
    expect(newestOf(older, now)).toEqual(now);
  });
});

describe('rule 1: an offer', () => {
  test.each([
    ['that is new', undefined, now, false, 'take'],
    ['of what is held: the giver may let go', held, now, false, 'have'],
    ['of what is held, under an older stamp', held, older, false, 'have'],
    ['of what is just being handed over', held, later, true, 'busy'],
    ['of what was handed on', handedOn, now, false, 'seen'],
    ['of what was handed on, under a newer stamp', handedOn, later, false, 'take'],
    ['of what was dropped', dropped, now, false, 'seen'],
    ['of what was dropped, under a newer stamp', dropped, later, false, 'take'],
    ['of what is receipted', receipted, later, true, 'receipt'],
    ['of what is unreadable', unreadable, later, false, 'unreadable'],
  ] as const)('%s', (_what, trace, stamp, transferring, meeting) => {
    expect(meetOffer(trace, 'a', stamp, transferring)).toBe(meeting);
  });
  test('of the seventeenth giver is refused, of a known one not', () => {
    const crowd = { ...held, givers: Array.from({ length: 16 }, (_, i) => `g${i}`) };
    expect(meetOffer(crowd, 'a', now, false)).toBe('crowded');
    expect(meetOffer(crowd, 'g3', now, false)).toBe('have');
  });
});

describe('a return', () => {
  test.each([
    ['of what is not known', undefined, 'b', now, false, 'seen'],
    ['by the taker', handedOn, 'b', now, false, 'take'],
    ['by the taker, who has heard of a newer sequence', handedOn, 'b', later, false, 'take'],
    ['by the taker, of an older copy', handedOn, 'b', older, false, 'seen'],
    ['by somebody else, of the same stamp', handedOn, 'c', now, false, 'seen'],
    ['of what is held as well', held, 'b', now, false, 'have'],
    ['of what is just being handed over', held, 'b', now, true, 'busy'],
    ['of what was dropped', dropped, 'b', now, false, 'seen'],
    ['of what is receipted', receipted, 'b', now, false, 'receipt'],
    ['of what is unreadable', unreadable, 'b', now, false, 'unreadable'],
  ] as const)('%s', (_what, trace, by, stamp, transferring, meeting) => {
    expect(meetReturn(trace, by, stamp, transferring)).toBe(meeting);
  });
});

describe('rule 2: who may be offered it', () => {
  const idOf = (i: number) => nodeIdFromKey(`${i}`.padStart(32, '0'));
  const keyOf = (c: Candidate) => nodeIdKey(c.neighbour);
  const candidates = [1, 2, 3].map((i) => ({ neighbour: idOf(i), metric: i, direct: false }));
  const tried = (i: number, reason: Tried['reason'], until = Infinity): Tried => {
    return { neighbour: nodeIdKey(idOf(i)), reason, until };
  };
  const openOf = (trace: Held, all: readonly Candidate[] = candidates) =>
    openTo(trace, all, keyOf, 1000).map((c) => c.metric);
  test('candidates in their order', () => {
    expect(openOf(held)).toEqual([1, 2, 3]);
  });
  test('no giver, and nobody tried whose time is not over', () => {
    expect(openOf({ ...held, givers: [nodeIdKey(idOf(1))] })).toEqual([2, 3]);
    expect(openOf({ ...held, tried: [tried(2, 'no-route', 1001), tried(3, 'no-route', 1000)] })).toEqual([
      1, 3,
    ]);
    expect(openOf({ ...held, tried: [tried(1, 'seen'), tried(2, 'policy')] })).toEqual([3]);
  });
  test('whose answers were lost comes last', () => {
    expect(openOf({ ...held, tried: [tried(1, 'uncertain', 2000)] })).toEqual([2, 3, 1]);
  });
  test('without hops left only the recipient', () => {
    const direct = { neighbour: idOf(4), metric: 4, direct: true };
    expect(openOf({ ...held, hopsLeft: 0 }, [...candidates, direct])).toEqual([4]);
  });
});

test('rule 3: held for min(6 h, max(2 h, 3 T0), ttl / 8)', () => {
  expect(holdTimeMs(7 * 24 * HOUR, HOUR / 2)).toBe(2 * HOUR);
  expect(holdTimeMs(7 * 24 * HOUR, HOUR)).toBe(3 * HOUR);
  expect(holdTimeMs(7 * 24 * HOUR, 10 * HOUR)).toBe(6 * HOUR);
  expect(holdTimeMs(8 * HOUR, HOUR)).toBe(HOUR);
});

test('rule 5: the sender asks after 1 h, 3 h, 6 h, 12 h, then daily', () => {
  const times = [0, 1, 2, 3, 4, 5].map(askAfterMs);
  const since = times.map((_, i) => times.slice(0, i + 1).reduce((a, b) => a + b) / HOUR);
  expect(since).toEqual([1, 3, 6, 12, 36, 60]);
});

describe('ages', () => {
  test('are rounded up or down at random, so that many hops add nothing on average', () => {
    const draws = Array.from({ length: 100 }, (_, i) => (i + 0.5) / 100);
    for (const minutes of [0, 0.3, 1, 2.5, 17, 61, 1000, 10_000, 40_000]) {
      const mean = draws.reduce((sum, d) => sum + ageOf(ageByteOf(minutes, d)), 0) / draws.length;
      expect(Math.abs(mean - minutes)).toBeLessThanOrEqual(Math.max(0.6, minutes / 50));
    }
  });
  test('of nothing are the byte 0, and beyond thirty days the last one', () => {
    expect(ageByteOf(0, 0.99)).toBe(0);
    expect(ageOf(0)).toBe(0);
    expect(ageByteOf(1e9, 0.5)).toBe(246);
  });
});

describe('an answer releases only the transfer that it answers', () => {
  const open = () => {
    const transfers = new Transfers();
    transfers.begin(1, 'b', now);
    return transfers;
  };
  test('of that neighbour, under that stamp, late ones included', () => {
    const transfers = open();
    expect(transfers.running(1)).toBe(true);
    expect(transfers.answeredBy(1, 'b', now)).toBe(true);
    expect(transfers.answeredBy(1, 'c', now)).toBe(false);
    expect(transfers.answeredBy(2, 'b', now)).toBe(false);
    transfers.uncertain(1);
    expect(transfers.running(1)).toBe(false);
    expect(transfers.answeredBy(1, 'b', now)).toBe(true);
  });
  test('not a transfer of the same object to the same neighbour under a newer stamp', () => {
    const transfers = open();
    transfers.begin(1, 'b', later);
    expect(transfers.answeredBy(1, 'b', now)).toBe(false);
  });
  test('not once somebody was told since that the object is kept', () => {
    const transfers = open();
    transfers.end(1);
    expect(transfers.answeredBy(1, 'b', now)).toBe(false);
  });
});
