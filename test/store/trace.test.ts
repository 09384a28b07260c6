/** The transition table of docs/protocol/store.md, "Trace", state by state. */
import { describe, expect, test } from 'vitest';
import { type Trace, type TraceEvent, transition } from '../../src/store/trace.ts';

const secret = new Uint8Array(16).fill(3);
const held: Trace = { state: 'held', givers: ['a'] };
const handedOn: Trace = { state: 'handed-on', givers: ['a'], taker: 'b' };
const receipted: Trace = { state: 'receipted', givers: ['a'], secret };

const custody: TraceEvent = { kind: 'custody', by: 'b' };
const receipt: TraceEvent = { kind: 'receipt', secret };
const acknowledged: TraceEvent = { kind: 'receipted', by: 'a' };
const unreadable: TraceEvent = { kind: 'unreadable' };
const expire: TraceEvent = { kind: 'expire' };

describe('held', () => {
  test.each<[TraceEvent, Trace]>([
    [custody, handedOn],
    [receipt, receipted],
    [unreadable, { state: 'unreadable' }],
    [expire, { state: 'expired' }],
  ])('on %o', (event, after) => {
    expect(transition(held, event)).toEqual(after);
  });
  test('is unmoved by an acknowledgement of a receipt that it has not given', () => {
    expect(transition(held, acknowledged)).toBeUndefined();
  });
});

describe('handed on', () => {
  test('stays with the first taker', () => {
    expect(transition(handedOn, { kind: 'custody', by: 'c' })).toBeUndefined();
  });
  test('keeps its givers for the receipt', () => {
    expect(transition(handedOn, receipt)).toEqual(receipted);
  });
});

describe('receipted', () => {
  test('owes each giver until that one has it', () => {
    expect(transition(receipted, acknowledged)).toEqual({ ...receipted, givers: [] });
    expect(transition(receipted, { kind: 'receipted', by: 'x' })).toBeUndefined();
  });
  test.each([custody, receipt, unreadable, expire])('is not changed by %o', (event) => {
    expect(transition(receipted, event)).toBeUndefined();
  });
});

describe.each<Trace>([{ state: 'unreadable' }, { state: 'expired' }])('%o', (trace) => {
  test.each([custody, receipt, acknowledged, unreadable, expire])('is final: %o', (event) => {
    expect(transition(trace, event)).toBeUndefined();
  });
});
