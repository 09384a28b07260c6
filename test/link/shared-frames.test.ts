/** docs/protocol/link.md, "Shared frames", on the air. */
import { beforeEach, describe, expect, test } from 'vitest';
import { Counters } from '../../src/core/counters.ts';
import { silent } from '../../src/core/log.ts';
import { Identity } from '../../src/identity/keys.ts';
import type { NodeId } from '../../src/identity/node-id.ts';
import { KIND } from '../../src/link/frame.ts';
import { encodeKeyOffer, MOST_MEMBERS } from '../../src/link/neighbourhood.ts';
import { NodeLink } from '../../src/link/node-link.ts';
import { RECORD } from '../../src/link/records.ts';
import { TransferIds } from '../../src/link/transfer-ids.ts';
import { type Station, Stations } from './stations.ts';

const P0 = { priority: 0 } as const;
const digest = (text: string) => ({ type: RECORD.digest, body: new TextEncoder().encode(text) });

let stations: Stations;
let a: Station;
let b: Station;
let c: Station;
const heard = new Map<Station, string[]>();
const admit = (from: Station, to: Station) =>
  stations.resolve(from.link.shared.admit(to.identity.nodeId, P0));
const isMutual = (x: Station, y: Station) => x.link.shared.isMutual(y.identity.nodeId);

const listen = (station: Station) => {
  const texts: string[] = [];
  heard.set(station, texts);
  station.link.shared.onRecord(RECORD.digest, ({ body }) => void texts.push(new TextDecoder().decode(body)));
  station.link.shared.onOffer(() => true);
};
const share = async (from: Station, text: string) => {
  const sent = await stations.resolve(from.link.shared.send(digest(text), 0, 'all'));
  await stations.sim.run(100);
  return sent;
};

beforeEach(async () => {
  stations = new Stations('shared');
  [a, b, c] = [await stations.station('a'), await stations.station('b'), await stations.station('c')];
  for (const station of [a, b, c]) listen(station);
});

test('two offer each other their keys in a handshake and two frames', async () => {
  expect(await admit(a, b)).toBe(true);
  await stations.sim.run(1000);
  expect([isMutual(a, b), isMutual(b, a)]).toEqual([true, true]);
  expect(stations.frames.map((f) => f.bytes.length)).toEqual([112, 53, 81, 81]);
});

test('one transmission serves all', async () => {
  await admit(a, b);
  await admit(a, c);
  stations.frames.length = 0;
  await share(a, 'for all');
  expect(stations.frames).toHaveLength(1);
  expect(stations.sent(a, KIND.shared)).toHaveLength(1);
  expect([heard.get(b), heard.get(c)]).toEqual([['for all'], ['for all']]);
});

test('a record that filled the frame goes out to those who were there, where others have come since', async () => {
  await admit(a, b);
  const text = 'x'.repeat(a.link.shared.room);
  await admit(a, c);
  expect((await share(a, text)).sent).toBe(true);
  expect(stations.sent(a, KIND.shared).map((f) => f.bytes.length)).toEqual([a.link.mtu]);
  expect([heard.get(b), heard.get(c)]).toEqual([[text], []]);
});

test('what still waits for the channel when the node stops is not sent', async () => {
  await admit(a, b);
  stations.frames.length = 0;
  const waiting = a.link.shared.send(digest('too late'), 0, 'all');
  await a.link.stop();
  expect(await stations.resolve(waiting)).toEqual({ sent: false, refused: 'nothing' });
  expect([stations.frames, heard.get(b)]).toEqual([[], []]);
});

test('a lost answer is asked for again', async () => {
  let lost = 0;
  stations.lose((from, frame) => from === 'b' && frame.length === 81 && lost++ === 0);
  expect(await admit(a, b)).toBe(true);
  await stations.sim.run(5000);
  expect([isMutual(a, b), isMutual(b, a)]).toEqual([true, true]);
});

test('who does not want a key is not shared with', async () => {
  b.link.shared.onOffer(() => false);
  expect(await admit(a, b)).toBe(false);
  expect([isMutual(a, b), isMutual(b, a)]).toEqual([false, false]);
  expect(b.counters.get('link.refused.key-unwanted')).toBe(1);
});

describe('who is dismissed', () => {
  test('cannot open what comes later; the others need the new key', async () => {
    await admit(a, b);
    await admit(a, c);
    a.link.shared.dismiss(c.identity.nodeId);
    expect([isMutual(a, b), isMutual(a, c)]).toEqual([false, false]);
    expect(await admit(a, b)).toBe(true);
    await share(a, 'without c');
    expect([heard.get(b), heard.get(c)]).toEqual([['without c'], []]);
  });
});

test('a crowd that hands over keys and wants none has a bounded part, and linked neighbours keep theirs', async () => {
  await admit(a, b);
  const { random } = stations.sim;
  const crowd = Array.from({ length: MOST_MEMBERS + 12 }, (_, i) => {
    let handshakes = 0n;
    return new NodeLink({
      ...{ clock: stations.sim, counters: new Counters(), log: silent, medium: c.medium },
      identity: new Identity(random.fork(`crowd ${i}`).bytes(32)),
      transferIds: new TransferIds(),
      keyOf: stations.keyOf,
      random: random.fork(`link ${i}`),
      handshakeCounter: () => ++handshakes,
    });
  });
  const ids: NodeId[] = [];
  for (const [i, link] of crowd.entries()) {
    const [key, tagKey] = [random.bytes(32), random.bytes(16)];
    const offer = encodeKeyOffer({ wantsYours: false, slot: 0, index: 1000 + i, counter: 0n, key, tagKey });
    await stations.resolve(link.neighbour(b.identity.nodeId).send(offer, P0));
    ids.push(...b.link.shared.withIndex(1000 + i));
  }
  expect(ids).toHaveLength(crowd.length);
  const kept = ids.filter((id) => b.link.shared.indexOf(id) !== undefined);
  expect(kept).toEqual(ids.slice(-kept.length));
  expect(kept.length).toBeLessThanOrEqual(MOST_MEMBERS + 1);
  expect([isMutual(a, b), isMutual(b, a)]).toEqual([true, true]);
  for (const link of crowd) await link.stop();
});

test('a sign of life, and of the link, comes with it', async () => {
  await admit(a, b);
  await stations.sim.run(60_000);
  const alive: number[] = [];
  b.link.onAlive.on(() => alive.push(stations.sim.monotonic()));
  await share(a, 'here');
  expect(alive).toHaveLength(1);
});
