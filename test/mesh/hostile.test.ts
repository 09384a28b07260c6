/** What lying neighbours and strangers get from routing: docs/protocol/mesh.md. */

import { afterEach, describe, expect, test } from 'vitest';
import { concat, fromHex } from '../../src/core/bytes.ts';
import { Identity } from '../../src/identity/keys.ts';
import type { NodeId } from '../../src/identity/node-id.ts';
import { KIND } from '../../src/link/frame.ts';
import { encodeAnnounce } from '../../src/mesh/announce.ts';
import { encodeBeacon } from '../../src/mesh/beacon.ts';
import { UNSAID } from '../../src/mesh/channel-shares.ts';
import { chainSecretOf, OwnChain } from '../../src/mesh/freshness.ts';
import { metricOf, OWN_COST } from '../../src/mesh/metric.ts';
import { encodeSolicit } from '../../src/mesh/solicit.ts';
import { Village } from './routing-stations.ts';

const MINUTE = 60_000;
let village: Village;
afterEach(() => village.end());

/** A router, a liar linked with it, and somebody who is nowhere in earshot. */
async function scene(trusts?: (id: Uint8Array) => Uint8Array | undefined) {
  village = new Village('hostile');
  const b = await village.router('b', trusts);
  const liar = await village.liar('liar');
  const outsider = await village.stations.outsider('outsider');
  const absent = new Identity(new Uint8Array(32).fill(77));
  const chain = new OwnChain(absent.nodeId, chainSecretOf(new Uint8Array(32).fill(77)), 1n);
  const announce = encodeAnnounce(absent, {
    sequence: 1n,
    anchor: chain.step(0),
    booted: false,
    capabilities: 0,
  });
  const passedOn = announce.slice();
  passedOn.set([0, 0x40, 0, 0, 90, 2], announce.length - 6);
  const entry = (step: number, ms: number) => ({
    prefix: absent.nodeId.subarray(0, 4),
    freshness: chain.step(step),
    cost: { ...OWN_COST, metric: metricOf(ms), hops: 1 },
  });
  const routeTo = (id: NodeId) => b.router.candidates(id, 0);
  const refused = (reason: string) => b.station.counters.get(`mesh.refused.${reason}`);
  return { village, b, liar, outsider, absent, chain, announce, passedOn, entry, routeTo, refused };
}

describe('digests', () => {
  test('of a linked neighbour, proven by the chain, make a route: the ground on which the others stand', async () => {
    const { liar, outsider, absent, passedOn, entry, routeTo } = await scene();
    await outsider.send(passedOn);
    await liar.say(entry(3, 1000));
    expect(routeTo(absent.nodeId)).toMatchObject([{ neighbour: liar.id, direct: false }]);
  });

  test('that prove nothing are refused, once the announce is known', async () => {
    const { liar, outsider, absent, passedOn, entry, refused, routeTo, village } = await scene();
    await liar.say({ ...entry(3, 1000), freshness: new Uint8Array(8).fill(1) });
    await village.run(10_000);
    await outsider.send(passedOn);
    expect(refused('unproven-entry')).toBe(1);
    expect(routeTo(absent.nodeId)).toEqual([]);
  });

  test('that others have recorded and send again are dropped', async () => {
    const { b, liar, outsider, absent, passedOn, entry, routeTo } = await scene();
    await outsider.send(passedOn);
    await liar.say(entry(3, 1000));
    const recorded = liar.lastShared;
    await liar.say({ ...entry(4, 1000), cost: { ...OWN_COST, metric: 0xffff } });
    expect(routeTo(absent.nodeId)).toEqual([]);
    await outsider.send(recorded);
    expect(b.station.counters.get('link.refused.shared-replay')).toBe(1);
    expect(routeTo(absent.nodeId)).toEqual([]);
  });

  test('that ask for an announce get it where they ask this node, and only where it has a way', async () => {
    const { b, liar, outsider, absent, passedOn, entry, village } = await scene();
    await outsider.send(passedOn);
    // it was news, and goes out once by itself
    await village.run(20 * MINUTE);
    const announced = () => village.stations.sent(b.station, KIND.announce).length;
    const { index } = b.station.link.shared;
    const prefix = absent.nodeId.subarray(0, 4);
    const before = announced();
    const own = { prefix: liar.id.subarray(0, 4), freshness: liar.chain.step(1), cost: OWN_COST };
    await liar.sayAndAsk([{ of: index, prefix }], own);
    await village.run(MINUTE);
    expect(announced()).toBe(before);
    await liar.say(entry(3, 1000));
    await village.run(2 * MINUTE);
    await liar.sayAndAsk([{ of: index ^ 1, prefix }], own);
    await village.run(MINUTE);
    expect(announced()).toBe(before);
    await liar.sayAndAsk([{ of: index, prefix }], own);
    await village.run(MINUTE);
    expect(announced()).toBe(before + 1);
  });

  test('malformed ones are counted', async () => {
    const { b, liar, refused, village } = await scene();
    void liar.station.link.shared.send({ type: 34, body: new Uint8Array(23) }, 0, 'all');
    void liar.station.link.shared.send({ type: 32, body: new Uint8Array(4) }, 0, 'all');
    await village.run(2000);
    const isCounted = b.station.counters.get('link.refused.shared-record');
    expect([refused('malformed-digest'), isCounted]).toEqual([1, 1]);
  });

  test('that speak of this node itself change nothing', async () => {
    const { b, liar, routeTo } = await scene();
    const self = b.station.identity.nodeId;
    await liar.say({ prefix: self.subarray(0, 4), freshness: new Uint8Array(8), cost: OWN_COST });
    expect(routeTo(self)).toEqual([]);
  });

  test('that return what this node has advertised are no route: nothing goes back where it came from', async () => {
    const { b, liar, outsider, absent, passedOn, entry, routeTo, village } = await scene();
    await outsider.send(passedOn);
    await liar.say(entry(3, 1000));
    const other = await village.liar('other');
    await village.run(10 * MINUTE);
    const said = b.router.routes().find((r) => r.nodeId.join() === absent.nodeId.join())?.best?.cost;
    if (!said) throw new Error('no route');
    await liar.say({ ...entry(3, 0), cost: { ...OWN_COST, metric: 0xffff } });
    // as fast as it can say without being found out, were there no feasibility
    await other.say({ ...entry(3, 0), cost: { ...said, hops: 3 } });
    expect(routeTo(absent.nodeId)).toEqual([]);
    // a newer word of the destination would be another matter
    await other.say({ ...entry(4, 0), cost: { ...said, hops: 3 } });
    expect(routeTo(absent.nodeId)).toMatchObject([{ neighbour: other.id }]);
  });
});

describe('announces', () => {
  test('replayed ones of before are refused', async () => {
    const { liar, refused, village } = await scene();
    liar.announce(5n);
    await village.run(1000);
    liar.announce(4n);
    await village.run(1000);
    expect(refused('stale-announce')).toBe(1);
  });

  test('another one of the same sequence is refused', async () => {
    const { absent, announce, outsider, refused } = await scene();
    await outsider.send(announce);
    const anchor = new Uint8Array(8).fill(9);
    await outsider.send(encodeAnnounce(absent, { sequence: 1n, anchor, booted: false, capabilities: 0 }));
    expect(refused('other-announce')).toBe(1);
  });

  test('with a flipped bit, or a sequence beyond all counting, are refused', async () => {
    const { absent, announce, outsider, refused } = await scene();
    const bent = announce.slice();
    bent[45] = (bent[45] as number) ^ 1;
    await outsider.send(bent);
    const own = { sequence: 2n ** 40n, anchor: new Uint8Array(8), booted: false, capabilities: 0 };
    await outsider.send(encodeAnnounce(absent, own));
    expect([refused('bad-signature-announce'), refused('malformed-announce')]).toEqual([1, 1]);
  });

  test('do not make a neighbour of somebody who is spoken of', async () => {
    const { absent, b, outsider, passedOn } = await scene();
    await outsider.send(passedOn);
    expect(b.router.reachable(absent.nodeId)).toBe(false);
    expect(b.router.keyOf(absent.nodeId)).toEqual(absent.publicKey);
  });
});

describe('beacons that say a neighbour has booted', () => {
  const bootedAt = (nodeId: NodeId, step: Uint8Array) =>
    encodeBeacon({
      ...{ nodeId, capabilities: 0, tariffTier: 0, load: 0, crowd: UNSAID },
      started: { how: 'booted', step },
    });

  test('end its sessions only with a step of its chain that nobody has seen', async () => {
    const { b, liar, outsider, refused } = await scene();
    const { link } = b.station;
    const beacon = (step: Uint8Array) => bootedAt(liar.id, step);
    expect(link.shared.isMutual(liar.id)).toBe(true);
    await outsider.send(beacon(new Uint8Array(8)));
    await outsider.send(beacon(liar.chain.step(0)));
    expect(refused('unproven-beacon')).toBe(2);
    expect(link.shared.isMutual(liar.id)).toBe(true);
    await outsider.send(beacon(liar.chain.step(1)));
    expect(link.shared.isMutual(liar.id)).toBe(false);
  });

  test('are looked for a few steps around the newest, once hundreds of them were made up', async () => {
    const { b, liar, outsider, refused } = await scene();
    const { link } = b.station;
    const beacon = (step: Uint8Array) => bootedAt(liar.id, step);
    for (let n = 0; n < 256; n++) await outsider.send(beacon(new Uint8Array(8).fill(n)));
    expect(refused('unproven-beacon')).toBe(256);
    await outsider.send(beacon(liar.chain.step(100)));
    expect(link.shared.isMutual(liar.id)).toBe(true);
    await outsider.send(beacon(liar.chain.step(17)));
    expect(link.shared.isMutual(liar.id)).toBe(false);
  });
});

describe('floods', () => {
  test('of solicits are passed on within the budget, half of which stays for those that are trusted', async () => {
    const { b, outsider, village } = await scene();
    const before = village.stations.frames.length;
    for (let n = 0; n < 250; n++) {
      const entries = Array.from({ length: 28 }, (_, i) => ({
        prefix: fromHex((n * 28 + i).toString(16).padStart(8, '0')) as Uint8Array,
        ...{ leastStep: 0, nonce: n, ring: 64 },
      }));
      await outsider.send(encodeSolicit({ from: 0, entries }));
    }
    await village.run(MINUTE);
    const passedOn = village.stations.frames
      .slice(before)
      .filter((f) => f.from === 'b' && (f.bytes[0] ?? 0) >> 3 === (0x40 >> 3) + KIND.solicit);
    const airtime = passedOn.reduce((sum, f) => sum + f.endedAt - f.startedAt, 0);
    expect(passedOn.length).toBeGreaterThan(5);
    // 3 % of an hour, of two neighbours and itself, and half of that
    expect(airtime).toBeLessThan((0.03 * 60 * MINUTE) / 2);
    expect(b.station.counters.get('mesh.over-budget')).toBeGreaterThan(50);
  });

  test('of entries for nodes that nobody knows are asked for a few at a time', async () => {
    const { liar, village } = await scene();
    const before = village.stations.sent(undefined, KIND.sealed).filter((f) => f.from === 'b').length;
    for (let n = 0; n < 40; n++)
      await liar.say(
        ...Array.from({ length: 10 }, (_, i) => ({
          prefix: Uint8Array.of(200, 0, n, i),
          freshness: new Uint8Array(8),
          cost: { ...OWN_COST, metric: 5000, hops: 1 },
        })),
      );
    await village.run(5 * MINUTE);
    const asked = village.stations.sent(undefined, KIND.sealed).filter((f) => f.from === 'b').length - before;
    // sixteen at a time, each once more after two minutes, 256 of them at most
    expect(asked).toBeLessThan(80);
  });
});

test('somebody with the same identity is counted, and heard by others only', async () => {
  const { b, outsider, refused } = await scene();
  const { identity } = b.station;
  await outsider.send(
    encodeAnnounce(identity, { sequence: 9n, anchor: new Uint8Array(8), booted: true, capabilities: 0 }),
  );
  const facts = { capabilities: 0, tariffTier: 0, load: 0, crowd: UNSAID, started: undefined };
  const beacon = { nodeId: identity.nodeId, ...facts };
  await outsider.send(encodeBeacon(beacon));
  await outsider.send(concat(encodeBeacon(beacon), Uint8Array.of(9, 0)));
  expect([refused('own-announce'), refused('own-beacon')]).toEqual([1, 2]);
});
