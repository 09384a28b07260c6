/** That the watch over custody sees what it is there to see. */
import { expect, test } from 'vitest';
import type { NodeId } from '../../src/identity/node-id.ts';
import type { Holding } from '../../src/store/holding.ts';
import type { ObjectId } from '../../src/store/object.ts';
import type { Trace } from '../../src/store/trace.ts';
import { CustodyWatch } from './custody-watch.ts';

const NEIGHBOUR = new Uint8Array(16) as NodeId;
const common = { givers: [], hopsLeft: 60, tried: [], asks: 0, askAt: 0 };

const held = (attempt: number, sequence: number): Trace => ({ state: 'held', attempt, sequence, ...common });
const handedOn = (attempt: number, sequence: number): Trace => ({
  ...{ state: 'handed-on', taker: '00'.repeat(16), attempt, sequence },
  ...common,
});

function holding(trace: Trace, from: NodeId | undefined): Holding {
  return {
    ...{ id: new Uint8Array(32) as ObjectId, lock: new Uint8Array(16), recipient: NEIGHBOUR, from },
    ...{ stranger: false, pending: false, ttl: 100, priority: 1, minBandwidth: 0, size: 100, trace },
    ...{ since: 0, heldMs: 0, expiresAt: 1e9 },
  };
}

function watched() {
  const watch = new CustodyWatch();
  return {
    watch,
    author: (trace: Trace) => watch.trace('author', holding(trace, undefined)),
    relay: (trace: Trace) => watch.trace('relay', holding(trace, NEIGHBOUR)),
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

test('a box that is entered twice under one stamp is not; under a newer one, or by a return, it is', () => {
  const { author, relay, watch } = watched();
  author(held(0, 5));
  relay(held(0, 5));
  relay({ ...handedOn(0, 5) });
  relay(held(0, 5)); // came back
  relay(handedOn(0, 5));
  relay(held(1, 5));
  expect(watch.violations).toEqual([]);
  relay({ state: 'dropped', attempt: 1, sequence: 5, ...common });
  relay(held(1, 5));
  expect(watch.violations).toHaveLength(1);
});
