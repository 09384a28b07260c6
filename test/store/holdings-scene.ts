/** Objects put straight into the holdings of a real database under virtual durability. */
import type { LmdbDb } from '../../src/db/lmdb.ts';
import { openDatabase } from '../../src/db/open.ts';
import { nodeIdFrom, nodeIdKey } from '../../src/identity/node-id.ts';
import type { Holding } from '../../src/store/holding.ts';
import type { Holdings } from '../../src/store/holdings.ts';
import {
  type DataObject,
  headerFor,
  OBJECT_PRIORITY,
  type ObjectPriority,
  objectIdOf,
} from '../../src/store/object.ts';
import { freshTrace } from '../../src/store/trace.ts';
import { temporaryDirectory } from '../db/directories.ts';
import { Simulation } from '../simulation.ts';

/** A real database whose commits are durable at once. */
export function memoryStore(directory = temporaryDirectory()): Promise<LmdbDb> {
  const clock = { ...new Simulation(), sleep: async () => {} } as unknown as Simulation;
  return openDatabase(directory, { durability: { kind: 'simulated', clock, delay: () => 0 } });
}

/** What is special about an object. Nodes are told by a byte. */
export interface Kept {
  readonly from?: number;
  readonly stranger?: boolean;
  readonly recipient?: number;
  readonly since?: number;
  readonly priority?: ObjectPriority;
  readonly size?: number;
  readonly ttl?: number;
  readonly expiresAt?: number;
}

let made = 0;

export function objectAnd(k: Kept): { readonly object: DataObject; readonly holding: Holding } {
  const { expiresAt = 1e12, priority = OBJECT_PRIORITY.normal, recipient = 99, since = 0, ttl = 213 } = k;
  const bytes = new Uint8Array(k.size ?? 300);
  new DataView(bytes.buffer).setUint32(0, ++made);
  const lock = new Uint8Array(16).fill(7);
  new DataView(lock.buffer).setUint32(0, made);
  const header = headerFor({ contentType: 0, priority, minBandwidth: 0, ttl }, lock, bytes);
  const from = k.from === undefined ? undefined : nodeIdFrom(new Uint8Array(16).fill(k.from));
  const holding: Holding = {
    ...{ id: objectIdOf(header), lock, from, ttl, priority, since, expiresAt },
    recipient: nodeIdFrom(new Uint8Array(16).fill(recipient)),
    stranger: k.stranger ?? false,
    pending: false,
    minBandwidth: 0,
    size: bytes.length,
    heldMs: 0,
    trace: freshTrace({ attempt: 0, sequence: 0 }, 60, from && nodeIdKey(from)),
  };
  return { object: { header, bytes }, holding };
}

/** Its number. */
export function keep(db: LmdbDb, holdings: Holdings, kept: Kept): Promise<number> {
  const { object, holding } = objectAnd(kept);
  return db.commit((tx) => holdings.add(tx, object, holding));
}
