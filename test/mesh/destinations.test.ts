/** Whose announces are kept: docs/protocol/mesh.md, "Announce". */
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Db } from '../../src/db/db.ts';
import { openDatabase } from '../../src/db/open.ts';
import { Identity } from '../../src/identity/keys.ts';
import { type NodeId, nodeIdKey } from '../../src/identity/node-id.ts';
import { type Announce, decodeAnnounce, encodeAnnounce } from '../../src/mesh/announce.ts';
import { Destinations, MOST_STRANGERS } from '../../src/mesh/destinations.ts';
import { temporaryDirectory } from '../db/directories.ts';

let directory: string;
let db: Db;
const nobody = () => false;

beforeEach(async () => {
  directory = temporaryDirectory();
  db = await openDatabase(directory, { durability: { kind: 'disk' } });
});
afterEach(() => db.close());

const seed = (n: number) => Uint8Array.from({ length: 32 }, (_, i) => (i < 4 ? n >> (8 * i) : 1));
function announced(n: number, sequence = 1n): { announce: Announce; frame: Uint8Array; nodeId: NodeId } {
  const own = { sequence, anchor: new Uint8Array(8).fill(n), booted: false, capabilities: 1 };
  const frame = encodeAnnounce(new Identity(seed(n)), own);
  const announce = decodeAnnounce(frame);
  if (typeof announce === 'string') throw new Error(announce);
  return { announce, frame, nodeId: announce.nodeId };
}
const learn = (destinations: Destinations, n: number, by = '', sequence = 1n) => {
  const { announce, frame } = announced(n, sequence);
  return destinations.learn(announce, frame, by);
};

test('the newest announce of a node counts, and survives a reboot', async () => {
  const destinations = new Destinations(db, nobody);
  const { nodeId } = announced(1);
  expect(learn(destinations, 1)).toBe('new');
  expect(learn(destinations, 1)).toBe('same');
  expect(learn(destinations, 1, '', 3n)).toBe('new');
  expect(learn(destinations, 1, '', 2n)).toBe('stale');
  await db.close();
  db = await openDatabase(directory, { durability: { kind: 'disk' } });
  const again = new Destinations(db, nobody);
  expect(again.get(nodeIdKey(nodeId))?.announce.sequence).toBe(3n);
  expect(again.withPrefix(nodeId).map((d) => d.key)).toEqual([nodeIdKey(nodeId)]);
});

test('strangers share a bounded number of places: who has brought most loses one', () => {
  const contact = announced(5000).nodeId;
  const destinations = new Destinations(db, (id) => nodeIdKey(id) === nodeIdKey(contact));
  learn(destinations, 5000, 'flood');
  for (let n = 0; n < 30; n++) learn(destinations, n, 'honest');
  for (let n = 30; n < MOST_STRANGERS + 200; n++) learn(destinations, n, 'flood');
  expect(destinations.size).toBe(MOST_STRANGERS + 1);
  for (let n = 0; n < 30; n++) expect(destinations.get(nodeIdKey(announced(n).nodeId))).toBeDefined();
  expect(destinations.get(nodeIdKey(contact))).toBeDefined();
  // and whoever comes last finds a place all the same
  learn(destinations, 9000, 'late');
  expect(destinations.get(nodeIdKey(announced(9000).nodeId))).toBeDefined();
});
