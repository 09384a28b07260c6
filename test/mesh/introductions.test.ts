/** How announces are asked for: docs/protocol/mesh.md, "Announce". */
import { afterEach, describe, expect, test } from 'vitest';
import { SeededRandom } from '../../src/core/random.ts';
import { openDatabase } from '../../src/db/open.ts';
import { type NodeId, nodeIdFrom, nodeIdKey } from '../../src/identity/node-id.ts';
import type { Neighbour } from '../../src/link/link.ts';
import { RECORD } from '../../src/link/records.ts';
import { ANNOUNCE_LENGTH, type Announce, decodeAnnounce } from '../../src/mesh/announce.ts';
import { Destinations } from '../../src/mesh/destinations.ts';
import { Introductions } from '../../src/mesh/introductions.ts';
import { OWN_COST } from '../../src/mesh/metric.ts';
import { PacedLink } from '../../src/mesh/paced-link.ts';
import { RoutingBudget } from '../../src/mesh/routing-budget.ts';
import { decodeWant } from '../../src/mesh/want.ts';
import { temporaryDirectory } from '../db/directories.ts';
import { Stations } from '../link/stations.ts';
import { nodeBehind } from './routing-stations.ts';

const MINUTE = 60_000;
const INDEX = 0x1234;
const absent = nodeIdFrom(new Uint8Array(16).fill(9));
const prefix = absent.subarray(0, 4);

let close: () => Promise<void> = async () => {};
afterEach(() => close());

/** A station that lacks an announce, and a neighbour that has spoken of it. */
async function scene({ isUp = true, isSought = false, isTrusted = false } = {}) {
  const stations = new Stations('introductions');
  const { sim } = stations;
  const station = await stations.station('a');
  const neighbour = await stations.station('b');
  const durability = { kind: 'simulated', clock: sim, delay: () => 5 } as const;
  const db = await stations.resolve(openDatabase(temporaryDirectory(), { durability }));
  const budget = new RoutingBudget({
    clock: sim,
    sharers: () => 2,
    hasNews: () => false,
    legalMs: undefined,
    isRestart: false,
  });
  const { counters, identity, link } = station;
  const via = neighbour.identity.nodeId;
  const asked: (readonly Uint8Array[])[] = [];
  neighbour.link.onRecord(RECORD.want, ({ body }) => void asked.push(decodeWant(body) ?? []));
  const destinations = new Destinations({ db, isKept: () => false, spokenOfBy: () => undefined });
  /** Who has said a route to whom, and what was handed out to those who asked. */
  const spoken = new Set<string>();
  const handedOut: NodeId[] = [];
  /** Whose word of it waits for the announce. */
  const speakers: NodeId[] = [via];
  const introductions = new Introductions({
    self: identity.nodeId,
    paced: new PacedLink({ link, budget, clock: sim, isUp: () => isUp, counters }),
    destinations,
    isTrusted: () => isTrusted,
    costTo: () => OWN_COST,
    speaksOf: (who, key) => spoken.has(`${who} ${key}`),
    speakers: () => speakers,
    handedOut: (id) => void handedOut.push(id),
    announceSelf: () => {},
    indexOf: () => INDEX,
    isSought: () => isSought,
    pace: link.airtime(ANNOUNCE_LENGTH) as number,
    clock: sim,
    random: new SeededRandom('introductions'),
  });
  close = async () => {
    introductions.stop();
    await stations.resolve(db.close());
  };
  const riding = () => introductions.riding(8).map(({ asking, of }) => ({ of, prefix: asking.prefix }));
  /** Whom it is asked of by the way, while there is no budget to ask at once. */
  const askedOf = async (ms: number) => {
    const of: NodeId[] = [];
    for (let at = 0; at < ms; at += MINUTE) {
      while (budget.take(100, true));
      await sim.run(MINUTE);
      const due = introductions.riding(8);
      of.push(...due.map(({ asking }) => asking.via));
      introductions.rode(due);
    }
    return of;
  };
  /** More than half of an hour's. */
  const spend = () => budget.take(0.6 * budget.share * 60 * MINUTE, true);
  return {
    stations,
    introductions,
    via,
    asked,
    askedOf,
    riding,
    spend,
    destinations,
    spoken,
    speakers,
    handedOut,
  };
}

describe('an announce that is lacking', () => {
  test('is asked for at once while there is budget', async () => {
    const { asked, introductions, riding, stations, via } = await scene();
    introductions.ask(via, prefix);
    await stations.sim.run(MINUTE);
    expect(asked).toEqual([[prefix]]);
    expect(riding()).toEqual([]);
  });

  test('is asked for by the way, in the next digest, once half of the budget is spent', async () => {
    const { asked, introductions, riding, spend, stations, via } = await scene();
    spend();
    introductions.ask(via, prefix);
    await stations.sim.run(MINUTE);
    expect(riding()).toEqual([{ of: INDEX, prefix }]);
    introductions.rode(introductions.riding(8));
    expect(riding()).toEqual([]);
    expect(asked).toEqual([]);
  });

  test('is asked for at once where somebody waits for a route, from the half that is there for trusted peers', async () => {
    const trusted = { isSought: true, isTrusted: true };
    const { asked, introductions, spend, stations, via } = await scene(trusted);
    spend();
    introductions.ask(via, prefix);
    await stations.sim.run(5_000);
    expect(asked).toEqual([[prefix]]);
  });

  test('goes with the next digest where the neighbour could not be asked', async () => {
    const { asked, introductions, riding, stations, via } = await scene({ isUp: false });
    introductions.ask(via, prefix);
    await stations.sim.run(MINUTE);
    expect([asked, riding()]).toEqual([[], [{ of: INDEX, prefix }]]);
  });

  test('is asked for three times, and then of one after the other who speak of its node', async () => {
    const { askedOf, introductions, speakers, via } = await scene();
    const others = [7, 8].map((n) => nodeIdFrom(new Uint8Array(16).fill(n)));
    speakers.push(...others);
    introductions.ask(via, prefix);
    const sixHours = 360 * MINUTE;
    const first = (await askedOf(sixHours)).slice(0, 6);
    expect(first).toEqual([via, via, via, ...others, via]);
    speakers.length = 0;
    expect(await askedOf(sixHours)).toEqual([]);
  });

  test('is asked for on while another neighbour speaks of more of them than are asked for', async () => {
    const { introductions, riding, spend, stations, via } = await scene();
    const flood = stations.sim.random.fork('flood');
    const other = nodeIdFrom(flood.bytes(16));
    spend();
    introductions.ask(via, prefix);
    for (let i = 0; i < 300; i++) introductions.ask(other, flood.bytes(4));
    await stations.sim.run(MINUTE);
    expect(riding()[0]).toEqual({ of: INDEX, prefix });
  });

  test('is asked for no more once it was heard', async () => {
    const { introductions, riding, spend, stations, via } = await scene();
    spend();
    introductions.ask(via, prefix);
    await stations.sim.run(MINUTE);
    introductions.heard(absent);
    expect(riding()).toEqual([]);
  });
});

describe('an announce that neighbours have asked for', () => {
  const asker = (n: number) => ({ id: nodeIdFrom(new Uint8Array(16).fill(n)), medium: 'lora' }) as Neighbour;

  /** Two have asked for it, and there is no room for it yet. */
  async function asked(before: (spoken: Set<string>, key: string) => void = () => {}, isSought = false) {
    const all = await scene({ isSought });
    const { announce, nodeId } = nodeBehind(new SeededRandom('asked for'));
    all.destinations.learn(decodeAnnounce(announce) as Announce, announce);
    before(all.spoken, nodeIdKey(nodeId));
    all.spend();
    for (const n of [1, 2]) all.introductions.wanted(asker(n), [nodeId.subarray(0, 4)]);
    await all.stations.sim.run(MINUTE);
    expect(all.handedOut).toEqual([]);
    const speak = (n: number) => all.spoken.add(`${nodeIdKey(asker(n).id)} ${nodeIdKey(nodeId)}`);
    const later = async () => {
      await all.stations.sim.run(60 * MINUTE);
      return all.handedOut.length;
    };
    return { speak, later };
  }

  test('is handed out once for all of them', async () => {
    const { later } = await asked();
    expect(await later()).toBe(1);
  });

  test('is handed out where somebody waits for a route, however long there is no room for it', async () => {
    const { later } = await asked(() => {}, true);
    expect(await later()).toBe(1);
  });

  test('is handed out as long as one of them has not begun to speak of its node', async () => {
    const { later, speak } = await asked();
    speak(1);
    expect(await later()).toBe(1);
  });

  test('is not where all have: they have it from others', async () => {
    const { later, speak } = await asked();
    speak(1);
    speak(2);
    expect(await later()).toBe(0);
  });

  test('is handed out to one that spoke of it before: it has lost it', async () => {
    const { later, speak } = await asked((spoken, key) => spoken.add(`${nodeIdKey(asker(1).id)} ${key}`));
    speak(2);
    expect(await later()).toBe(1);
  });
});
