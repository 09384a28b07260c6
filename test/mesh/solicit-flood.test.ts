/** Open questions while somebody asks for more than can be remembered: docs/protocol/mesh.md, "Solicit". */
import { afterEach, describe, expect, test } from 'vitest';
import { SeededRandom } from '../../src/core/random.ts';
import { Identity } from '../../src/identity/keys.ts';
import { RECORD } from '../../src/link/records.ts';
import { encodeAnnounce } from '../../src/mesh/announce.ts';
import { decodeDigest } from '../../src/mesh/digest.ts';
import { chainSecretOf, OwnChain } from '../../src/mesh/freshness.ts';
import { metricOf, OWN_COST } from '../../src/mesh/metric.ts';
import { encodeSolicit, MOST_ENTRIES } from '../../src/mesh/solicit.ts';
import { type Liar, Village } from './routing-stations.ts';

const MINUTE = 60_000;
/** More than are remembered in all. */
const FLOOD = 2_200;
let village: Village;
afterEach(() => village.end());

/** A router with two linked neighbours, somebody who is not linked, and a node that nobody has heard of yet. */
async function scene() {
  village = new Village('flood of solicits');
  await village.router('b');
  const asker = await village.liar('asker');
  const other = await village.liar('other');
  const outsider = await village.stations.outsider('outsider');
  const far = new Identity(new Uint8Array(32).fill(77));
  const chain = new OwnChain(far.nodeId, chainSecretOf(new Uint8Array(32).fill(77)), 1n);
  const prefix = far.nodeId.subarray(0, 4);
  const random = new SeededRandom('prefixes');
  const told = { asker: 0, other: 0 };
  for (const [name, liar] of [['asker', asker] as const, ['other', other] as const])
    liar.station.link.onRecord(RECORD.digest, ({ body }) => {
      for (const e of decodeDigest(body)?.entries ?? []) if (e.prefix.join() === prefix.join()) told[name]++;
    });
  const indexOf = (who: Liar | number) => (typeof who === 'number' ? who : who.station.link.shared.index);
  let nonce = 0;
  return {
    asker,
    other,
    ask: async (who: Liar | number) => {
      const entries = [{ prefix, leastStep: 0, nonce: ++nonce, ring: 2 }];
      await outsider.send(encodeSolicit({ from: indexOf(who), entries }));
      await village.run(MINUTE);
    },
    /** As many questions as a radio can send in a minute, all under other names. */
    flood: async (who: Liar | (() => number)) => {
      for (let sent = 0; sent < FLOOD; sent += MOST_ENTRIES) {
        const entries = Array.from({ length: MOST_ENTRIES }, () => {
          return { prefix: random.bytes(4), leastStep: 0, nonce: ++nonce, ring: 2 };
        });
        await outsider.send(
          encodeSolicit({ from: typeof who === 'function' ? who() : indexOf(who), entries }),
        );
      }
      await village.run(MINUTE);
    },
    /** The node is found: who of the two has been told? */
    told: async () => {
      const announce = encodeAnnounce(far, {
        sequence: 1n,
        anchor: chain.step(0),
        booted: false,
        capabilities: 0,
      });
      announce.set([0, 0x40, 0, 0, 90, 2], announce.length - 6);
      await outsider.send(announce);
      const knower = await village.liar('knower');
      await knower.say({
        prefix,
        freshness: chain.step(3),
        cost: { ...OWN_COST, metric: metricOf(1_000), hops: 2 },
      });
      await village.run(2 * MINUTE);
      return told;
    },
  };
}

describe('an open question', () => {
  test('outlives a flood of another linked neighbour', async () => {
    const { ask, asker, flood, other, told } = await scene();
    await ask(asker);
    await flood(other);
    expect(await told()).toEqual({ asker: 1, other: 0 });
  });

  test('outlives a flood of those who are not linked, under however many indices', async () => {
    const { ask, asker, flood, told } = await scene();
    await ask(asker);
    let index = 0x4000;
    await flood(() => ++index);
    expect(await told()).toEqual({ asker: 1, other: 0 });
  });

  test('does not outlive a flood of whoever asked it, and others do', async () => {
    const { ask, asker, flood, other, told } = await scene();
    await ask(other);
    await flood(other);
    await ask(asker);
    expect(await told()).toEqual({ asker: 1, other: 0 });
  });
});
