/** docs/protocol/link.md, "Sessions": which sessions there are and which one is sent on; frames carried by hand. */
import { describe, expect, test } from 'vitest';
import { compare, equal, toHex } from '../../src/core/bytes.ts';
import { FOLLOWS } from '../../src/link/frame.ts';
import type { Live } from '../../src/link/sessions.ts';
import { linkedPair, livePair, Party, seal } from './pairs.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

/** `a` with the lower NodeId. */
function ordered(): { a: Party; b: Party } {
  const [p, q] = [new Party('a'), new Party('b')];
  return compare(p.id, q.id) < 0 ? { a: p, b: q } : { a: q, b: p };
}

const opened = (result: ReturnType<Party['open']>): Live => {
  if (typeof result === 'string') throw new Error(result);
  return result.live;
};
const finished = (live: Live | undefined): Live => {
  if (!live) throw new Error('not finished');
  return live;
};

describe('becoming live', () => {
  test('for the initiator with message 2, for the responder with the first frame', () => {
    const { a, b, atA } = linkedPair();
    expect(a.sessions.current(b.id, 0)).toBe(atA);
    expect(b.sessions.current(a.id, 0)).toBeUndefined();
    const atB = opened(b.open(seal(atA.session, 'x')));
    expect(b.sessions.current(a.id, 0)).toBe(atB);
    expect(toHex(atB.publicKey)).toBe(toHex(a.identity.publicKey));
  });

  test('both sides have each other among their peers', () => {
    const { a, b } = linkedPair();
    expect(a.sessions.peers()).toEqual([b.id]);
    expect(b.sessions.peers()).toEqual([a.id]);
  });

  test('a repeated message 1 is answered with the same message 2', () => {
    const [a, b] = [new Party('a'), new Party('b')];
    const message1 = a.begin(b);
    expect(a.begin(b)).toBe(message1);
    const message2 = b.respond(message1);
    expect(b.respond(message1, 1000)).toBe(message2);
    finished(a.finish(message2));
    expect(a.finish(message2)).toBeUndefined();
  });

  test('old keys live on until the new ones have opened something', () => {
    const { a, b, atB } = livePair();
    const replacement = finished(a.finish(b.respond(a.begin(b, HOUR), HOUR), HOUR));
    expect(b.sessions.current(a.id, HOUR)).toBe(atB);
    expect(a.sessions.current(b.id, HOUR)).toBe(replacement);
    const atBNew = opened(b.open(seal(replacement.session, 'x'), HOUR));
    expect(b.sessions.current(a.id, HOUR)).toBe(atBNew);
  });

  test('frames that were under way under the old keys still open', () => {
    const { a, b, atA } = livePair();
    const late = seal(atA.session, 'late');
    const replacement = finished(a.finish(b.respond(a.begin(b, HOUR), HOUR), HOUR));
    opened(b.open(seal(replacement.session, 'x'), HOUR));
    expect(b.open(late, HOUR)).toMatchObject({ n: 1n });
  });
});

describe('half-open responses', () => {
  const strangers = (n: number, from = 0) =>
    Array.from({ length: n }, (_, i) => new Party(`stranger ${from + i}`));

  test('are at most four: a new one evicts the oldest', () => {
    const b = new Party('b');
    const begun = strangers(5).map((s) => {
      const message1 = s.begin(b);
      return { s, message1, message2: b.respond(message1) };
    });
    expect(b.sessions.peers()).toHaveLength(4);
    expect(b.sessions.peers().some((id) => equal(id, begun[0]?.s.id ?? id))).toBe(false);
    const [first, second] = begun;
    if (!first || !second) throw new Error('no strangers');
    // the evicted one's keys are gone; the others' are not
    expect(b.open(seal(finished(first.s.finish(first.message2)).session, 'x'))).toBe('other');
    opened(b.open(seal(finished(second.s.finish(second.message2)).session, 'x')));
  });

  test('stale ones go first, whoever is older', () => {
    const { a, b } = livePair();
    // b has opened a session with counter 1; a's restored twin begins with counters up to 1
    const [s1, s2, s3, s4] = strangers(4);
    if (!s1 || !s2 || !s3 || !s4) throw new Error('no strangers');
    b.respond(s1.begin(b));
    b.respond(s2.begin(b));
    a.counter = 0n;
    const stale = b.respond(a.begin(b));
    b.respond(s3.begin(b));
    b.respond(s4.begin(b));
    expect(typeof stale).not.toBe('string');
    const ids = b.sessions.peers().map(toHex);
    for (const s of [s1, s2, s3, s4]) expect(ids).toContain(toHex(s.id));
    expect(b.sessions.awaitedFrom(a.id)).toBeUndefined();
  });

  test('a stale one is answered where there is a place, and never takes that of a fresh one of this minute', () => {
    const { a, b, atA } = livePair();
    for (const s of strangers(4)) b.respond(s.begin(b));
    a.counter = 0n;
    const message1 = a.begin(b);
    expect(b.respond(message1, MINUTE - 1)).toBe('half-open-full');
    const restored = finished(a.finish(b.respond(message1, MINUTE)));
    expect(restored).not.toBe(atA);
    opened(b.open(seal(restored.session, 'I was restored from a backup'), MINUTE));
  });

  test('end after ten minutes', () => {
    const { a, b, atA } = linkedPair();
    b.sessions.sweep(10 * MINUTE - 1);
    expect(b.sessions.peers()).toHaveLength(1);
    b.sessions.sweep(10 * MINUTE);
    expect(b.sessions.peers()).toHaveLength(0);
    expect(b.open(seal(atA.session, 'x'), 10 * MINUTE)).toBe('other');
    expect(a.sessions.peers()).toHaveLength(1);
  });
});

describe('both begin at once', () => {
  test('both finish, and both send on the one begun by the lower NodeId', () => {
    const { a, b } = ordered();
    const [fromA, fromB] = [a.begin(b, 0), b.begin(a, 0)];
    const [toA, toB] = [b.respond(fromA, 1), a.respond(fromB, 1)];
    const aBegan = finished(a.finish(toA, 2));
    const bBegan = finished(b.finish(toB, 2));
    expect(b.sessions.current(a.id, 2)).toBe(bBegan);
    const atB = opened(b.open(seal(aBegan.session, 'x'), 3));
    opened(a.open(seal(bBegan.session, 'x'), 3));
    expect(a.sessions.current(b.id, 3)).toBe(aBegan);
    expect(b.sessions.current(a.id, 3)).toBe(atB);
  });

  test('what was not begun at once is sent on the newer, whoever began it: the older may be gone at the other side', () => {
    const { a, b } = ordered();
    const old = finished(a.finish(b.respond(a.begin(b))));
    opened(b.open(seal(old.session, 'x')));
    const again = livePairOf(b, a, HOUR);
    expect(a.sessions.current(b.id, HOUR)).toBe(again.atResponder);
    expect(a.sessions.current(b.id, HOUR)).not.toBe(old);
  });
});

function livePairOf(
  initiator: Party,
  responder: Party,
  now: number,
): { atInitiator: Live; atResponder: Live } {
  const atInitiator = finished(
    initiator.finish(responder.respond(initiator.begin(responder, now), now), now),
  );
  return { atInitiator, atResponder: opened(responder.open(seal(atInitiator.session, 'x', now), now)) };
}

describe('the end of a session', () => {
  test('replaced and idle for two minutes: its keys are gone', () => {
    const { a, b, atA, atB } = livePair();
    const { atInitiator, atResponder } = livePairOf(a, b, HOUR);
    for (const p of [a, b]) p.sessions.sweep(HOUR);
    expect(atA.session.ended && atB.session.ended).toBe(true);
    expect(atInitiator.session.ended || atResponder.session.ended).toBe(false);
  });

  test('replaced and in use: not yet', () => {
    const { a, b, atA, atB } = livePair();
    livePairOf(a, b, HOUR);
    opened(b.open(seal(atA.session, 'x', HOUR), HOUR));
    b.sessions.sweep(HOUR + 2 * MINUTE - 1);
    expect(atB.session.ended).toBe(false);
    b.sessions.sweep(HOUR + 2 * MINUTE);
    expect(atB.session.ended).toBe(true);
  });

  test('unused for a day', () => {
    const { a, atA } = livePair();
    a.sessions.sweep(24 * HOUR - 1);
    expect(atA.session.ended).toBe(false);
    a.sessions.sweep(24 * HOUR);
    expect(atA.session.ended).toBe(true);
  });

  test('a handshake that was begun and left is fresh again after an hour', () => {
    const [a, b] = [new Party('a'), new Party('b')];
    const first = a.begin(b, 0);
    a.sessions.sweep(HOUR - 1);
    expect(a.begin(b, HOUR)).toBe(first);
    a.sessions.sweep(HOUR);
    expect(toHex(a.begin(b, HOUR))).not.toBe(toHex(first));
  });

  test('the node has booted: its sessions end, but for what it began just now', () => {
    const { a, b, atB } = livePair();
    const { atResponder } = livePairOf(a, b, HOUR);
    b.sessions.forget(a.id, HOUR + 20_000);
    expect(atB.session.ended).toBe(true);
    expect(atResponder.session.ended).toBe(false);
    b.sessions.forget(a.id, HOUR + 30_000);
    expect(atResponder.session.ended).toBe(true);
  });

  test('doubted sessions are not sent on until they open a frame', () => {
    const { a, b, atA, atB } = livePair();
    atA.suspect = true;
    expect(a.sessions.current(b.id, 0)).toBeUndefined();
    opened(a.open(seal(atB.session, 'x')));
    expect(a.sessions.current(b.id, 0)).toBe(atA);
  });

  test('spent sessions are not sent on, and still open', () => {
    const { a, b, atA, atB } = livePair();
    expect(a.sessions.current(b.id, 24 * HOUR)).toBeUndefined();
    expect(opened(a.open(seal(atB.session, 'x'), 24 * HOUR))).toBe(atA);
  });

  test('stopping wipes all', () => {
    const { a, b, atA } = livePair();
    a.sessions.clear();
    expect(atA.session.ended).toBe(true);
    expect(a.sessions.current(b.id, 0)).toBeUndefined();
  });
});

describe('bounds', () => {
  test('128 live sessions: strangers that were not heard for longest go first', () => {
    const friend = new Party('friend');
    const b = new Party('b', (id) => (equal(id, friend.id) ? friend.identity.publicKey : undefined));
    const { atResponder: known } = livePairOf(friend, b, 0);
    const strangers = Array.from({ length: 130 }, (_, i) => livePairOf(new Party(`s${i}`), b, i + 1));
    expect(b.sessions.peers()).toHaveLength(128);
    expect(known.session.ended).toBe(false);
    expect(strangers.slice(0, 3).map((s) => s.atResponder.session.ended)).toEqual([true, true, true]);
    expect(strangers.slice(3).some((s) => s.atResponder.session.ended)).toBe(false);
  });

  test('four live sessions with one node', () => {
    const [a, b] = [new Party('a'), new Party('b')];
    const all = Array.from({ length: 6 }, (_, i) => livePairOf(a, b, i));
    expect(all.map((s) => s.atResponder.session.ended)).toEqual([true, true, false, false, false, false]);
  });

  test('indices are unique over half-open and live sessions, and never 0', () => {
    const b = new Party('b');
    const indices = new Set<number>();
    for (let i = 0; i < 120; i++) {
      const s = new Party(`s${i}`);
      indices.add(livePairOf(s, b, i).atInitiator.session.remoteIndex);
    }
    expect(indices.size).toBe(120);
    expect(indices.has(0)).toBe(false);
  });

  test('a message 2 for a handshake that was given up belongs to nobody', () => {
    const [a, b] = [new Party('a'), new Party('b')];
    const message2 = b.respond(a.begin(b));
    a.sessions.abandon(b.id);
    expect(a.finish(message2)).toBeUndefined();
  });
});

test('a frame for an index that is only begun belongs to nobody yet', () => {
  const [a, b] = [new Party('a'), new Party('b')];
  a.begin(b);
  const { atA } = linkedPair();
  expect(a.open(atA.session.seal(new Uint8Array(1), FOLLOWS.nothing, 0).frame)).toBe('other');
});
