/** The transition table of docs/protocol/store.md, "Trace", state by state. */
import { describe, expect, test } from 'vitest';
import {
  type HandedOn,
  type Held,
  type Trace,
  type TraceEvent,
  type Tried,
  transition,
  underSequence,
} from '../../src/store/trace.ts';

const secret = new Uint8Array(16).fill(3);
const signature = new Uint8Array(64).fill(4);
const policy: Tried = { neighbour: 'p', reason: 'policy', until: Infinity };
const seen: Tried = { neighbour: 's', reason: 'seen', until: Infinity };
const noRoute: Tried = { neighbour: 'n', reason: 'no-route', until: 1000 };
const uncertain: Tried = { neighbour: 'u', reason: 'uncertain', until: 1000 };
const underway = {
  ...{ attempt: 0, sequence: 7, givers: ['a'], hopsLeft: 5 },
  ...{ tried: [policy, seen, noRoute, uncertain], asks: 0, askAt: 0 },
};
const held: Held = { state: 'held', ...underway };
const handedOn: HandedOn = { state: 'handed-on', taker: 'b', ...underway };
const dropped: Trace = { state: 'dropped', ...underway };
const receipted: Trace = { state: 'receipted', givers: ['a'], secret };
const unreadable: Trace = { state: 'unreadable', givers: ['a'], signature };

const now = { attempt: 0, sequence: 7 };
const later = { attempt: 0, sequence: 8 };
const offered = (stamp = now, by = 'c'): TraceEvent => ({ kind: 'offered', by, stamp, hopsLeft: 9 });
const given: TraceEvent = { kind: 'given', to: 'b', stamp: now, askAt: 50 };
const returned = (stamp = now): TraceEvent => ({ kind: 'returned', by: 'b', stamp });
const refused = (tried: Tried, stamp = now): TraceEvent => ({ kind: 'refused', tried, stamp });
const asked: TraceEvent = { kind: 'asked', next: 99 };
const raised: TraceEvent = { kind: 'raised', hopsLeft: 60 };
const drop: TraceEvent = { kind: 'dropped' };
const receipt: TraceEvent = { kind: 'receipt', secret };
const unreadableWord: TraceEvent = { kind: 'unreadable', signature };
const acknowledged = (by = 'a'): TraceEvent => ({ kind: 'acknowledged', by });

describe('held', () => {
  test.each<[string, TraceEvent, Trace]>([
    ['an offer adds a giver, who is owed the receipt', offered(), { ...held, givers: ['a', 'c'] }],
    ['the newest giver is the last', offered(now, 'a'), held],
    [
      'a newer offer renews it: who refused the older one may be asked again',
      offered(later),
      { ...held, ...later, givers: ['a', 'c'], hopsLeft: 9, tried: [policy, uncertain] },
    ],
    ['custody elsewhere hands it on', given, { ...handedOn, askAt: 50 }],
    [
      'a copy that comes back leaves one, and its giver tried',
      returned(),
      { ...held, tried: [...held.tried, { neighbour: 'b', reason: 'seen', until: Infinity }] },
    ],
    [
      'a refusal is remembered, the newest of each neighbour',
      refused({ ...noRoute, until: 2000 }),
      { ...held, tried: [policy, seen, uncertain, { ...noRoute, until: 2000 }] },
    ],
    [
      'a refusal under a newer sequence counts for that one',
      refused(noRoute, later),
      { ...held, ...later, tried: [policy, uncertain, noRoute] },
    ],
    ["a stranger's time is over", drop, dropped],
    ['the receipt ends it', receipt, receipted],
    ['so does the word that it is unreadable', unreadableWord, unreadable],
  ])('%s', (_what, event, after) => {
    expect(transition(held, event)).toEqual(after);
  });
  test.each([asked, raised, acknowledged()])('is unmoved by %o', (event) => {
    expect(transition(held, event)).toBeUndefined();
  });
  test('an older stamp changes nothing but the givers', () => {
    expect(transition(held, offered({ attempt: 0, sequence: 6 }))).toEqual({ ...held, givers: ['a', 'c'] });
  });
  test('hears of a newer sequence, not of an older one', () => {
    expect(underSequence(held, 9)).toEqual({ ...held, sequence: 9, tried: [policy, uncertain] });
    expect(underSequence(held, 6)).toEqual(held);
  });
  test('keeps at most 16 givers and 64 tried', () => {
    let trace: Trace = held;
    for (let i = 0; i < 100; i++) {
      trace = transition(trace, offered(now, `g${i}`)) ?? trace;
      trace = transition(trace, refused({ ...seen, neighbour: `t${i}` })) ?? trace;
    }
    expect(trace.givers).toHaveLength(16);
    expect(trace.givers.at(-1)).toBe('g99');
    expect((trace as Held).tried).toHaveLength(64);
  });
});

describe('handed on', () => {
  test.each<[string, TraceEvent, Trace]>([
    [
      'enters again under a newer sequence',
      offered(later),
      { ...held, ...later, givers: ['a', 'c'], hopsLeft: 9, tried: [policy, uncertain] },
    ],
    [
      'enters again under a newer attempt, whatever the sequence',
      offered({ attempt: 1, sequence: 3 }),
      { ...held, attempt: 1, sequence: 3, givers: ['a', 'c'], hopsLeft: 9, tried: [policy, uncertain] },
    ],
    [
      'comes back from its taker, who is not tried again',
      returned(),
      { ...held, tried: [...held.tried, { neighbour: 'b', reason: 'seen', until: Infinity }] },
    ],
    ['its takers were asked', asked, { ...handedOn, asks: 1, askAt: 99 }],
    [
      'is sent once more, to whoever had it only where there is nobody else',
      raised,
      {
        ...{ ...held, attempt: 1, hopsLeft: 60 },
        tried: [policy, uncertain, { neighbour: 'b', reason: 'uncertain', until: Infinity }],
      },
    ],
    ['keeps its givers for the receipt', receipt, receipted],
    ['and for the word that it is unreadable', unreadableWord, unreadable],
  ])('%s', (_what, event, after) => {
    expect(transition(handedOn, event)).toEqual(after);
  });
  test.each([offered(), given, refused(seen), drop, acknowledged()])('is unmoved by %o', (event) => {
    expect(transition(handedOn, event)).toBeUndefined();
  });
  test('is not raised beyond what a byte can say', () => {
    expect(transition({ ...handedOn, attempt: 255 }, raised)).toBeUndefined();
  });
});

describe('dropped', () => {
  test('enters again under a newer stamp only', () => {
    expect(transition(dropped, offered(later))).toMatchObject({ state: 'held', ...later });
    expect(transition(dropped, offered())).toBeUndefined();
  });
  test('lets the receipt pass, and the word that it is unreadable', () => {
    expect(transition(dropped, receipt)).toEqual(receipted);
    expect(transition(dropped, unreadableWord)).toEqual(unreadable);
  });
  test.each([given, returned(), refused(seen), asked, raised, drop, acknowledged()])(
    'is unmoved by %o',
    (event) => {
      expect(transition(dropped, event)).toBeUndefined();
    },
  );
});

describe.each([receipted, unreadable])('$state', (trace) => {
  test('owes each giver until that one has it', () => {
    expect(transition(trace, acknowledged())).toEqual({ ...trace, givers: [] });
    expect(transition(trace, acknowledged('x'))).toBeUndefined();
  });
  test.each([offered(later), given, returned(), refused(seen), asked, raised, drop, unreadableWord])(
    'is not changed by %o',
    (event) => {
      expect(transition(trace, event)).toBeUndefined();
    },
  );
});

test('a receipt is believed even after the word that it is unreadable, and not twice', () => {
  expect(transition(unreadable, receipt)).toEqual(receipted);
  expect(transition(receipted, receipt)).toBeUndefined();
});
