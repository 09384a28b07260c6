/**
 * What is kept for whom, on what terms, and for how long it was (docs/protocol/store.md, "Leases"): the figures that a
 * fee is computed from. Contacts keep things for each other and have no leases.
 */
import { decode, Writer } from '../core/bytes.ts';
import { counter, fixed, tuple } from '../db/codecs.ts';
import type { Db, Table, Tx, ValueCodec } from '../db/db.ts';
import { NODE_ID_LENGTH, type NodeId, nodeIdFromKey, nodeIdKey } from '../identity/node-id.ts';
import type { Holding } from './holding.ts';

/** Which side of it this box is on: `taker` keeps what the neighbour gave. */
export const LEASE_ROLES = ['taker', 'giver'] as const;
export type LeaseRole = (typeof LEASE_ROLES)[number];

export interface Lease {
  readonly role: LeaseRole;
  /** µNXS per MiB and hour. */
  readonly rate: number;
  /** The most bytes at a time; 0: what the shares allow. */
  readonly limit: number;
  /** Own time, ms. */
  readonly since: number;
  /** Own time, ms; undefined while it runs. */
  readonly ended: number | undefined;
  /** Objects let go, and how long they were kept: the sum of bytes × ms. */
  readonly objects: number;
  readonly byteMs: bigint;
}

/** More than that come only from somebody who makes keys: the oldest is forgotten, one that has ended first. */
const MOST_LEASES = 4096;
const NOT_ENDED = 0xffff_ffff_ffff_ffffn;

/** role u8 | rate u64 | limit u64 | since u64 | ended u64 (all ones: not) | objects u64 | bytes × ms, u64 high, u64 low. */
export const leaseValue: ValueCodec<Lease> = {
  encode: (l) =>
    new Writer(57)
      .u8(LEASE_ROLES.indexOf(l.role))
      .u64(BigInt(l.rate))
      .u64(BigInt(l.limit))
      .u64(BigInt(Math.floor(l.since)))
      .u64(l.ended === undefined ? NOT_ENDED : BigInt(Math.floor(l.ended)))
      .u64(BigInt(l.objects))
      .u64(l.byteMs >> 64n)
      .u64(l.byteMs & 0xffff_ffff_ffff_ffffn)
      .bytes(),
  decode(bytes) {
    const lease = decode(bytes, (r): Lease | undefined => {
      const role = LEASE_ROLES[r.u8()];
      const [rate, limit, since] = [Number(r.u64()), Number(r.u64()), Number(r.u64())];
      const ended = r.u64();
      const objects = Number(r.u64());
      const byteMs = (r.u64() << 64n) | r.u64();
      return (
        role && {
          ...{ role, rate, limit, since, objects, byteMs },
          ended: ended === NOT_ENDED ? undefined : Number(ended),
        }
      );
    });
    if (!lease) throw new Error('a damaged lease in the database');
    return lease;
  },
};

interface Entry {
  readonly n: number;
  readonly neighbour: string;
  readonly lease: Lease;
}

export class LeaseBook {
  readonly #table: Table<[Uint8Array, number], Lease>;
  readonly #isTrusted: (id: NodeId) => boolean;
  /** By number: in the order they began. Of the newest state, durable or not, as is the other. */
  readonly #all = new Map<number, Entry>();
  /** Of each neighbour and role. */
  readonly #newest = new Map<string, Entry>();
  #next = 1;

  constructor(db: Db, isTrusted: (id: NodeId) => boolean) {
    this.#isTrusted = isTrusted;
    const key = tuple<[Uint8Array, number]>(fixed(NODE_ID_LENGTH), counter);
    this.#table = db.table({ name: 'lease', key, value: leaseValue });
    db.read((tx) => {
      const entries = Array.from(tx.range(this.#table), ({ key: [id, n], value: lease }) => {
        return { n, neighbour: nodeIdKey(id as NodeId), lease };
      });
      for (const entry of entries.sort((a, b) => a.n - b.n)) {
        this.#keep(entry);
        this.#next = entry.n + 1;
      }
    });
  }

  /** The newest lease with a neighbour in that role, ended or not. */
  of(role: LeaseRole, neighbour: NodeId): Lease | undefined {
    return this.#newest.get(nameOf(role, nodeIdKey(neighbour)))?.lease;
  }

  /** An object is held for a neighbour, or by one for us, from now on: the lease begins where there is none. */
  begin(tx: Tx, { from, stranger, trace }: Holding, now: number): void {
    if (trace.state === 'held' && from && stranger) this.#open(tx, 'taker', nodeIdKey(from), now);
    if (trace.state === 'handed-on' && !this.#isTrusted(nodeIdFromKey(trace.taker)))
      this.#open(tx, 'giver', trace.taker, now);
  }

  /** An object leaves the state in which it was since `before.since`. */
  left(tx: Tx, before: Holding, now: number): void {
    const { from, size, stranger, trace } = before;
    const byteMs = BigInt(size) * BigInt(Math.max(0, Math.round(now - before.since)));
    if (trace.state === 'held' && from && stranger) this.#add(tx, 'taker', nodeIdKey(from), byteMs);
    if (trace.state === 'handed-on') this.#add(tx, 'giver', trace.taker, byteMs);
  }

  /** It holds no longer; what is held goes on being counted. The next object begins a new one. */
  end(tx: Tx, role: LeaseRole, neighbour: NodeId, now: number): void {
    const entry = this.#newest.get(nameOf(role, nodeIdKey(neighbour)));
    if (entry && entry.lease.ended === undefined)
      this.#put(tx, { ...entry, lease: { ...entry.lease, ended: now } });
  }

  #open(tx: Tx, role: LeaseRole, neighbour: string, now: number): void {
    const known = this.#newest.get(nameOf(role, neighbour));
    if (known && known.lease.ended === undefined) return;
    if (this.#all.size >= MOST_LEASES) this.#forgetOne(tx);
    const lease: Lease = { role, rate: 0, limit: 0, since: now, ended: undefined, objects: 0, byteMs: 0n };
    this.#put(tx, { n: this.#next++, neighbour, lease });
  }

  #add(tx: Tx, role: LeaseRole, neighbour: string, byteMs: bigint): void {
    const entry = this.#newest.get(nameOf(role, neighbour));
    if (!entry) return;
    const { lease } = entry;
    const sum = { ...lease, objects: lease.objects + 1, byteMs: lease.byteMs + byteMs };
    this.#put(tx, { ...entry, lease: sum });
  }

  #put(tx: Tx, entry: Entry): void {
    tx.put(this.#table, [nodeIdFromKey(entry.neighbour), entry.n], entry.lease);
    this.#keep(entry);
  }

  #keep(entry: Entry): void {
    this.#all.set(entry.n, entry);
    this.#newest.set(nameOf(entry.lease.role, entry.neighbour), entry);
  }

  #forgetOne(tx: Tx): void {
    let oldest: Entry | undefined;
    for (const entry of this.#all.values()) {
      oldest ??= entry;
      if (entry.lease.ended === undefined) continue;
      oldest = entry;
      break;
    }
    if (!oldest) return;
    tx.remove(this.#table, [nodeIdFromKey(oldest.neighbour), oldest.n]);
    this.#all.delete(oldest.n);
    const name = nameOf(oldest.lease.role, oldest.neighbour);
    if (this.#newest.get(name)?.n === oldest.n) this.#newest.delete(name);
  }
}

function nameOf(role: LeaseRole, neighbour: string): string {
  return `${role} ${neighbour}`;
}
