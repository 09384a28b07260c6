/** A chain of freshness comes to its end, and a whole neighbourhood goes on with the next: docs/protocol/mesh.md. */
import { afterEach, expect, test } from 'vitest';
import { KIND } from '../../src/link/frame.ts';
import { RENEWED_AT } from '../../src/mesh/freshness.ts';
import { Village } from './routing-stations.ts';

const MINUTE = 60_000;
let village: Village;
afterEach(() => village.end());

test('at 7/8 of the chain the next announce is fetched by those who are told a step they cannot prove; no route is lost', async () => {
  village = new Village('next chain');
  // a step at its start, and one every four hours: the next is the first of the next chain
  const a = await village.router('a', undefined, RENEWED_AT - 1);
  const others = [await village.router('b'), await village.router('c')];
  const id = a.station.identity.nodeId;
  const known = () =>
    others.map(({ router }) => router.routes().find((r) => r.nodeId.join() === id.join())?.best?.route.order);
  await village.run(20 * MINUTE);
  const [before] = known();
  expect(known().map((order) => Math.floor((order ?? 0) / 4096))).toEqual([1, 1]);
  const announced = () => village.stations.sent(a.station, KIND.announce).length;
  const announces = announced();
  for (let minute = 0; minute < 300; minute++) {
    await village.run(MINUTE);
    expect(known().every((order) => order !== undefined && order >= (before as number))).toBe(true);
  }
  expect(known().map((order) => Math.floor((order ?? 0) / 4096))).toEqual([2, 2]);
  // one for both, and one more where that was lost
  expect(announced() - announces).toBeGreaterThan(0);
  expect(announced() - announces).toBeLessThan(3);
  for (const { station } of others) expect(station.link.shared.isMutual(id)).toBe(true);
});
