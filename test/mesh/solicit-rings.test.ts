/** How far a solicit goes, who is silent, and who is new enough to answer: docs/protocol/mesh.md, "Solicit". */
import { afterEach, describe, expect, test } from 'vitest';
import { Identity } from '../../src/identity/keys.ts';
import { KIND } from '../../src/link/frame.ts';
import { RECORD } from '../../src/link/records.ts';
import { encodeAnnounce } from '../../src/mesh/announce.ts';
import { encodeBeacon } from '../../src/mesh/beacon.ts';
import { UNSAID } from '../../src/mesh/channel-shares.ts';
import { decodeDigest } from '../../src/mesh/digest.ts';
import { chainSecretOf, OwnChain, orderOf, serialOf } from '../../src/mesh/freshness.ts';
import { metricOf, OWN_COST, RETRACTED } from '../../src/mesh/metric.ts';
import { decodeSolicit, encodeSolicit, type SolicitEntry } from '../../src/mesh/solicit.ts';
import { type Liar, Village } from './routing-stations.ts';

const MINUTE = 60_000;
const NONCE = 0x1234;
let village: Village;
afterEach(() => village.end());

/** The serial of a step of the first chain. */
const serial = (step: number) => serialOf(orderOf(1n, step));

/** A router, a neighbour that reaches somebody far away, one that asks for that one, and somebody who repeats it. */
async function scene() {
  village = new Village('rings');
  // by this name its waits are long enough for those who send a solicit on before it
  const b = await village.router('relay');
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
    /** Somebody who has heard it sends it on, before b does: by index, of a neighbour or of somebody unknown. */
    repeat: (from: Liar | number) =>
      repeater.send(solicit(typeof from === 'number' ? from : from.station.link.shared.index, { ring: 4 })),
    asker,
    knower,
    /** b hears so many that it is not linked with. */
    passers: async (many: number) => {
      for (let i = 1; i <= many; i++) {
        const { nodeId } = new Identity(new Uint8Array(32).fill(100 + i));
        const facts = { capabilities: 0, tariffTier: 0, load: 0, crowd: UNSAID, started: undefined };
        await repeater.send(encodeBeacon({ nodeId, ...facts }));
      }
      // b asks for their announces
      await village.run(2 * MINUTE);
    },
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

  const X = 0xa001;
  const Y = 0xa002;

  test.each<[string, number, (s: Awaited<ReturnType<typeof scene>>) => (Liar | number)[], number]>([
    ['a neighbour and an unlinked one', 1, ({ knower }) => [knower, X], 0],
    ['two unlinked ones', 2, () => [X, Y], 0],
    ['one neighbour', 2, ({ knower }) => [knower], 1],
    ['one neighbour, three times', 2, ({ knower }) => [knower, knower, knower], 1],
    ['an unlinked one, three times', 2, () => [X, X, X], 1],
    ['its own sender, three times', 2, ({ asker }) => [asker, asker, asker], 1],
    ['nobody, three times', 2, () => [0, 0, 0], 1],
    ['two inventions, where all who are heard are linked', 0, () => [X, Y], 1],
    ['two inventions, where one who is heard is not linked', 1, () => [X, Y], 1],
  ])('that is sent meanwhile by %s (strangers heard: %i)', async (_, strangers, senders, times) => {
    const s = await scene();
    await s.passers(strangers);
    await s.ask({ ring: 5 });
    for (const from of senders(s)) await s.repeat(from);
    expect(s.sentOn()).toEqual([]); // nobody was too late
    await village.run(MINUTE);
    expect(s.sentOn()).toHaveLength(times);
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
