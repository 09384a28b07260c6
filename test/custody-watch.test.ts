/** That the watch over custody sees what it is there to see. */
import { expect, test } from 'vitest';
import { logByteOf } from '../src/core/log-byte.ts';
import type { NodeId } from '../src/identity/node-id.ts';
import type { Holding } from '../src/store/holding.ts';
import type { ObjectId } from '../src/store/object.ts';
import type { Trace } from '../src/store/trace.ts';
import { CustodyWatch } from './custody-watch.ts';

const HOUR_MINUTES = 60;
const NEIGHBOUR = new Uint8Array(16) as NodeId;
const SEEN = { neighbour: '00'.repeat(16), reason: 'seen', until: Infinity } as const;
const common = { givers: [], hopsLeft: 60, tried: [], asks: 0, askAt: 0 };

const held = (attempt: number, sequence: number) =>
  ({ state: 'held', attempt, sequence, ...common }) as const;
const handedOn = (attempt: number, sequence: number): Trace => ({
  ...{ state: 'handed-on', taker: '00'.repeat(16), attempt, sequence },
  ...common,
});

function holding(trace: Trace, from: NodeId | undefined): Holding {
  return {
    ...{ id: new Uint8Array(32) as ObjectId, lock: new Uint8Array(16), recipient: NEIGHBOUR, from },
    ...{
      stranger: false,
      pending: false,
      ttl: logByteOf(HOUR_MINUTES),
      priority: 1,
      minBandwidth: 0,
      size: 100,
    },
    ...{ since: 0, heldMs: 0, expiresAt: 1e9, trace },
  };
}

function watched() {
  let now = 0;
  const watch = new CustodyWatch({ monotonic: () => now });
  return {
    watch,
    author: (trace: Trace) => watch.trace('author', holding(trace, undefined)),
    authorForgets: () => watch.removed('author', holding(held(0, 5), undefined)),
    relay: (trace: Trace) => watch.trace('relay', holding(trace, NEIGHBOUR)),
    at: (ms: number) => {
      now = ms;
    },
  };
}

test('an object that goes from hand to hand is in order', () => {
  const { author, relay, watch } = watched();
  author(held(0, 5));
  relay(held(0, 5));
  author(handedOn(0, 5));
  expect(watch.violations).toEqual([]);
  expect(watch.way('00'.repeat(16))).toEqual({ entries: 1, raised: 0 });
});

test('one that nobody holds is not', () => {
  const { author, watch } = watched();
  author(held(0, 5));
  author(handedOn(0, 5));
  expect(watch.violations).toHaveLength(1);
});

test('one that is dropped is in order as long as its writer keeps a copy', () => {
  const { author, authorForgets, relay, watch } = watched();
  author(held(0, 5));
  relay(held(0, 5));
  author(handedOn(0, 5));
  relay({ state: 'dropped', attempt: 0, sequence: 5, ...common });
  expect(watch.violations).toEqual([]);
  relay(held(1, 5));
  authorForgets();
  expect(watch.violations).toEqual([expect.stringContaining('forgot')]);
  relay({ state: 'dropped', attempt: 1, sequence: 5, ...common });
  expect(watch.violations).toEqual([expect.anything(), expect.stringContaining('nobody has it')]);
});

test('forgetting it is in order once it has expired', () => {
  const { at, author, authorForgets, watch } = watched();
  author(held(0, 5));
  at(0.75 * 60 * HOUR_MINUTES * 1000);
  authorForgets();
  expect(watch.violations).toEqual([]);
});

test('a box that is entered under a newer stamp, or by a return, is in order', () => {
  const { author, relay, watch } = watched();
  author(held(0, 5));
  relay(held(0, 5));
  relay(handedOn(0, 5));
  relay({ ...held(0, 5), tried: [SEEN] });
  relay(handedOn(0, 5));
  relay({ ...held(1, 5), givers: ['11'.repeat(16)] });
  expect(watch.violations).toEqual([]);
  expect(watch.way('00'.repeat(16)).entries).toBe(2);
});

test.each([
  ['after it was handed on', handedOn(0, 5)],
  ['after it came back and was handed on again', { ...handedOn(0, 5), tried: [SEEN] }],
  ['after it was dropped', { state: 'dropped', attempt: 0, sequence: 5, ...common } as Trace],
])('one that is entered twice under one stamp is not: %s', (_name, between) => {
  const { author, relay, watch } = watched();
  author(held(0, 5));
  relay(held(0, 5));
  relay(between);
  relay({ ...held(0, 5), tried: between.state === 'handed-on' ? between.tried : [] });
  expect(watch.violations).toEqual([expect.stringContaining('entered twice')]);
});
