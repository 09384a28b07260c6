/** Who asks for a node while others do: docs/protocol/mesh.md, "Solicit". */
import { afterEach, describe, expect, test } from 'vitest';
import { Identity } from '../../src/identity/keys.ts';
import { KIND } from '../../src/link/frame.ts';
import { decodeSolicit, encodeSolicit } from '../../src/mesh/solicit.ts';
import { Village } from './routing-stations.ts';

const MINUTE = 60_000;
let village: Village;
afterEach(() => village.end());

/** A router, a neighbour, and somebody nobody has ever heard of. */
async function scene() {
  village = new Village('turns');
  const b = await village.router('b');
  const neighbour = await village.liar('neighbour');
  const unknown = new Identity(new Uint8Array(32).fill(78)).nodeId;
  let nonce = 0;
  return {
    b,
    unknown,
    ask: (prefix: Uint8Array) => {
      const entry = { prefix: prefix.subarray(0, 4), leastStep: 0, nonce: ++nonce, ring: 2 };
      const { index } = neighbour.station.link.shared;
      const frame = encodeSolicit({ from: index, entries: [entry] });
      return village.stations.resolve(neighbour.station.link.broadcast(frame, 0));
    },
    /** Whom b has asked for itself: those that it passes on have the nonces of others. */
    asked: () =>
      village.stations
        .sent(b.station, KIND.solicit)
        .flatMap(({ bytes }) => decodeSolicit(bytes)?.entries ?? [])
        .filter((e) => e.prefix.join() === unknown.subarray(0, 4).join() && e.nonce > nonce),
  };
}

describe('a node whose announce is unknown', () => {
  test('is not asked for within two minutes of another solicit for it', async () => {
    const { ask, asked, b, unknown } = await scene();
    await ask(unknown);
    b.router.want(unknown);
    await village.run(1.8 * MINUTE);
    expect(asked()).toEqual([]);
    await village.run(0.5 * MINUTE);
    expect(asked()).toMatchObject([{ ring: 2 }]);
  });

  test('is asked for at once where the other solicit is for somebody else', async () => {
    const { ask, asked, b, unknown } = await scene();
    await ask(unknown.map((x) => x ^ 1));
    b.router.want(unknown);
    await village.run(0.2 * MINUTE);
    expect(asked()).toMatchObject([{ ring: 2 }]);
  });
});
