import { describe, expect, test } from 'vitest';
import { Access, type Sense, whatFollows } from '../../../src/link/lora/access.ts';

/** First bytes: version 1, kind 3, what follows in the low bits; kind 0; kind 2. */
const [PLAIN, ASKING, BURST] = [0b01_011_000, 0b01_011_001, 0b01_011_010];
const [BEACON, MESSAGE_1, MESSAGE_2] = [0b01_000_000, 0b01_010_000, 0b01_010_001];

const SLOT = 10;
const TIMES = { slotMs: SLOT, answerMs: 80, longestMs: 400 };
const CLEAR = { receiving: false, loud: false };
const RECEIVING = { receiving: true, loud: false };
const LOUD = { receiving: false, loud: true };

/** An access whose draws are these, the last one again and again, and that keeps the windows drawn from. */
function accessDrawing(...draws: number[]) {
  const windows: number[] = [];
  const disbelieved: Sense[] = [];
  const draw = (window: number) => {
    windows.push(window);
    return draws[Math.min(windows.length, draws.length) - 1] ?? 0;
  };
  const access = new Access(TIMES, draw, (sense) => disbelieved.push(sense));
  return { access, windows, disbelieved };
}

test('docs/protocol/link.md, "Frames": what follows', () => {
  expect([PLAIN, ASKING, BURST].map(whatFollows)).toEqual([0, 1, 2]);
  expect([ASKING | 4, BURST | 4].map(whatFollows)).toEqual([1, 2]); // bit 2 is the phase
  expect(whatFollows(0b01_011_011)).toBe(0); // 3 is reserved
  expect([MESSAGE_1, MESSAGE_2].map(whatFollows)).toEqual([1, 0]);
  // a beacon, a receipt, a solicit, a frame of another version
  expect([BEACON, 0b01_110_001, 0b01_100_010, 0b10_011_001].map(whatFollows)).toEqual([0, 0, 0, 0]);
});

describe('the first attempt', () => {
  test('on a quiet channel draws from 8 slots, looks and transmits', () => {
    const { access, windows } = accessDrawing(3);
    expect(access.step(1000)).toEqual({ kind: 'wait', until: 1030 });
    expect(access.step(1010)).toEqual({ kind: 'wait', until: 1030 });
    expect(access.step(1030)).toEqual({ kind: 'look' });
    expect(access.looked(CLEAR, 1031)).toEqual({ kind: 'transmit' });
    expect(windows).toEqual([8]);
  });

  test('draws from 8 more for every grant of the last 512 slots, up to 96', () => {
    const { access, windows } = accessDrawing(0);
    const windowAt = (now: number) => {
      access.step(now);
      access.done();
      return windows.at(-1);
    };
    expect(windowAt(0)).toBe(8);
    access.heard(BEACON, 50, 100);
    expect(windowAt(101)).toBe(16);
    access.sent(PLAIN, 50, 200);
    expect(windowAt(201)).toBe(24);
    for (let i = 0; i < 20; i++) access.heard(PLAIN, 50, 300 + i);
    expect(windowAt(400)).toBe(96);
    expect(windowAt(319 + 512 * SLOT)).toBe(8);
  });

  test('counts a burst and its answer as one grant', () => {
    const { access, windows } = accessDrawing(0);
    access.heard(BURST, 300, 1000);
    access.heard(BURST, 300, 1310);
    access.heard(ASKING, 300, 1620);
    access.heard(PLAIN, 80, 1720);
    access.step(1721);
    expect(windows).toEqual([16]);
  });
});

describe('a busy channel', () => {
  test('is looked at every slot until it is clear, and then a draw from 96 slots is waited', () => {
    const { access, windows } = accessDrawing(0, 40);
    expect(access.step(0)).toEqual({ kind: 'look' });
    expect(access.looked(RECEIVING, 1)).toEqual({ kind: 'wait', until: 11 });
    expect(access.step(11)).toEqual({ kind: 'look' });
    expect(access.looked(RECEIVING, 12)).toEqual({ kind: 'wait', until: 22 });
    expect(access.step(22)).toEqual({ kind: 'look' });
    expect(access.looked(CLEAR, 23)).toEqual({ kind: 'wait', until: 423 });
    expect(access.step(423)).toEqual({ kind: 'look' });
    expect(access.looked(CLEAR, 424)).toEqual({ kind: 'transmit' });
    expect(windows).toEqual([8, 96]);
  });

  test.each([
    ['a reception', RECEIVING],
    ['a level above the noise floor', LOUD],
  ])('is seen by %s', (_what, sight) => {
    const { access } = accessDrawing(0);
    access.step(0);
    expect(access.looked(sight, 1)).toEqual({ kind: 'wait', until: 1 + SLOT });
  });

  test('again and again doubles the window up to 512; a grant used starts anew', () => {
    const { access, windows } = accessDrawing(0);
    let now = 0;
    for (let i = 0; i < 5; i++) {
      expect(access.step(now)).toEqual({ kind: 'look' });
      access.looked(RECEIVING, now);
      now += SLOT;
      access.step(now);
      expect(access.looked(CLEAR, now)).toEqual({ kind: 'transmit' });
      now++;
    }
    expect(windows.slice(1)).toEqual([96, 192, 384, 512, 512]);
    access.done();
    access.step(now);
    access.looked(RECEIVING, now);
    access.looked(CLEAR, now + SLOT);
    expect(windows.slice(-2)).toEqual([8, 96]);
  });
});

describe('what a frame announces', () => {
  test.each([
    ['an answer: 150 ms and a short frame', ASKING, 1000 + 150 + 80],
    ['a follower: a gap and a frame as long', BURST, 1000 + 60 + 300],
    ['the answer to a handshake', MESSAGE_1, 1000 + 150 + 80],
  ])('is waited for: %s', (_what, first, until) => {
    for (const tell of ['heard', 'sent'] as const) {
      const { access } = accessDrawing(0, 5);
      access[tell](first, 300, 1000);
      expect(access.step(1001)).toEqual({ kind: 'wait', until });
      expect(access.step(until)).toEqual({ kind: 'look' });
      // all who deferred are lined up at its end
      expect(access.looked(CLEAR, until)).toEqual({ kind: 'wait', until: until + 5 * SLOT });
    }
  });

  test('ends with the frame that was announced', () => {
    const { access } = accessDrawing(0);
    access.heard(ASKING, 300, 1000);
    access.heard(PLAIN, 60, 1080);
    expect(access.step(1081)).toEqual({ kind: 'look' });
  });
});

describe('a sense that claims a busy channel for ever', () => {
  /** When `sight`, always the same, is no longer believed, looking every slot from 0 on. */
  function frozenFor(access: Access, sight: typeof CLEAR): number {
    for (let now = 0; now < 100_000; now += SLOT) {
      access.step(now);
      if (access.looked(sight, now).kind === 'detect') return now;
    }
    return Number.POSITIVE_INFINITY;
  }

  test('a receiver stuck in the middle of something holds a grant up for two of the longest frames', () => {
    const { access, disbelieved } = accessDrawing(0);
    expect(frozenFor(access, RECEIVING)).toBe(870);
    expect(disbelieved).toEqual(['receiving']);
    expect(access.detected(false, 871)).toEqual({ kind: 'transmit' });
    access.done();
    // and the next grant not at all
    access.step(900);
    expect(access.looked(RECEIVING, 900)).toEqual({ kind: 'detect' });
    // until it has been clear
    access.looked(CLEAR, 910);
    expect(access.looked(RECEIVING, 920).kind).toBe('wait');
    expect(disbelieved).toEqual(['receiving']);
  });

  test('a carrier holds a grant up for ten seconds', () => {
    const { access, disbelieved } = accessDrawing(0);
    expect(frozenFor(access, LOUD)).toBe(10_010);
    expect(disbelieved).toEqual(['loud']);
  });

  test('a detection decides instead of it, for another half a minute at most', () => {
    const { access, disbelieved } = accessDrawing(0);
    let now = 0;
    for (; now < 100_000; now += SLOT) {
      access.step(now);
      if (access.looked(LOUD, now).kind === 'detect' && access.detected(true, now).kind === 'transmit') break;
    }
    expect(now).toBe(10_010 + 30_010);
    expect(disbelieved).toEqual(['loud', 'detected']);
  });

  test('frames that arrive prove the receiver right', () => {
    const { access, disbelieved } = accessDrawing(0);
    for (let now = 0; now < 5000; now += SLOT) {
      access.step(now);
      if (now % 400 === 0) access.heard(PLAIN, 390, now);
      expect(access.looked(RECEIVING, now).kind).toBe('wait');
    }
    expect(disbelieved).toEqual([]);
  });

  test('sightings in two attempts far apart are two', () => {
    const { access, disbelieved } = accessDrawing(0);
    access.step(0);
    access.looked(RECEIVING, 0);
    access.done();
    access.step(60_000);
    expect(access.looked(RECEIVING, 60_000).kind).toBe('wait');
    expect(disbelieved).toEqual([]);
  });
});
