/** Who is back, and how its linked neighbours take it: docs/protocol/mesh.md, "Beacon". */

import { afterEach, describe, expect, test } from 'vitest';
import { equal } from '../../src/core/bytes.ts';
import type { NodeId } from '../../src/identity/node-id.ts';
import { KIND } from '../../src/link/frame.ts';
import { encodeBeacon } from '../../src/mesh/beacon.ts';
import { UNSAID } from '../../src/mesh/channel-shares.ts';
import { Village } from './routing-stations.ts';

const MINUTE = 60_000;
let village: Village;
afterEach(() => village.end());

/** A router, and two neighbours that are linked with it; one of them says how it was started. */
async function scene() {
  village = new Village('returns');
  const b = await village.router('b');
  const liar = await village.liar('liar');
  const { counters, link } = b.station;
  const returned: NodeId[] = [];
  b.router.onReturn.on((id) => returned.push(id));
  let beacons = village.stations.sent(b.station, KIND.beacon).length;
  return {
    ...{ village, liar, returned, link },
    say: (how: 'booted' | 'resumed', step: number) => {
      const started = { how, step: liar.chain.step(step) };
      const facts = { nodeId: liar.id, capabilities: 0, tariffTier: 0, load: 0, crowd: UNSAID };
      void liar.station.link.broadcast(encodeBeacon({ ...facts, started }), 0);
      return village.run(1_000);
    },
    /** Beacons of the router since it was last asked. */
    beacons: () => {
      const before = beacons;
      beacons = village.stations.sent(b.station, KIND.beacon).length;
      return beacons - before;
    },
    refused: () => counters.get('mesh.refused.unproven-beacon'),
    isBack: () => returned.some((id) => equal(id, liar.id)),
  };
}

describe('resumed', () => {
  test('leaves the link as it was, and is answered once by a beacon within seconds', async () => {
    const { beacons, isBack, liar, link, say, village } = await scene();
    expect(link.shared.isMutual(liar.id)).toBe(true);
    await village.run(2 * MINUTE);
    beacons();
    await say('resumed', 1);
    expect([link.shared.isMutual(liar.id), link.neighbour(liar.id).linked, isBack()]).toEqual([
      true,
      true,
      true,
    ]);
    await village.run(5_000);
    expect(beacons()).toBe(1);
    await village.run(5_000);
    expect(beacons()).toBe(0);
  });

  test('proves nothing by a step that has been seen, and is not answered', async () => {
    const { beacons, isBack, refused, say, village } = await scene();
    await village.run(2 * MINUTE);
    beacons();
    await say('resumed', 0);
    await village.run(10_000);
    expect([beacons(), refused(), isBack()]).toEqual([0, 1, false]);
  });

  test('of a node that is not linked is not answered: it asks for a link of its own', async () => {
    const { beacons, liar, link, say, village } = await scene();
    await village.run(2 * MINUTE);
    beacons();
    link.forget(liar.id);
    await say('resumed', 1);
    await village.run(4_000);
    expect(beacons()).toBe(0);
  });
});

test('booted ends the link, and is not answered', async () => {
  const { beacons, isBack, liar, link, say, village } = await scene();
  await village.run(2 * MINUTE);
  beacons();
  await say('booted', 1);
  expect([link.shared.isMutual(liar.id), isBack()]).toEqual([false, true]);
  await village.run(4_000);
  expect(beacons()).toBe(0);
});
