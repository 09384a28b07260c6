/** Records that nobody acknowledges (docs/protocol/link.md, "Records"), on the air. */
import { beforeEach, expect, test } from 'vitest';
import { KIND } from '../../src/link/frame.ts';
import { RECORD } from '../../src/link/records.ts';
import { StrangersAir } from '../../src/link/strangers-air.ts';
import { type Station, Stations } from './stations.ts';

const P0 = { priority: 0 } as const;
const ALLOWED = 360_000;
const got = (...ids: number[]) => ({ type: RECORD.got, body: Uint8Array.from(ids) });

let stations: Stations;
let a: Station;
let b: Station;
const heard: number[][] = [];
const sealed = () => stations.sent(undefined, KIND.sealed).map((f) => `${f.from} ${f.bytes.length}`);
/** A session between the two. */
const meet = async () => {
  await stations.resolve(a.to(b).send({ type: RECORD.hello, body: new Uint8Array(0) }, P0));
  await stations.sim.run(1_000);
  stations.frames.length = 0;
};

beforeEach(async () => {
  stations = new Stations('mention');
  [a, b] = [await stations.station('a'), await stations.station('b')];
  heard.length = 0;
  b.link.onRecord(RECORD.got, ({ body }) => void heard.push([...body]));
});

test('it goes alone, and no answer comes', async () => {
  await meet();
  expect(a.to(b).mention(got(1, 2, 3, 4))).toBe(true);
  await stations.sim.run(10_000);
  expect(heard).toEqual([[1, 2, 3, 4]]);
  expect(sealed()).toEqual(['a 26']);
});

test('it rides with what goes anyway', async () => {
  await meet();
  b.link.onRecord(RECORD.push, () => {});
  const sent = a.to(b).send({ type: RECORD.push, body: new Uint8Array(50) }, P0);
  a.to(b).mention(got(1, 2, 3, 4));
  await stations.resolve(sent);
  await stations.sim.run(10_000);
  expect(heard).toEqual([[1, 2, 3, 4]]);
  expect(sealed()).toEqual([`a ${22 + 50 + 6}`, 'b 24']);
});

test('what is lost is not said again', async () => {
  await meet();
  stations.lose((from) => from === 'a');
  a.to(b).mention(got(1, 2, 3, 4));
  await stations.sim.run(60_000);
  expect(heard).toEqual([]);
  expect(sealed()).toEqual(['a 26']);
});

test('longer than a frame it is not said', async () => {
  await meet();
  const room = a.to(b).recordRoom;
  expect(a.to(b).mention({ type: RECORD.got, body: new Uint8Array(room + 1) })).toBe(false);
  expect(a.to(b).mention({ type: RECORD.got, body: new Uint8Array(room) })).toBe(true);
  await stations.sim.run(10_000);
  expect(heard.map((body) => body.length)).toEqual([room]);
});

test('it begins no handshake', async () => {
  expect(a.to(b).mention(got(1, 2, 3, 4))).toBe(false);
  await stations.sim.run(10_000);
  expect(stations.frames).toEqual([]);
});

test('what strangers have left of the air bounds it', async () => {
  const law = { usedMs: ALLOWED, allowedMs: ALLOWED };
  const strangers = new StrangersAir({ law: () => law, isContact: () => false, clock: stations.sim });
  a = await stations.station('c', { strangers });
  await meet();
  let said = 0;
  while (said < 2_000 && a.to(b).mention(got(1, 2, 3, 4))) said++;
  const airtime = a.to(b).airtime(26) ?? 0;
  expect(said).toBeGreaterThan(0);
  expect(said * airtime).toBeLessThanOrEqual(ALLOWED / 10 + airtime);
});
