/** How far a solicit goes, who is silent, and who is new enough to answer: docs/protocol/mesh.md, "Solicit". */
import { afterEach, describe, expect, test } from 'vitest';
import { Identity } from '../../src/identity/keys.ts';
import { KIND } from '../../src/link/frame.ts';
import { RECORD } from '../../src/link/records.ts';
import { encodeAnnounce } from '../../src/mesh/announce.ts';
import { decodeDigest } from '../../src/mesh/digest.ts';
import { chainSecretOf, OwnChain, orderOf, serialOf } from '../../src/mesh/freshness.ts';
import { metricOf, OWN_COST, RETRACTED } from '../../src/mesh/metric.ts';
import { decodeSolicit, encodeSolicit, type SolicitEntry } from '../../src/mesh/solicit.ts';
import { Village } from './routing-stations.ts';

const MINUTE = 60_000;
const NONCE = 0x1234;
let village: Village;
afterEach(() => village.end());

/** The serial of a step of the first chain. */
const serial = (step: number) => serialOf(orderOf(1n, step));

/** A router, a neighbour that reaches somebody far away, one that asks for that one, and somebody who repeats it. */
async function scene() {
  village = new Village('rings');
  const b = await village.router('b');
  const knower = await village.liar('knower');
  const asker = await village.liar('asker');
  const repeater = await village.stations.outsider('repeater');
  const far = new Identity(new Uint8Array(32).fill(77));
  const chain = new OwnChain(far.nodeId, chainSecretOf(new Uint8Array(32).fill(77)), 1n);
  const own = { sequence: 1n, anchor: chain.step(0), booted: false, capabilities: 0 };
  const passedOn = encodeAnnounce(far, own);
  passedOn.set([0, 0x40, 0, 0, 90, 2], passedOn.length - 6);
  const prefix = far.nodeId.subarray(0, 4);
  const isFar = (e: { readonly prefix: Uint8Array }) => e.prefix.join() === prefix.join();
  const answers: number[] = [];
  asker.station.link.onRecord(RECORD.digest, ({ body }) => {
    for (const entry of decodeDigest(body)?.entries ?? []) if (isFar(entry)) answers.push(entry.cost.metric);
  });
  const { index } = asker.station.link.shared;
  const solicit = (from: number, entry: Partial<SolicitEntry>) =>
    encodeSolicit({ from, entries: [{ prefix, leastStep: 0, nonce: NONCE, ring: 64, ...entry }] });
  return {
    b,
    answers,
    /** b hears of a path to the one far away; `metric` undefined: of about a second. */
    learn: async (step: number, metric = metricOf(1_000)) => {
      await repeater.send(passedOn);
      await knower.say({ prefix, freshness: chain.step(step), cost: { ...OWN_COST, metric, hops: 2 } });
    },
    ask: async (entry: Partial<SolicitEntry>) => {
      await village.stations.resolve(asker.station.link.broadcast(solicit(index, entry), 0));
    },
    /** Somebody else who has heard it sends it on, before b does. */
    repeat: (entry: Partial<SolicitEntry>) => repeater.send(solicit(index ^ 1, entry)),
    /** What b has sent on. */
    sentOn: () =>
      village.stations.sent(b.station, KIND.solicit).flatMap(({ bytes }) => {
        const sent = decodeSolicit(bytes);
        return (sent?.entries ?? []).filter(isFar).map((entry) => ({ ...entry, from: sent?.from }));
      }),
  };
}

describe('a solicit that cannot be answered', () => {
  test('goes on with its nonce, one ring fewer, and the index of who sends it on', async () => {
    const { ask, b, sentOn } = await scene();
    await ask({ ring: 5 });
    await village.run(MINUTE);
    expect(sentOn()).toMatchObject([{ ring: 4, nonce: NONCE, from: b.station.link.shared.index }]);
  });

  test('of ring 1 goes no further', async () => {
    const { ask, sentOn } = await scene();
    await ask({ ring: 1 });
    await village.run(MINUTE);
    expect(sentOn()).toEqual([]);
  });

  test('is sent on once, however often it is heard again later', async () => {
    const { ask, sentOn } = await scene();
    await ask({ ring: 5 });
    await village.run(MINUTE);
    await ask({ ring: 5 });
    await village.run(MINUTE);
    expect(sentOn()).toHaveLength(1);
  });

  test.each([
    [1, 1],
    [2, 0],
  ])('that %i others send on meanwhile is sent on %i times', async (others, times) => {
    const { ask, repeat, sentOn } = await scene();
    await ask({ ring: 5 });
    for (let i = 0; i < others; i++) await repeat({ ring: 4 });
    expect(sentOn()).toEqual([]); // nobody was too late
    await village.run(MINUTE);
    expect(sentOn()).toHaveLength(times);
  });
});

describe('a newer step than any', () => {
  test('is not answered by a route that is older, and goes on; one that is as new is told', async () => {
    const { answers, ask, learn, sentOn } = await scene();
    await learn(3);
    await ask({ leastStep: serial(4) });
    await village.run(MINUTE);
    expect(answers).toEqual([]);
    expect(sentOn()).toMatchObject([{ leastStep: serial(4) }]);
    await learn(4);
    await village.run(MINUTE);
    expect(answers).toHaveLength(1);
  });

  test('is asked for in the stead of the one asked for, where only that would be of use to who sends it on', async () => {
    const { ask, learn, sentOn } = await scene();
    await learn(3);
    await ask({ nonce: NONCE + 1 });
    await village.run(MINUTE);
    expect(sentOn()).toEqual([]); // answered: b has said what it has, and may not follow anybody who says the same
    await learn(3, RETRACTED);
    await ask({ leastStep: serial(2) });
    await village.run(MINUTE);
    expect(sentOn()).toMatchObject([{ leastStep: serial(4) }]);
  });
});
