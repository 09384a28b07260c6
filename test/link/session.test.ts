/** docs/protocol/link.md, "Sealed frame" and "Rekey": two sessions whose frames are carried by hand. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { toHex, utf8 } from '../../src/core/bytes.ts';
import { CipherState } from '../../src/crypto/noise-cipher.ts';
import { FOLLOWS } from '../../src/link/frame.ts';
import { REKEY_AFTER, SESSION_AGE, Session } from '../../src/link/session.ts';
import { sealedForm } from './pairs.ts';

const HOUR = REKEY_AFTER;
const key = (fill: number) => new Uint8Array(32).fill(fill);

/** A sender with index 0x0201 at its receiver, and that receiver. */
const pair = () => {
  const transport = (send: number, receive: number) => ({
    send: new CipherState(key(send)),
    receive: new CipherState(key(receive)),
    handshakeHash: new Uint8Array(64),
  });
  return {
    sender: new Session(0x0201, transport(1, 2), 0),
    receiver: new Session(0x0403, transport(2, 1), 0),
  };
};

const send = (sender: Session, now = 0) => sender.seal(utf8('x'), FOLLOWS.answer, now);
const open = (receiver: Session, frame: Uint8Array) => {
  const opened = receiver.open(sealedForm(frame));
  return typeof opened === 'string' ? opened : opened.n;
};

describe('a sealed frame', () => {
  test('golden bytes: RFC 8439 under the key 01…, the nonce 0000 ‖ 1 as u64, the header as associated data', () => {
    const { sender } = pair();
    send(sender);
    const { frame, n } = sender.seal(utf8('nexus'), FOLLOWS.answer, 0);
    expect(n).toBe(1n);
    expect(toHex(frame)).toBe('5901020100235f5366fb9b65e5059b19e7ad714505fef8db9de6');
    expect(frame.length).toBe(21 + 5);
  });

  test('opens once', () => {
    const { sender, receiver } = pair();
    const { frame } = send(sender);
    expect(open(receiver, frame)).toBe(0n);
    expect(open(receiver, frame)).toBe('replay');
  });

  test('opens out of order within 64, not beyond', () => {
    const { sender, receiver } = pair();
    const frames = Array.from({ length: 66 }, () => send(sender).frame);
    expect(open(receiver, frames[65] as Uint8Array)).toBe(65n);
    expect(open(receiver, frames[2] as Uint8Array)).toBe(2n);
    expect(open(receiver, frames[1] as Uint8Array)).toBe('replay');
  });

  test('with any bit changed it is noise or a replay, and changes nothing', () => {
    const { sender, receiver } = pair();
    open(receiver, send(sender).frame);
    const { frame } = send(sender);
    for (let bit = 0; bit < frame.length * 8; bit++) {
      const flipped = frame.slice();
      flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      // the first byte's version and kind, and flags that are reserved, are refused before; 3 and 4 bits are its flags
      if (bit < 8 && ![0, 1, 2].includes(bit)) continue;
      if ((flipped[0] ?? 0) % 4 === 3) continue;
      // the session index chooses the session, and this test has one
      expect(['noise', 'replay']).toContain(open(receiver, flipped));
    }
    expect(open(receiver, frame)).toBe(1n);
  });

  test('its counter goes on over 2^16, with losses on the way', () => {
    const { sender, receiver } = pair();
    for (let i = 0; i < 70_000; i++) {
      const { frame, n } = send(sender);
      if (i % 1000 === 0 || (i > 65_500 && i % 3 === 0)) expect(open(receiver, frame)).toBe(n);
    }
    expect(sender.sent).toBe(70_000n);
  });

  test('whatever is lost or late, what opens has the counter it was sealed with', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.boolean(), fc.integer({ min: 0, max: 5 })), { maxLength: 60 }),
        (plan) => {
          const { sender, receiver } = pair();
          const late: { frame: Uint8Array; n: bigint }[] = [];
          for (const [lost, delay] of plan) {
            const sealed = send(sender);
            if (!lost) late.splice(Math.max(0, late.length - delay), 0, sealed);
            const next = late.length > 5 ? late.shift() : undefined;
            if (next) expect(open(receiver, next.frame)).toBe(next.n);
          }
        },
      ),
    );
  });
});

describe('rekey', () => {
  const phaseOf = (frame: Uint8Array) => ((frame[0] ?? 0) >> 2) & 1;

  test('after an hour, and only once a frame under the key was acknowledged', () => {
    const { sender } = pair();
    const { n } = send(sender);
    expect(phaseOf(send(sender, HOUR).frame)).toBe(0);
    sender.acknowledged(n);
    expect(phaseOf(send(sender, HOUR - 1).frame)).toBe(0);
    const first = send(sender, HOUR);
    expect(phaseOf(first.frame)).toBe(1);
    expect(first.n).toBe(3n);
    // the next one wants an acknowledgement of the new key, and another hour
    expect(phaseOf(send(sender, 2 * HOUR).frame)).toBe(1);
    sender.acknowledged(n);
    expect(phaseOf(send(sender, 3 * HOUR).frame)).toBe(1);
    sender.acknowledged(first.n);
    expect(phaseOf(send(sender, 3 * HOUR).frame)).toBe(0);
  });

  test('the receiver follows, whatever was lost around the change', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 8 }), fc.integer({ min: 0, max: 100 }), (before, after) => {
        const { sender, receiver } = pair();
        sender.acknowledged(send(sender).n);
        const old = Array.from({ length: before + 1 }, () => send(sender, 0));
        for (let i = 0; i < after; i++) send(sender, HOUR);
        const first = send(sender, HOUR);
        expect(open(receiver, first.frame)).toBe(first.n);
        const late = old[before] as { frame: Uint8Array; n: bigint };
        expect(open(receiver, late.frame)).toBe(after < 63 ? late.n : 'replay');
        const next = send(sender, HOUR);
        expect(open(receiver, next.frame)).toBe(next.n);
      }),
    );
  });

  test('goes on hour after hour, each direction by itself', () => {
    const { sender, receiver } = pair();
    for (let hour = 0; hour < 24; hour++) {
      const there = send(sender, hour * HOUR);
      expect(phaseOf(there.frame)).toBe(hour % 2);
      expect(open(receiver, there.frame)).toBe(there.n);
      sender.acknowledged(there.n);
      const back = send(receiver, hour * HOUR);
      expect(phaseOf(back.frame)).toBe(0);
      expect(open(sender, back.frame)).toBe(back.n);
    }
  });

  test('a forged phase changes no key', () => {
    const { sender, receiver } = pair();
    open(receiver, send(sender).frame);
    const forged = send(sender).frame.slice();
    forged[0] = (forged[0] ?? 0) ^ 0b100;
    expect(open(receiver, forged)).toBe('noise');
    expect(open(receiver, send(sender).frame)).toBe(2n);
  });
});

test('a fresh handshake is due after 2^15 frames, or 24 hours', () => {
  const { sender } = pair();
  expect(sender.isSpent(SESSION_AGE - 1)).toBe(false);
  expect(sender.isSpent(SESSION_AGE)).toBe(true);
  for (let i = 0; i < 2 ** 15 - 1; i++) send(sender);
  expect(sender.isSpent(0)).toBe(false);
  send(sender);
  expect(sender.isSpent(0)).toBe(true);
});

test('without keys nothing is sealed', () => {
  const { sender } = pair();
  sender.destroy();
  expect(() => send(sender)).toThrow();
});

test('a step of more than 256 nonces says that the sender has restarted', () => {
  const { sender, receiver } = pair();
  const frames = Array.from({ length: 700 }, () => send(sender).frame);
  const restarted = (i: number) => {
    const opened = receiver.open(sealedForm(frames[i] as Uint8Array));
    return typeof opened === 'string' ? opened : opened.restarted;
  };
  expect([0, 256, 255, 257, 514, 515].map(restarted)).toEqual([false, false, false, false, true, false]);
});
