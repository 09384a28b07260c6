/** Frames from somebody who means ill, on the air from a chip of their own: each refusal counted, nothing lost. */
import { describe, expect, test } from 'vitest';
import { concat, fromUtf8, utf8 } from '../../src/core/bytes.ts';
import { SeededRandom } from '../../src/core/random.ts';
import { blake2b } from '../../src/crypto/hashes.ts';
import { Identity } from '../../src/identity/keys.ts';
import { FOLLOWS, KIND, readFrame, writeMessage1 } from '../../src/link/frame.ts';
import { Initiation } from '../../src/link/handshake.ts';
import { RECORD } from '../../src/link/records.ts';
import { Stations } from './stations.ts';

const P1 = { priority: 1 } as const;
const push = (text: string) => ({ type: RECORD.push, body: utf8(text) });

async function scene() {
  const stations = new Stations('hostile');
  const a = await stations.station('a');
  const b = await stations.station('b');
  const told: string[] = [];
  b.link.onRecord(RECORD.push, ({ body }) => {
    told.push(fromUtf8(body) ?? '?');
  });
  a.link.onRecord(RECORD.push, () => {});
  await stations.resolve(a.to(b).send(push('first'), P1));
  await stations.resolve(b.to(a).send(push('first'), P1));
  const outsider = await stations.outsider('outsider');
  stations.frames.length = 0;
  told.length = 0;
  /** That the session is as good as before. */
  const stillGood = async () => {
    stations.frames.length = 0;
    await stations.resolve(a.to(b).send(push('still'), P1));
    expect(told.at(-1)).toBe('still');
    expect(stations.sent(undefined, KIND.handshake)).toEqual([]);
    expect(stations.sent(a)).toHaveLength(1);
  };
  /** A frame of a to b that was on the air. */
  const recorded = async () => {
    await stations.resolve(a.to(b).send(push('recorded'), P1));
    const frame = stations.sent(a).at(-1)?.bytes;
    if (!frame) throw new Error('nothing was sent');
    told.length = 0;
    return frame;
  };
  return { stations, a, b, told, outsider, stillGood, recorded };
}

describe('refused at first sight', () => {
  test.each([
    ['of version 0', 'version', [0x18, 1, 2, 3]],
    ['of version 2', 'version', [0x98, 1, 2, 3]],
    ['of kind 5, cut short', 'length', [0x68, 1, 2, 3]],
    ['of kind 7', 'kind', [0x78, 1, 2, 3]],
    ['with a reserved flag', 'flags', [0x41, 1, 2, 3]],
    ['cut short', 'length', [0x58, 1, 2, 3]],
    ['a single byte', 'length', [0x50]],
  ])('a frame %s', async (_what, reason, bytes) => {
    const { b, outsider, told, stillGood } = await scene();
    await outsider.send(Uint8Array.from(bytes));
    expect(b.counters.get(`link.refused.${reason}`)).toBe(1);
    expect(told).toEqual([]);
    await stillGood();
  });

  test('255 bytes of noise, a hundred times', async () => {
    const { stations, b, outsider, told, stillGood } = await scene();
    const random = new SeededRandom('noise');
    for (let i = 0; i < 100; i++) await outsider.send(random.bytes(255));
    const all = Object.entries(b.counters.all()).filter(([name]) =>
      /^link\.(refused\.|overheard)/.test(name),
    );
    expect(all.reduce((n, [, count]) => n + count, 0)).toBe(100);
    expect(told).toEqual([]);
    expect(stations.sent(b)).toEqual([]);
    await stillGood();
  });
});

describe('sealed frames', () => {
  test('replayed: refused, not answered', async () => {
    const { stations, b, outsider, recorded, told, stillGood } = await scene();
    const frame = await recorded();
    stations.frames.length = 0;
    await outsider.send(frame);
    await stations.sim.run(5000);
    expect(b.counters.get('link.refused.replay')).toBe(1);
    expect(told).toEqual([]);
    expect(stations.sent(b)).toEqual([]);
    await stillGood();
  });

  test('bit-flipped, cut and lengthened: noise', async () => {
    const { stations, a, b, outsider, told, stillGood } = await scene();
    // b has not had this frame, so only its seal protects it
    stations.lose((from) => from === 'a');
    const sent = a.to(b).send(push('true'), P1);
    await stations.sim.until(() => stations.frames.length === 1, 10_000);
    const frame = stations.frames[0]?.bytes ?? new Uint8Array(0);
    const flipped = (at: number) => frame.map((byte, i) => (i === at ? byte ^ 0x10 : byte));
    const hostile = [
      flipped(5),
      flipped(frame.length - 1),
      flipped(4),
      frame.slice(0, -1),
      concat(frame, utf8('!')),
    ];
    for (const bytes of hostile) await outsider.send(bytes);
    expect(b.counters.get('link.refused.noise') + b.counters.get('link.refused.replay')).toBe(hostile.length);
    expect(told).toEqual([]);
    stations.lose(() => false);
    await stations.resolve(sent);
    expect(told).toEqual(['true']);
    await stillGood();
  });

  test('for an index that nobody has: overheard', async () => {
    const { b, outsider, recorded, stillGood } = await scene();
    const frame = await recorded();
    await outsider.send(frame.map((byte, i) => (i === 1 ? byte ^ 1 : byte)));
    expect(b.counters.get('link.overheard')).toBeGreaterThan(0);
    await stillGood();
  });
});

describe('handshakes', () => {
  test('a message 1 with the right hint for a wrong key: refused, not answered', async () => {
    const { stations, b, outsider, stillGood } = await scene();
    const other = new Identity(new Uint8Array(32).fill(9));
    const initiation = Initiation.begin({
      identity: other,
      responderKey: other.publicKey,
      sessionIndex: 1,
      counter: 1n,
      random: new SeededRandom(1),
    });
    const noise = initiation?.message1.subarray(5) ?? new Uint8Array(0);
    await outsider.send(
      writeMessage1(blake2b(concat(b.identity.publicKey, noise), 32).subarray(0, 4), noise),
    );
    await stations.sim.run(1000);
    expect(b.counters.get('link.refused.handshake')).toBe(1);
    expect(stations.sent(b)).toEqual([]);
    await stillGood();
  });

  test('a replayed message 1 is answered with message 2 and nothing else; the session goes on', async () => {
    const stations = new Stations('replay');
    const a = await stations.station('a');
    const b = await stations.station('b');
    const outsider = await stations.outsider('outsider');
    b.link.onRecord(RECORD.push, () => {});
    a.link.onRecord(RECORD.push, () => {});
    await stations.resolve(a.to(b).send(push('x'), P1));
    const message1 = stations.sent(a, KIND.handshake)[0]?.bytes ?? new Uint8Array(0);
    stations.frames.length = 0;
    for (let i = 0; i < 3; i++) {
      await outsider.send(message1);
      await stations.sim.run(20_000);
    }
    const answers = stations.sent(b, KIND.handshake).map((f) => f.bytes);
    expect(answers).toHaveLength(3);
    expect(answers[1]).toEqual(answers[0]);
    stations.frames.length = 0;
    await stations.resolve(b.to(a).send(push('y'), P1));
    await stations.resolve(a.to(b).send(push('z'), P1));
    expect(stations.frames.map((f) => f.bytes.length)).toEqual([23, 24, 23, 24]);
  });

  test('a flood of message 1 from ever new keys leaves sessions alone and lets others in', async () => {
    const { stations, a, b, outsider, stillGood } = await scene();
    const random = new SeededRandom('flood');
    for (let i = 0; i < 60; i++) {
      const initiation = Initiation.begin({
        identity: new Identity(random.bytes(32)),
        responderKey: b.identity.publicKey,
        sessionIndex: 1 + i,
        counter: BigInt(i),
        random,
      });
      await outsider.send(initiation?.message1 ?? new Uint8Array(0));
    }
    expect(b.link.neighbours().length).toBeLessThanOrEqual(1 + 4);
    await stillGood();
    const c = await stations.station('c');
    expect(await stations.resolve(c.to(b).send(push('let me in'), P1))).toBe('acknowledged');
    expect(a.to(b).linked).toBe(true);
  });

  test('a forged message 2 does not end the handshake of the true one', async () => {
    const stations = new Stations('forged');
    const a = await stations.station('a');
    const b = await stations.station('b');
    const outsider = await stations.outsider('outsider');
    b.link.onRecord(RECORD.push, () => {});
    let first: Uint8Array | undefined;
    stations.lose((from, frame) => {
      const lost = from === 'b' && first === undefined;
      if (lost) first = frame.slice();
      return lost;
    });
    const sent = a.to(b).send(push('x'), P1);
    await stations.sim.until(() => first !== undefined, 10_000);
    await stations.sim.run(200);
    await outsider.send((first ?? new Uint8Array(0)).map((byte, i) => (i > 10 ? byte ^ 1 : byte)));
    expect(await stations.resolve(sent)).toBe('acknowledged');
    expect(stations.sent(b, KIND.handshake).length).toBe(2);
  });
});

/** A station and somebody who has a true session with it and seals whatever a test likes. */
async function lying() {
  const stations = new Stations('lying');
  const b = await stations.station('b');
  const outsider = await stations.outsider('outsider');
  const identity = new Identity(new Uint8Array(32).fill(7));
  const initiation = Initiation.begin({
    identity,
    responderKey: b.identity.publicKey,
    sessionIndex: 77,
    counter: 1n,
    random: new SeededRandom('liar'),
  });
  await outsider.send(initiation?.message1 ?? new Uint8Array(0));
  await stations.sim.run(500);
  const message2 = readFrame(outsider.heard[0] ?? new Uint8Array(0));
  if (typeof message2 === 'string' || message2.form !== 'message-2') throw new Error('no message 2');
  const session = initiation?.finish(message2, 0);
  if (!session) throw new Error('no session');
  const say = (content: Uint8Array) => outsider.send(session.seal(content, FOLLOWS.answer, 0).frame);
  return { stations, b, liar: { identity, say } };
}

describe('a neighbour that lies inside its session', () => {
  test.each([
    ['records that do not add up', [0x10, 9, 1], 'records'],
    ['an ack of three bytes', [0x81, 1, 2, 3], 'records'],
    ['a fragment without content', [0x82, 0x40, 0], 'records'],
    ['a bitmap of no transfer', [0x83, 0, 1], 'bitmap'],
    ['a bitmap of transfer 200', [0x83, 200, 1], 'records'],
    ['a fragment that nobody expects', [0x82, 0x05, 0, 1, 2, 3], 'transfer'],
    ['a ninth pushed fragment', [0x82, 0x45, 8, 1, 2, 3], 'fragment'],
  ])('%s', async (_what, content, reason) => {
    const { liar, stations, b } = await lying();
    await liar.say(Uint8Array.from(content));
    await stations.sim.run(2000);
    expect(b.counters.get(`link.refused.${reason}`)).toBe(1);
  });

  test('acks of frames that were never sent move nothing', async () => {
    const { liar, stations, b } = await lying();
    const sent = b
      .to(liar)
      .send(push('x'), P1)
      .catch(() => 'failed');
    for (let counter = 100; counter < 110; counter++) await liar.say(Uint8Array.of(0x81, counter, 0));
    expect(await stations.resolve(sent)).toBe('failed');
  });

  test('bitmaps that never say anything new end the transfer', async () => {
    const { liar, stations, b } = await lying();
    let end: unknown;
    await liar.say(Uint8Array.of(0x81, 0, 0));
    b.to(liar)
      .transfer({ id: 5, pushed: false, bytes: new Uint8Array(2000), held: [] }, P1)
      .catch((e: unknown) => {
        end = e;
      });
    for (let i = 0; i < 20 && end === undefined; i++) {
      await stations.sim.run(4000);
      await liar.say(Uint8Array.of(0x83, 5, 0));
    }
    expect(end).toMatchObject({ reason: 'no-answer' });
  });
});
