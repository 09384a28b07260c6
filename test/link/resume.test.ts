/** docs/protocol/link.md, "After a restart", on the air: which frames a restart costs, and what the neighbours make of it. */
import { beforeEach, describe, expect, test } from 'vitest';
import { KIND } from '../../src/link/frame.ts';
import { RECORD } from '../../src/link/records.ts';
import { temporaryDirectory } from '../db/directories.ts';
import { type Station, Stations } from './stations.ts';

const P0 = { priority: 0 } as const;
const push = (text: string) => ({ type: RECORD.push, body: new TextEncoder().encode(text) });
const digest = (text: string) => ({ type: RECORD.digest, body: new TextEncoder().encode(text) });

let stations: Stations;
let a: Station;
let b: Station;
/** What each station was told, by records, transfers and shared frames. */
let heard: string[];

const listen = (station: Station) => {
  const note = (body: Uint8Array) => heard.push(`${station.name} ${new TextDecoder().decode(body)}`);
  station.link.shared.onOffer(() => true);
  station.link.onRecord(RECORD.push, ({ body }) => void note(body));
  station.link.onTransfer(({ bytes }) => void note(bytes));
  station.link.shared.onRecord(RECORD.digest, ({ body }) => void note(body));
};
const say = (from: Station, to: Station, text: string) => stations.resolve(from.to(to).send(push(text), P0));
const share = async (from: Station, text: string) => {
  await stations.resolve(from.link.shared.send(digest(text), 0, 'all'));
  await stations.sim.run(100);
};
const handshakes = () => stations.sent(undefined, KIND.handshake).length;
const isMutual = (x: Station, y: Station) => x.link.shared.isMutual(y.identity.nodeId);

async function cut(station: Station): Promise<void> {
  await station.powerCut();
  listen(station);
}

beforeEach(async () => {
  stations = new Stations('resume');
  heard = [];
  a = await stations.station('a', { directory: temporaryDirectory() });
  b = await stations.station('b', { directory: temporaryDirectory() });
  for (const station of [a, b]) listen(station);
  await stations.resolve(a.link.shared.admit(b.identity.nodeId, P0));
  await say(b, a, 'before');
  await stations.sim.run(2_500);
  stations.frames.length = 0;
  heard = [];
});

describe('after a power cut', () => {
  test('nobody is resumed who was not there before', () => {
    expect([a.link.resumed, b.link.resumed]).toEqual([[], []]);
  });

  test('records go both ways without a handshake, in a frame and its answer each', async () => {
    await cut(a);
    expect(a.link.resumed).toEqual([b.identity.nodeId]);
    expect(a.link.neighbours().map((n) => n.id)).toEqual([b.identity.nodeId]);
    expect(a.to(b).linked).toBe(true);
    await say(a, b, 'one');
    await say(b, a, 'two');
    expect(heard).toEqual(['b one', 'a two']);
    expect(stations.frames).toHaveLength(4);
    expect(stations.sent(undefined, KIND.sealed)).toHaveLength(4);
  });

  test('the other side may speak first', async () => {
    await cut(a);
    await say(b, a, 'one');
    expect(heard).toEqual(['a one']);
    expect(handshakes()).toBe(0);
  });

  test('of both at once, likewise', async () => {
    await cut(a);
    await cut(b);
    await say(b, a, 'one');
    await say(a, b, 'two');
    expect(heard).toEqual(['a one', 'b two']);
    expect(handshakes()).toBe(0);
  });

  test('what is shared opens both ways, at once', async () => {
    await cut(a);
    await share(a, 'one');
    await share(b, 'two');
    await cut(b);
    await share(a, 'three');
    await share(b, 'four');
    expect(heard).toEqual(['b one', 'a two', 'b three', 'a four']);
    expect([isMutual(a, b), isMutual(b, a)]).toEqual([true, true]);
    expect(stations.sent(undefined, KIND.shared)).toHaveLength(4);
    expect(stations.frames).toHaveLength(4);
  });

  test('again and again, it goes on', async () => {
    for (let i = 0; i < 5; i++) {
      await cut(i % 2 === 0 ? a : b);
      await stations.sim.run(2_500);
      await say(a, b, `a${i}`);
      await share(b, `b${i}`);
    }
    expect(heard).toEqual(['b a0', 'a b0', 'b a1', 'a b1', 'b a2', 'a b2', 'b a3', 'a b3', 'b a4', 'a b4']);
    expect(handshakes()).toBe(0);
  });

  test('of the sender of a pushed transfer, its ids are new ones to the receiver', async () => {
    const transfer = (text: string) =>
      stations.resolve(
        a.to(b).transfer({ id: 0, pushed: true, bytes: new TextEncoder().encode(text), held: [] }, P0),
      );
    await transfer('one');
    await cut(a);
    await transfer('two');
    expect(heard).toEqual(['b one', 'b two']);
    expect(handshakes()).toBe(0);
  });

  test('in the middle of a pushed transfer, nothing of it is taken for the next', async () => {
    const long = (fill: string) => new TextEncoder().encode(fill.repeat(600));
    const first = a.to(b).transfer({ id: 0, pushed: true, bytes: long('x'), held: [] }, P0);
    first.catch(() => {});
    await stations.sim.until(() => stations.sent(a, KIND.sealed).length === 1, 60_000);
    await cut(a);
    await stations.resolve(a.to(b).transfer({ id: 0, pushed: true, bytes: long('y'), held: [] }, P0));
    expect(heard).toEqual([`b ${'y'.repeat(600)}`]);
  });
});

describe('a neighbour that was tried in vain while it was off', () => {
  const tryInVain = async () => {
    stations.lose((from) => from === 'a');
    const sent = a.to(b).send(push('lost'), { ...P0, tries: 3 });
    await expect(stations.resolve(sent)).rejects.toThrow();
    stations.lose(() => false);
    await cut(b);
    stations.frames.length = 0;
  };

  test('is in doubt, and costs a handshake', async () => {
    await tryInVain();
    await say(a, b, 'one');
    expect(handshakes()).toBe(2);
  });

  test('but not where it says that it has resumed', async () => {
    await tryInVain();
    a.link.resume(b.identity.nodeId);
    await say(a, b, 'one');
    expect(heard).toEqual(['b one']);
    expect(handshakes()).toBe(0);
  });
});

test('an orderly restart loses nothing, however short before it the link came about', async () => {
  const c = await stations.station('c', { directory: temporaryDirectory() });
  listen(c);
  await stations.resolve(c.link.shared.admit(b.identity.nodeId, P0));
  await c.reboot();
  listen(c);
  stations.frames.length = 0;
  expect(c.link.resumed).toEqual([b.identity.nodeId]);
  await say(c, b, 'one');
  expect(heard).toEqual(['b one']);
  expect(handshakes()).toBe(0);
});

describe('a handshake is made anew', () => {
  test('where the disk had taken nothing', async () => {
    const c = await stations.station('c', { directory: temporaryDirectory() });
    listen(c);
    c.free = 0;
    await say(c, b, 'one');
    await stations.sim.run(2_500);
    c.free = 2 ** 40;
    stations.frames.length = 0;
    await cut(c);
    expect(c.link.resumed).toEqual([]);
    await say(c, b, 'two');
    expect(heard).toEqual(['b one', 'b two']);
    expect(handshakes()).toBe(2);
  });

  test('where the neighbour has lost its memory, after three tries', async () => {
    const c = await stations.station('c');
    listen(c);
    await stations.resolve(a.link.shared.admit(c.identity.nodeId, P0));
    await stations.sim.run(2_500);
    await c.reboot();
    listen(c);
    await cut(a);
    stations.frames.length = 0;
    await say(a, c, 'one');
    expect(heard).toEqual(['c one']);
    const tries = stations.sent(a).map((f) => f.bytes.length);
    expect(tries.filter((length) => length === tries[0])).toHaveLength(4);
    expect(handshakes()).toBe(2);
  });

  test('where it has said that it booted: its session and key are forgotten, on the disk too', async () => {
    a.link.forget(b.identity.nodeId);
    await stations.sim.run(2_500);
    await cut(a);
    expect(a.link.resumed).toEqual([]);
    expect(a.to(b).linked).toBe(false);
    await say(a, b, 'one');
    expect(heard).toEqual(['b one']);
    expect(handshakes()).toBe(2);
  });
});
