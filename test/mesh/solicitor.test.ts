/** How solicits are answered: docs/protocol/mesh.md, "Solicit". */
import { afterEach, describe, expect, test } from 'vitest';
import { Identity } from '../../src/identity/keys.ts';
import { KIND } from '../../src/link/frame.ts';
import { RECORD } from '../../src/link/records.ts';
import { encodeAnnounce } from '../../src/mesh/announce.ts';
import { decodeDigest } from '../../src/mesh/digest.ts';
import { chainSecretOf, OwnChain } from '../../src/mesh/freshness.ts';
import { metricOf, OWN_COST } from '../../src/mesh/metric.ts';
import { encodeSolicit } from '../../src/mesh/solicit.ts';
import { Village } from './routing-stations.ts';

const MINUTE = 60_000;
/** A neighbourhood index of nobody who is linked. */
const STRANGER = 0x7777;
let village: Village;
afterEach(() => village.end());

/** A router, a neighbour that reaches somebody far away, and one that asks for that one. */
async function scene() {
  village = new Village('solicitor');
  const b = await village.router('b');
  const knower = await village.liar('knower');
  const asker = await village.liar('asker');
  const far = new Identity(new Uint8Array(32).fill(77));
  const chain = new OwnChain(far.nodeId, chainSecretOf(new Uint8Array(32).fill(77)), 1n);
  const own = { sequence: 1n, anchor: chain.step(0), booted: false, capabilities: 0 };
  const passedOn = encodeAnnounce(far, own);
  passedOn.set([0, 0x40, 0, 0, 90, 2], passedOn.length - 6);
  const outsider = await village.stations.outsider('outsider');
  const prefix = far.nodeId.subarray(0, 4);
  const answers: number[] = [];
  asker.station.link.onRecord(RECORD.digest, ({ body }) => {
    for (const entry of decodeDigest(body)?.entries ?? [])
      if (entry.prefix.join() === prefix.join()) answers.push(entry.cost.metric);
  });
  let nonce = 0;
  return {
    village,
    b,
    answers,
    learn: async (step: number, ms: number) => {
      await outsider.send(passedOn);
      const cost = { ...OWN_COST, metric: metricOf(ms), hops: 2 };
      await knower.say({ prefix, freshness: chain.step(step), cost });
    },
    /** A new question, or the one with that nonce as it is heard from somebody. */
    ask: async (ring: number, from = asker.station.link.shared.index, question = ++nonce) => {
      const entry = { prefix, leastStep: 0, nonce: question, ring };
      void asker.station.link.broadcast(encodeSolicit({ from, entries: [entry] }), 0);
      await village.run(2 * MINUTE);
    },
    passedOn: () => village.stations.sent(b.station, KIND.solicit).length,
  };
}

describe('whoever asks for a node', () => {
  test('is told its route once, however often it asks, and the question goes no further', async () => {
    const { answers, ask, learn, passedOn } = await scene();
    await learn(3, 5_000);
    for (const ring of [2, 5, 64]) await ask(ring);
    expect(answers).toHaveLength(1);
    expect(passedOn()).toBe(0);
  });

  test('is told by way of a linked neighbour that is no farther from it, not of one that has the question from here', async () => {
    const { answers, ask, learn, passedOn } = await scene();
    const same = 0xabc;
    await ask(5, STRANGER, same);
    expect(passedOn()).toBe(1);
    await ask(3, undefined, same);
    await learn(3, 5_000);
    await village.run(MINUTE);
    expect(answers).toEqual([]);
    await ask(4, undefined, same);
    expect(answers).toHaveLength(1);
  });

  test('is told a better one', async () => {
    const { answers, ask, learn } = await scene();
    await learn(3, 5_000);
    await ask(2);
    await learn(4, 1_000);
    await ask(5);
    expect(answers).toHaveLength(2);
    expect(answers[1]).toBeLessThan(answers[0] as number);
  });

  test('is told once it is known, and before has its question passed on', async () => {
    const { answers, ask, learn, passedOn, village } = await scene();
    await ask(5);
    expect([answers.length, passedOn()]).toEqual([0, 1]);
    await learn(3, 5_000);
    await village.run(MINUTE);
    expect(answers).toHaveLength(1);
  });

  test('only for its announce is answered by nobody else', async () => {
    const { answers, ask, learn, passedOn } = await scene();
    await learn(3, 5_000);
    await ask(1, 0);
    expect([answers.length, passedOn()]).toEqual([0, 0]);
  });
});
