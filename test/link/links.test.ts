/** docs/protocol/link.md, "Several media" and "The LAN": one link over radio and LAN, under virtual time. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { regionNamed } from '../../board/regions.ts';
import { Air } from '../../drivers/sim/air.ts';
import { SimSx1276 } from '../../drivers/sim/sx1276.ts';
import { Sx127x } from '../../drivers/sx127x/sx127x.ts';
import { Counters } from '../../src/core/counters.ts';
import { silent } from '../../src/core/log.ts';
import { Identity } from '../../src/identity/keys.ts';
import { type NodeId, nodeIdKey } from '../../src/identity/node-id.ts';
import { firstByte, KIND } from '../../src/link/frame.ts';
import { LanMedium } from '../../src/link/lan/lan-medium.ts';
import { LinkFailed, type Neighbour } from '../../src/link/link.ts';
import { Links } from '../../src/link/links.ts';
import { LoraMedium } from '../../src/link/lora/lora-medium.ts';
import type { Medium, Reception } from '../../src/link/medium.ts';
import { SimNet } from '../sim-net.ts';
import { Simulation } from '../simulation.ts';
import { SF7 } from './stations.ts';

const REGION = regionNamed('IN865');
const PORT = 1;
const PING = { type: 100, body: Uint8Array.of(1) };
const URGENT = { priority: 0 } as const;
const receipt = () => Uint8Array.of(firstByte(KIND.receipt), ...new Uint8Array(16).fill(7));

interface Station {
  readonly name: string;
  readonly identity: Identity;
  readonly links: Links;
  readonly media: readonly Medium[];
  readonly lan: LanMedium | undefined;
  /** What has happened, in order. */
  readonly events: string[];
  /** Aborted when a ping has been answered. */
  answered: AbortController;
}

let sim: Simulation;
let air: Air;
let net: SimNet;
let stations: Station[];
/** Frames on the air since it was set to 0. */
let onAir: number;

beforeEach(() => {
  sim = new Simulation(1, { creepMs: 1e-4 });
  air = new Air({ clock: sim, random: sim.random.fork('air') });
  net = new SimNet(sim);
  stations = [];
  onAir = 0;
  air.onTransmission.on(() => onAir++);
});
afterEach(async () => {
  await sim.resolve(Promise.all(stations.flatMap((s) => [s.links.stop(), s.lan?.stop()])), 60_000);
});

const keyOf = (id: NodeId) =>
  stations.find((s) => nodeIdKey(s.identity.nodeId) === nodeIdKey(id))?.identity.publicKey;

async function station(name: string, has: { radio: boolean; lan?: readonly string[] }): Promise<Station> {
  const counters = new Counters();
  const random = sim.random.fork(name);
  const common = { clock: sim, counters, log: silent };
  const media: Medium[] = [];
  let lan: LanMedium | undefined;
  if (has.lan) {
    const peers = has.lan.map((host) => ({ host, port: PORT }));
    const options = { listen: { host: name, port: PORT }, peers, multicast: false };
    lan = await sim.resolve(LanMedium.open(options, { ...common, random, net: net.host(name) }), 1_000);
    media.push(lan);
  }
  if (has.radio) {
    for (const other of stations) air.setLoss(name, other.name, 100);
    const chip = new SimSx1276({ clock: sim, random, air, name, host: 'ideal' });
    const radio = new Sx127x(chip.hardware, sim, counters, silent);
    if (!REGION) throw new Error('no such region');
    const profile = { region: REGION, settings: SF7, antennaGainDbi: 0 };
    const store = { load: () => undefined, save: async () => {} };
    media.push(await sim.resolve(LoraMedium.open(radio, profile, store, { ...common, random }), 10_000));
  }
  let handshakes = 0n;
  const identity = new Identity(random.bytes(32));
  const links = new Links({
    ...common,
    media,
    identity,
    keyOf,
    random,
    handshakeCounter: () => ++handshakes,
  });
  const events: string[] = [];
  const made = { name, identity, links, media, lan, events, answered: new AbortController() };
  links.onGone.on(() => events.push('gone'));
  links.onRecord(PING.type, ({ from, reply }) => {
    events.push(`ping by ${from.medium}`);
    reply({ type: 101, body: Uint8Array.of(2) });
  });
  links.onRecord(101, ({ from }) => {
    events.push(`answer by ${from.medium}`);
    made.answered.abort();
  });
  stations.push(made);
  return made;
}

const to = (from: Station, other: Station): Neighbour => from.links.neighbour(other.identity.nodeId);
const ping = (from: Station, other: Station) => {
  from.answered = new AbortController();
  return to(from, other).send(PING, { priority: 0, settled: from.answered.signal });
};
const send = (from: Station, other: Station) => sim.resolve(ping(from, other), 120_000);
/** As discovery tells, when a frame has named the other one. */
const met = (from: Station, other: Station, medium: string, via?: string) => {
  const reception: Reception = { medium, via, rssiDbm: undefined, snrDb: undefined, at: sim.monotonic() };
  from.links.met(other.identity.nodeId, reception);
};
const failure = (e: unknown) => (e instanceof LinkFailed ? e.reason : e);

/** Both on both media, and it is known whose the connection is. */
async function pair(): Promise<{ a: Station; b: Station }> {
  const a = await station('a', { radio: true, lan: [] });
  const b = await station('b', { radio: true, lan: ['a'] });
  await sim.run(100);
  met(a, b, 'lan', a.lan?.connections.open[0]);
  met(b, a, 'lan', b.lan?.connections.open[0]);
  await sim.run(2_000);
  return { a, b };
}

describe('whose a connection is', () => {
  test('is known within a few ms of meeting, by one session that the lower NodeId has begun', async () => {
    const a = await station('a', { radio: false, lan: [] });
    const b = await station('b', { radio: false, lan: ['a'] });
    await sim.run(100);
    expect(to(a, b).linked).toBe(false);
    met(a, b, 'lan', a.lan?.connections.open[0]);
    met(b, a, 'lan', b.lan?.connections.open[0]);
    await sim.run(20);
    expect([to(a, b).linked, to(b, a).linked]).toEqual([true, true]);
    expect([a, b].map((s) => s.links.neighbours().length)).toEqual([1, 1]);
  });

  test('is known within a second where the lower one has heard nothing', async () => {
    const a = await station('a', { radio: false, lan: [] });
    const b = await station('b', { radio: false, lan: ['a'] });
    await sim.run(100);
    const [, higher] = [a, b].sort((x, y) =>
      nodeIdKey(x.identity.nodeId) < nodeIdKey(y.identity.nodeId) ? -1 : 1,
    );
    if (!higher) throw new Error('no station');
    const lower = higher === a ? b : a;
    met(higher, lower, 'lan', higher.lan?.connections.open[0]);
    await sim.run(900);
    expect(to(higher, lower).linked).toBe(false);
    await sim.run(200);
    expect([to(higher, lower).linked, to(lower, higher).linked]).toEqual([true, true]);
  });

  test('is asked of a stranger that repeats an announce, in vain, and the air is not disturbed', async () => {
    const a = await station('a', { radio: true, lan: [] });
    const b = await station('b', { radio: true });
    expect(await send(a, b)).toBe('answered');
    const evil = await sim.resolve(net.stranger('evil', { host: 'a', port: PORT }), 1_000);
    evil.write(Uint8Array.of(0x4e, 0x58, 0x4c, 1, 9, 9, 9, 9, 9, 9, 9, 9));
    await sim.run(10);
    for (let i = 0; i < 20; i++) {
      met(a, b, 'lan', a.lan?.connections.open[0]);
      await sim.run(500);
    }
    b.events.length = 0;
    expect(await send(a, b)).toBe('answered');
    expect(b.events).toEqual(['ping by lora']);
  });
});

describe('a neighbour on both media', () => {
  test('is spoken to by its connection, with that medium’s figures', async () => {
    const { a, b } = await pair();
    onAir = 0;
    expect(await send(a, b)).toBe('answered');
    await sim.run(100);
    expect([a.events, b.events, onAir]).toEqual([['answer by lan'], ['ping by lan'], 0]);
    const there = to(a, b);
    expect([there.medium, there.airtime(100), there.recordRoom]).toEqual(['lan', undefined, 8192 - 22]);
    expect(there.quality).toMatchObject({ rssiDbm: undefined, snrDb: undefined });
  });

  test('is spoken to by radio at once when its connection ends', async () => {
    const { a, b } = await pair();
    met(a, b, 'lora');
    met(b, a, 'lora');
    await sim.resolve(b.lan?.stop() ?? Promise.resolve(), 1_000);
    await sim.run(10);
    expect(to(a, b).medium).toBe('lora');
    expect(to(a, b).airtime(100)).toBeGreaterThan(100);
    expect(await send(a, b)).toBe('answered');
    expect([a.events, b.events]).toEqual([['answer by lora'], ['ping by lora']]);
  });

  test('is gone only when it is on no medium any more', async () => {
    const { a, b } = await pair();
    await sim.resolve(b.lan?.stop() ?? Promise.resolve(), 1_000);
    await sim.run(10);
    expect(a.events).toEqual(['gone']);
  });

  test('that no longer answers on the LAN is asked by radio within seconds, and on the LAN again once heard there', async () => {
    const { a, b } = await pair();
    met(a, b, 'lora');
    net.part('a', 'b');
    const began = sim.monotonic();
    expect(await send(a, b)).toBe('answered');
    expect(sim.monotonic() - began).toBeGreaterThan(1_000);
    expect(sim.monotonic() - began).toBeLessThan(12_000);
    expect(b.events).toEqual(['ping by lora']);
    expect(to(a, b).medium).toBe('lora');
    net.join('a', 'b');
    await sim.run(100);
    expect(to(a, b).medium).toBe('lan');
  });

  test('that has fallen silent is still where it was heard last, however long ago that was', async () => {
    const a = await station('a', { radio: true, lan: [] });
    const b = await station('b', { radio: true });
    expect(to(a, b).medium).toBe('lora');
    met(a, b, 'lora');
    expect(await send(a, b)).toBe('answered');
    air.setLoss('a', 'b', Number.POSITIVE_INFINITY);
    expect(await sim.resolve(ping(a, b).catch(failure), 120_000)).toBe('no-answer');
    await sim.run(2 * 3_600_000);
    expect(to(a, b).medium).toBe('lora');
    expect(to(a, b).airtime(100)).toBeGreaterThan(100);
  });

  test('a record that only the LAN can carry fails when that is gone', async () => {
    const { a, b } = await pair();
    met(a, b, 'lora');
    net.part('a', 'b');
    const long = { type: 100, body: new Uint8Array(4_000) };
    const sent = to(a, b).send(long, URGENT).catch(failure);
    expect(await sim.resolve(sent, 60_000)).toBe('no-answer');
  });

  test('what waits for an answer fails at once when the connection ends, with no other way', async () => {
    const a = await station('a', { radio: false, lan: [] });
    const b = await station('b', { radio: false, lan: ['a'] });
    await sim.run(100);
    met(a, b, 'lan', a.lan?.connections.open[0]);
    met(b, a, 'lan', b.lan?.connections.open[0]);
    await sim.run(100);
    net.part('a', 'b');
    const sent = ping(a, b).catch(failure);
    await sim.run(10);
    await sim.resolve(a.lan?.stop() ?? Promise.resolve(), 1_000);
    const began = sim.monotonic();
    expect(await sim.resolve(sent, 1_000)).toBe('unconnected');
    expect(sim.monotonic() - began).toBeLessThan(10);
    expect(a.events).toEqual(['gone']);
  });

  test('without airtime six tries still take seconds', async () => {
    const { a, b } = await pair();
    net.part('a', 'b');
    air.setLoss('a', 'b', Number.POSITIVE_INFINITY);
    const began = sim.monotonic();
    expect(await sim.resolve(ping(a, b).catch(failure), 120_000)).toBe('no-answer');
    expect(sim.monotonic() - began).toBeGreaterThan(1_500);
  });
});

describe('a broadcast', () => {
  test('goes to all media, or to the one that is named, or by the connection that is named', async () => {
    const { a, b } = await pair();
    const heard: string[] = [];
    b.links.onLoose.on(({ reception }) => heard.push(reception.medium));
    const say = async (destination?: { medium: string; via?: string | undefined }) => {
      heard.length = 0;
      const sent = await sim.resolve(a.links.broadcast(receipt(), 0, destination), 10_000);
      await sim.run(100);
      return [sent.sent, ...heard.sort()];
    };
    expect(await say()).toEqual([true, 'lan', 'lora']);
    expect(await say({ medium: 'lan' })).toEqual([true, 'lan']);
    expect(await say({ medium: 'lora' })).toEqual([true, 'lora']);
    expect(await say({ medium: 'lan', via: a.lan?.connections.open[0] })).toEqual([true, 'lan']);
    expect(await say({ medium: 'lan', via: 'no such' })).toEqual([false]);
    await expect(a.links.broadcast(receipt(), 0, { medium: 'smoke' })).rejects.toThrow(RangeError);
  });

  test('fits the smallest of them, and costs the airtime of those that have any', async () => {
    const { a } = await pair();
    expect(a.links.mtu).toBe(255);
    expect(a.links.airtime(100)).toBe(a.media[1]?.airtime(100));
    expect(a.links.media.map((m) => [m.name, m.connections !== undefined])).toEqual([
      ['lan', true],
      ['lora', false],
    ]);
  });
});

test('a connection that lasts is a sign of life every minute', async () => {
  const { a, b } = await pair();
  let alive = 0;
  a.links.onAlive.on((id) => {
    if (nodeIdKey(id) === nodeIdKey(b.identity.nodeId)) alive++;
  });
  onAir = 0;
  await sim.run(3_600_000);
  expect([alive, onAir]).toEqual([60, 0]);
  expect(to(a, b).medium).toBe('lan');
});

test('on the LAN a session is an hour old at most', async () => {
  const { a, b } = await pair();
  await sim.run(3_595_000);
  expect(to(a, b).linked).toBe(true);
  await sim.run(10_000);
  expect(to(a, b).linked).toBe(false);
  expect(await send(a, b)).toBe('answered');
  expect([to(a, b).linked, onAir]).toEqual([true, 0]);
});
