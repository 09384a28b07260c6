/** docs/protocol/link.md, "Transfers", between whole stations. */
import { describe, expect, test } from 'vitest';
import { equal } from '../../src/core/bytes.ts';
import { LinkFailed, type OutgoingTransfer } from '../../src/link/link.ts';
import { RECORD } from '../../src/link/records.ts';
import { type Station, Stations } from './stations.ts';

const P2 = { priority: 2 } as const;
const OBJECT = new Uint8Array(8).fill(0xab);
const failure = (e: unknown) => (e instanceof LinkFailed ? e.reason : String(e));
const custody = { type: RECORD.custody, body: OBJECT };

async function linked(seed: number | string = 1) {
  const stations = new Stations(seed);
  const a = await stations.station('a');
  const b = await stations.station('b');
  b.link.onRecord(RECORD.push, () => {});
  await stations.resolve(a.to(b).send({ type: RECORD.push, body: new Uint8Array(1) }, P2));
  await stations.sim.run(1000);
  stations.frames.length = 0;
  return { stations, a, b, content: (n: number) => stations.sim.random.fork('content').bytes(n) };
}

/** What a station received, each answered with `custody` after `ms`. */
function receiving(stations: Stations, at: Station, ms = 0): Uint8Array[] {
  const got: Uint8Array[] = [];
  at.link.onTransfer(async ({ bytes, reply }) => {
    got.push(bytes.slice());
    await stations.sim.sleep(ms);
    reply(custody);
  });
  return got;
}

/** Sends with the settling the store does: custody ends it. */
function transfer(from: Station, to: Station, outgoing: Omit<OutgoingTransfer, 'id'>, id = 0) {
  const settled = new AbortController();
  try {
    from.link.onRecord(RECORD.custody, () => settled.abort());
  } catch {
    // one handler for several transfers of a test
  }
  return from.to(to).transfer({ ...outgoing, id }, { ...P2, settled: settled.signal });
}

const indices = (stations: Stations, from: Station) => stations.sent(from).map((f) => f.bytes.length);
const isBurstEnd = (frame: Uint8Array) => ((frame[0] ?? 0) & 3) === 1;

describe('a pushed transfer', () => {
  test('is one burst and the answer of the rooms above', async () => {
    const { stations, a, b, content } = await linked();
    const got = receiving(stations, b);
    const bytes = content(600);
    expect(await stations.resolve(transfer(a, b, { pushed: true, bytes, held: [] }))).toBe('answered');
    expect(got).toEqual([bytes]);
    // two full frames and 138 bytes; custody: 21 + 1 + 8
    expect(indices(stations, a)).toEqual([255, 255, 21 + 3 + 138]);
    expect(indices(stations, b)).toEqual([30]);
    const [first, second, third] = stations.sent(a).map((f) => (f.bytes[0] ?? 0) & 3);
    expect([first, second, third]).toEqual([2, 2, 1]);
  });

  test('is answered by a bitmap where the store is slow, and by the store later', async () => {
    const { stations, a, b, content } = await linked();
    receiving(stations, b, 2000);
    let told = 0;
    a.link.onRecord(RECORD.custody, () => {
      told++;
    });
    const sent = a.to(b).transfer({ id: 3, pushed: true, bytes: content(300), held: [] }, P2);
    expect(await stations.resolve(sent)).toBe('acknowledged');
    await stations.sim.run(10_000);
    expect(told).toBe(1);
    // bitmap: 21 + 1 + 2; custody 30, which a acknowledges with 24
    expect(stations.frames.map((f) => [f.from, f.bytes.length])).toEqual([
      ['a', 255],
      ['a', 93],
      ['b', 24],
      ['b', 30],
      ['a', 24],
    ]);
  });

  test('loses fragments in the middle: only these are sent again', async () => {
    const { stations, a, b, content } = await linked();
    const got = receiving(stations, b);
    let n = 0;
    stations.lose((from) => from === 'a' && [1, 3].includes(n++));
    const bytes = content(1500);
    expect(await stations.resolve(transfer(a, b, { pushed: true, bytes, held: [] }))).toBe('answered');
    expect(got).toEqual([bytes]);
    // 7 fragments, a bitmap, the 2 lost ones
    expect(stations.sent(a)).toHaveLength(9);
    expect(indices(stations, b)).toEqual([21 + 1 + 2 + 1, 30]);
  });

  test('loses the last fragment: the same burst asks again', async () => {
    const { stations, a, b, content } = await linked();
    const got = receiving(stations, b);
    let lost = 0;
    stations.lose((from, frame) => from === 'a' && isBurstEnd(frame) && lost++ < 1);
    const bytes = content(700);
    expect(await stations.resolve(transfer(a, b, { pushed: true, bytes, held: [] }))).toBe('answered');
    expect(got).toEqual([bytes]);
  });

  test('loses the answer: it is given once to the rooms above, and its answer again to the sender', async () => {
    const { stations, a, b, content } = await linked();
    const got = receiving(stations, b);
    let lost = 0;
    stations.lose((from) => from === 'b' && lost++ < 2);
    const bytes = content(700);
    expect(await stations.resolve(transfer(a, b, { pushed: true, bytes, held: [] }))).toBe('answered');
    expect(got).toEqual([bytes]);
    expect(indices(stations, b)).toEqual([30, 30, 30]);
  });

  test('begins again under a new session, whose predecessor took its fragments along', async () => {
    const { stations, a, b, content } = await linked();
    receiving(stations, b);
    let n = 0;
    stations.lose((from) => from === 'a' && n++ === 2);
    const bytes = content(1500);
    const sent = transfer(a, b, { pushed: true, bytes, held: [] });
    // a bitmap has told that all but one are there; then they are not any more
    await stations.sim.until(() => stations.sent(b).length === 1, 60_000);
    await b.reboot();
    const got = receiving(stations, b);
    expect(await stations.resolve(sent)).toBe('answered');
    expect(got).toEqual([bytes]);
  });

  test('is at most eight fragments', async () => {
    const { a, b, content } = await linked();
    expect(a.to(b).burstRoom).toBe(8 * 231);
    expect(a.to(b).twoFrameRoom).toBe(2 * 231);
    expect(() => transfer(a, b, { pushed: true, bytes: content(8 * 231 + 1), held: [] })).toThrow(RangeError);
  });
});

describe('an accepted transfer', () => {
  test('of 4 KiB goes in bursts of eight, each answered by a bitmap', async () => {
    const { stations, a, b, content } = await linked();
    const got = receiving(stations, b);
    const bytes = content(4096);
    expect(b.to(a).expect(0, OBJECT, 4096)).toEqual([]);
    expect(await stations.resolve(transfer(a, b, { pushed: false, bytes, held: [] }))).toBe('answered');
    expect(got).toEqual([bytes]);
    expect(stations.frames.map((f) => f.from).join('')).toBe('aaaaaaaabaaaaaaaabaab');
  });

  test('that nobody expects is answered by a bare ack, counted, and reported at once', async () => {
    const { stations, a, b, content } = await linked();
    const sent = transfer(a, b, { pushed: false, bytes: content(600), held: [] }).catch(failure);
    expect(await stations.resolve(sent)).toBe('forgotten');
    expect(indices(stations, b)).toEqual([24]);
    expect(b.counters.get('link.refused.transfer')).toBe(3);
  });

  test('is resumed from what is held, over a new session and after an hour', async () => {
    const { stations, a, b, content } = await linked();
    const got = receiving(stations, b);
    const bytes = content(4096);
    b.to(a).expect(5, OBJECT, 4096);
    let n = 0;
    // fragment 2 is lost, and lost again as the first of the second burst; after 8 and 9 nothing arrives any more
    stations.lose((from) => from === 'a' && ([2, 8].includes(n++) || n > 11));
    expect(await stations.resolve(transfer(a, b, { pushed: false, bytes, held: [] }, 5).catch(failure))).toBe(
      'no-answer',
    );
    stations.lose(() => false);
    await stations.sim.run(3_600_000);
    await a.reboot();
    const held = b.to(a).expect(0, OBJECT, 4096);
    expect(held).toEqual([
      [0, 2 * 231],
      [3 * 231, 10 * 231],
    ]);
    stations.frames.length = 0;
    expect(await stations.resolve(transfer(a, b, { pushed: false, bytes, held }))).toBe('answered');
    expect(got).toEqual([bytes]);
    expect(stations.sent(a).filter((f) => f.bytes.length > 112)).toHaveLength(18 - 9);
  });

  test('is forgotten after two hours and a half', async () => {
    const { stations, a, b, content } = await linked();
    b.to(a).expect(5, OBJECT, 4096);
    let n = 0;
    stations.lose((from) => from === 'a' && n++ > 3);
    const sent = transfer(a, b, { pushed: false, bytes: content(4096), held: [] }, 5).catch(failure);
    await stations.resolve(sent);
    await stations.sim.run(9_000_000);
    expect(b.to(a).expect(6, OBJECT, 4096)).toEqual([]);
  });

  test('of which all is held still asks what the store says, and sends what was not true', async () => {
    const { stations, a, b, content } = await linked();
    const got = receiving(stations, b);
    const bytes = content(600);
    b.to(a).expect(0, OBJECT, 600);
    const sent = transfer(a, b, { pushed: false, bytes, held: [[0, 600]] });
    expect(await stations.resolve(sent)).toBe('answered');
    expect(got).toEqual([bytes]);
    expect(indices(stations, a)).toEqual([21 + 3 + 138, 255, 255]);
  });
});

describe('both ways at once', () => {
  test('with one frame in four lost, both arrive whole', async () => {
    for (const seed of ['x', 'y', 'z']) {
      const { stations, a, b, content } = await linked(seed);
      const random = stations.sim.random.fork('losses');
      stations.lose(() => (random.bytes(1)[0] ?? 0) < 64);
      const there = content(4096);
      const back = content(3000);
      const atB = receiving(stations, b);
      const atA = receiving(stations, a);
      const whole = async (from: Station, to: Station, bytes: Uint8Array) => {
        for (let id = 0; ; id++) {
          const held = to.to(from).expect(id, OBJECT, bytes.length);
          const end = await transfer(from, to, { pushed: false, bytes, held }, id).catch(failure);
          if (end === 'answered' || end === 'acknowledged') return;
          expect(['no-answer', 'forgotten']).toContain(end);
        }
      };
      await stations.resolve(Promise.all([whole(a, b, there), whole(b, a, back)]), 3_600_000);
      expect(atB.some((bytes) => equal(bytes, there))).toBe(true);
      expect(atA.some((bytes) => equal(bytes, back))).toBe(true);
    }
  });
});

test('transfer ids come back as late as possible', async () => {
  const { a, b } = await linked();
  const ids = Array.from({ length: 65 }, () => a.to(b).nextTransferId());
  expect(ids).toEqual([...Array.from({ length: 64 }, (_, i) => i), 0]);
});
