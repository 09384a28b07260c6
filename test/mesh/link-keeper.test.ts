/** Links to those in earshot, before there is mail: docs/protocol/mesh.md, "Links". */
import { afterEach, expect, test } from 'vitest';
import { encodeAnnounce } from '../../src/mesh/announce.ts';
import { OwnChain } from '../../src/mesh/freshness.ts';
import { Village } from './routing-stations.ts';

const MINUTE = 60_000;
let village: Village;
afterEach(() => village.end());

test('a link that a neighbour has begun lasts when its first announce is heard only then', async () => {
  village = new Village('late announce');
  const { station } = await village.router('b');
  const newcomer = await village.stations.station('newcomer');
  const { identity, link } = newcomer;
  link.shared.onOffer(() => true);
  const isLinked = () => station.link.shared.isMutual(identity.nodeId);
  await village.stations.resolve(link.shared.admit(station.identity.nodeId, { priority: 0 }));
  expect(isLinked()).toBe(true);
  await village.run(30 * MINUTE);
  const chain = (sequence: bigint) => new OwnChain(identity.nodeId, new Uint8Array(32).fill(7), sequence);
  const announce = (sequence: bigint) => {
    const own = { sequence, anchor: chain(sequence).step(0), booted: true, capabilities: 0 };
    void link.broadcast(encodeAnnounce(identity, own), 0);
  };
  announce(1n);
  await village.run(10_000);
  expect(isLinked()).toBe(true);
  // but not over a boot that is known to be one
  announce(2n);
  await village.run(3_000);
  expect(isLinked()).toBe(false);
});
