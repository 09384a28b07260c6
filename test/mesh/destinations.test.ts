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
/** Of these nodes (in hex), which neighbour speaks. */
const spokenOf = new Map<string, string>();
const opened = (isKept: (id: NodeId) => boolean = () => false) =>
  new Destinations({ db, isKept, spokenOfBy: (key) => spokenOf.get(key) });

beforeEach(async () => {
  directory = temporaryDirectory();
  db = await openDatabase(directory, { durability: { kind: 'disk' } });
});
afterEach(() => {
  spokenOf.clear();
  return db.close();
});

const seed = (n: number) => Uint8Array.from({ length: 32 }, (_, i) => (i < 4 ? n >> (8 * i) : 1));
function announced(n: number, sequence = 1n): { announce: Announce; frame: Uint8Array; nodeId: NodeId } {
  const own = { sequence, anchor: new Uint8Array(8).fill(n), booted: false, capabilities: 1 };
  const frame = encodeAnnounce(new Identity(seed(n)), own);
  const announce = decodeAnnounce(frame);
  if (typeof announce === 'string') throw new Error(announce);
  return { announce, frame, nodeId: announce.nodeId };
}
const learn = (destinations: Destinations, n: number, sequence = 1n) => {
  const { announce, frame } = announced(n, sequence);
  return destinations.learn(announce, frame);
};
const learnOf = (destinations: Destinations, n: number, speaker: string) => {
  learn(destinations, n);
  spokenOf.set(nodeIdKey(announced(n).nodeId), speaker);
};
const isKnown = (destinations: Destinations, n: number) =>
  destinations.get(nodeIdKey(announced(n).nodeId)) !== undefined;

test('the newest announce of a node counts, and survives a reboot', async () => {
  const destinations = opened();
  const { nodeId } = announced(1);
  expect(learn(destinations, 1)).toBe('new');
  expect(learn(destinations, 1)).toBe('same');
  expect(learn(destinations, 1, 3n)).toBe('new');
  expect(learn(destinations, 1, 2n)).toBe('stale');
  await db.close();
  db = await openDatabase(directory, { durability: { kind: 'disk' } });
  const again = opened();
  expect(again.get(nodeIdKey(nodeId))?.announce.sequence).toBe(3n);
  expect(again.withPrefix(nodeId).map((d) => d.key)).toEqual([nodeIdKey(nodeId)]);
});

test('strangers share a bounded number of places: who speaks of most loses one', () => {
  const contact = announced(5000).nodeId;
  const destinations = opened((id) => nodeIdKey(id) === nodeIdKey(contact));
  learnOf(destinations, 5000, 'flood');
  for (let n = 0; n < 30; n++) learnOf(destinations, n, 'honest');
  for (let n = 30; n < MOST_STRANGERS + 200; n++) learnOf(destinations, n, 'flood');
  expect(destinations.size).toBe(MOST_STRANGERS + 1);
  for (let n = 0; n < 30; n++) expect(isKnown(destinations, n)).toBe(true);
  expect(isKnown(destinations, 5000)).toBe(true);
  // and whoever comes last finds a place all the same
  learnOf(destinations, 9000, 'late');
  expect(isKnown(destinations, 9000)).toBe(true);
});

test('those that nobody speaks of go before them, however few of those there are', () => {
  const destinations = opened();
  for (let n = 0; n < MOST_STRANGERS - 1; n++) learnOf(destinations, n, 'the only neighbour');
  for (let n = 0; n < 20; n++) learn(destinations, 5000 + n);
  expect(isKnown(destinations, 5019)).toBe(true);
  expect(isKnown(destinations, 5018)).toBe(false);
  for (let n = 0; n < MOST_STRANGERS - 1; n++) expect(isKnown(destinations, n)).toBe(true);
});
