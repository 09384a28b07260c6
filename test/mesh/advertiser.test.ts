/** What a node says in its digests, and in which order: docs/protocol/mesh.md, "Route digests". */
import { afterEach, expect, test } from 'vitest';
import { toHex } from '../../src/core/bytes.ts';
import { minutesOf } from '../../src/core/log-byte.ts';
import { RECORD } from '../../src/link/records.ts';
import { decodeDigest } from '../../src/mesh/digest.ts';
import { RETRACTED } from '../../src/mesh/metric.ts';
import { type Liar, nodeBehind, Village } from './routing-stations.ts';

const MINUTE = 60_000;
const T0 = 31 * MINUTE;
const FULL = { here: 255, around: 255 };
let village: Village;
afterEach(() => village.end());

/** Entries of all digests that a linked station hears from now on: prefix, and metric. */
function heardBy({ station }: Liar) {
  const heard: { readonly prefix: string; readonly metric: number }[] = [];
  station.link.shared.onRecord(RECORD.digest, ({ body }) => {
    for (const { cost, prefix } of decodeDigest(body)?.entries ?? [])
      heard.push({ prefix: toHex(prefix), metric: cost.metric });
  });
  return heard;
}

test('of what was never said, first what the fewest neighbours have spoken of', async () => {
  village = new Village('fewest first');
  const { router } = await village.router('b');
  const [x, y] = [await village.liar('x'), await village.liar('y')];
  const outsider = await village.stations.outsider('outsider');
  const nodes = Array.from({ length: 12 }, () => nodeBehind(village.stations.sim.random));
  for (const { announce } of nodes) await outsider.send(announce);
  const heard = heardBy(x);
  const byBoth = nodes.slice(0, 6);
  await x.say(...nodes.map((n) => n.entry));
  await y.say(...byBoth.map((n) => n.entry));
  expect(router.routes().filter((r) => r.known === 2)).toHaveLength(6);
  await village.run(T0);

  const placeOf = ({ entry }: (typeof nodes)[number]) =>
    heard.findIndex((h) => h.prefix === toHex(entry.prefix));
  expect(nodes.map(placeOf).every((place) => place >= 0)).toBe(true);
  expect(Math.max(...nodes.slice(6).map(placeOf))).toBeLessThan(Math.min(...byBoth.map(placeOf)));
});

test('while many routes were never said, refreshes come half as often', async () => {
  village = new Village('behind');
  await village.router('b');
  const [x, y] = [await village.liar('x'), await village.liar('y')];
  const outsider = await village.stations.outsider('outsider');
  const nodes = Array.from({ length: 64 }, () => nodeBehind(village.stations.sim.random));
  for (const { announce } of nodes) await outsider.send(announce);
  const t0s: number[] = [];
  let said = 0;
  y.station.link.shared.onRecord(RECORD.digest, ({ body }) => {
    const digest = decodeDigest(body);
    t0s.push(minutesOf(digest?.t0 ?? 0) ?? 0);
    said += digest?.entries.length ?? 0;
  });
  const entries = nodes.map((n) => n.entry);
  for (let hour = 0; hour < 6; hour++) {
    // a full place: little is left to b
    for (let i = 0; i < entries.length; i += 8) await x.sayAs(FULL, ...entries.slice(i, i + 8));
    await village.run(60 * MINUTE);
  }
  expect(said).toBeGreaterThan(nodes.length);
  const [first = 0, last = 0] = [t0s[0], t0s.at(-1)];
  expect(last).toBeGreaterThan(T0 / MINUTE);
  expect(first / last).toBeGreaterThan(1.8);
  expect(first / last).toBeLessThan(2.2);
});

test('a path whose metric grows is said as before, one that is lost is not', async () => {
  village = new Village('steady');
  await village.router('b');
  const [x, y] = [await village.liar('x'), await village.liar('y')];
  const outsider = await village.stations.outsider('outsider');
  const node = nodeBehind(village.stations.sim.random);
  await outsider.send(node.announce);
  const heard = heardBy(y);
  const said = () => heard.filter((h) => h.prefix === toHex(node.entry.prefix)).map((h) => h.metric);
  const say = async (metric: number) => {
    const before = said().length;
    // as often as beacons are due: one that is heard more rarely has a link that loses much
    for (let i = 0; i < 9; i++) {
      await x.say({ ...node.entry, cost: { ...node.entry.cost, metric } });
      await village.run(T0 / 3);
    }
    expect(said().length).toBeGreaterThan(before);
    return said().at(-1) as number;
  };
  const first = await say(20_000);
  expect(first).toBeGreaterThan(20_000);
  expect(await say(20_050)).toBe(first);
  const better = await say(18_000);
  expect(better).toBeLessThan(first);
  expect(await say(18_050)).toBe(better);
  expect(await say(RETRACTED)).toBe(RETRACTED);
});
