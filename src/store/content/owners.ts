/**
 * What is known of the owners of mutable objects: the newest version of each, for as long as an older one could be
 * replayed, and forks with their evidence (docs/protocol/store.md, "Mutable objects").
 */
import { concat } from '../../core/bytes.ts';
import type { Counters } from '../../core/counters.ts';
import { counter, fixed } from '../../db/codecs.ts';
import type { Db, ReadTx, Table, Tx, ValueCodec } from '../../db/db.ts';
import { decodeHeader, encodeHeader, MUTABLE_HEADER_LENGTH } from '../object.ts';
import { isMutable, isSigned, type KnownOwner, type MutableHeader, meetMutable } from './mutable.ts';

const DAY_MS = 86_400_000;
const BLOCKED_MS = DAY_MS;
/** Twice the longest ttl: a replayed version may look young, for its age is not signed. */
const REMEMBERED_MS = 60 * DAY_MS;
const MOST_OWNERS = 4096;

interface Owner extends KnownOwner {
  /** The object that holds the newest version here; 0: none any more. */
  readonly n: number;
  /** Own time, ms. */
  readonly seenAt: number;
}

/** blocked until u64 | n u64 | seen at u64 | header 164; big-endian as all numbers of the database. */
const ownerValue: ValueCodec<Owner> = {
  encode: (o) =>
    concat(
      counter.encode(Math.ceil(o.blockedUntil)),
      counter.encode(o.n),
      counter.encode(Math.floor(o.seenAt)),
      encodeHeader(o.newest),
    ),
  decode: (bytes) => ({
    blockedUntil: counter.decode(bytes.subarray(0, 8)),
    n: counter.decode(bytes.subarray(8, 16)),
    seenAt: counter.decode(bytes.subarray(16, 24)),
    newest: mutableFrom(bytes.subarray(24)),
  }),
};

/** Two signed headers, 164 bytes each: proof to anybody that their owner said two things under one sequence. */
export interface Fork {
  readonly held: MutableHeader;
  readonly other: MutableHeader;
}

const forkValue: ValueCodec<Fork> = {
  encode: ({ held, other }) => concat(encodeHeader(held), encodeHeader(other)),
  decode: (bytes) => ({
    held: mutableFrom(bytes.subarray(0, MUTABLE_HEADER_LENGTH)),
    other: mutableFrom(bytes.subarray(MUTABLE_HEADER_LENGTH)),
  }),
};

function mutableFrom(bytes: Uint8Array): MutableHeader {
  const header = decodeHeader(bytes);
  if (typeof header === 'string' || !isMutable(header)) throw new Error('a damaged owner in the database');
  return header;
}

export type Verdict = 'newer' | 'same' | 'stale' | 'forked' | 'forged' | 'full';

export class Owners {
  readonly #db: Db;
  readonly #counters: Counters;
  readonly #ownTime: () => number;
  readonly #owners: Table<Uint8Array, Owner>;
  readonly #forks: Table<Uint8Array, Fork>;
  #count = 0;

  constructor(db: Db, counters: Counters, ownTime: () => number) {
    this.#db = db;
    this.#counters = counters;
    this.#ownTime = ownTime;
    this.#owners = db.table({ name: 'owner', key: fixed(32), value: ownerValue });
    this.#forks = db.table({ name: 'fork', key: fixed(32), value: forkValue });
    db.read((tx) => {
      for (const _ of tx.range(this.#owners)) this.#count++;
    });
  }

  /**
   * What a header means that somebody shows. A fork is written down, with its evidence, and blocks its owner for
   * 24 h of own time: until then nothing of it is taken or given. Rejects with `StorageFailed`.
   */
  async meet(header: MutableHeader): Promise<Verdict> {
    if (!isSigned(header)) return this.#refuse('forged');
    const { owner } = header.ownership;
    const now = this.#ownTime();
    const known = this.#db.read((tx) => tx.get(this.#owners, owner));
    const met = meetMutable(known, header, now);
    if (met === 'blocked') return this.#refuse('forked');
    if (met === 'stale') return this.#refuse('stale');
    if (met === 'newer' && !known && this.#count >= MOST_OWNERS) return this.#refuse('full');
    if (met !== 'fork') return met;
    this.#counters.count('store.content.fork');
    await this.#db.commit((tx) => this.#block(tx, owner, header, now));
    return 'forked';
  }

  /** The newest version that is known and whole here, unless its owner is blocked; `n` is its object. */
  newest(tx: ReadTx, owner: Uint8Array): { readonly header: MutableHeader; readonly n: number } | undefined {
    const known = tx.get(this.#owners, owner);
    if (!known || known.n === 0 || this.#ownTime() < known.blockedUntil) return undefined;
    return { header: known.newest, n: known.n };
  }

  /** The highest sequence seen of this owner; 0: none. */
  sequenceOf(tx: ReadTx, owner: Uint8Array): bigint {
    return tx.get(this.#owners, owner)?.newest.ownership.sequence ?? 0n;
  }

  isBlocked(tx: ReadTx, owner: Uint8Array): boolean {
    return this.#ownTime() < (tx.get(this.#owners, owner)?.blockedUntil ?? 0);
  }

  forkOf(tx: ReadTx, owner: Uint8Array): Fork | undefined {
    return tx.get(this.#forks, owner);
  }

  /** A version is whole here as object `n`; gives the object of the one before. Undefined: it is no longer newer. */
  adopt(tx: Tx, header: MutableHeader, n: number): { readonly replaced: number } | undefined {
    const { owner } = header.ownership;
    const known = tx.get(this.#owners, owner);
    const now = this.#ownTime();
    const met = meetMutable(known, header, now);
    if (met !== 'newer' && met !== 'same') return undefined;
    // a fork that is known is not shown again to block its owner for another day
    const blockedUntil = met === 'same' && known ? known.blockedUntil : 0;
    tx.put(this.#owners, owner, { newest: header, n, blockedUntil, seenAt: now });
    if (!known) tx.afterCommit(() => void this.#count++);
    return { replaced: known && known.n !== n ? known.n : 0 };
  }

  /** Its object is gone; the sequence stays, against replays. */
  gone(tx: Tx, owner: Uint8Array, n: number): void {
    const known = tx.get(this.#owners, owner);
    if (known?.n === n) tx.put(this.#owners, owner, { ...known, n: 0 });
  }

  /** Forgets owners of whom nothing is here, once no replay could live any more. */
  expire(tx: Tx): void {
    const before = this.#ownTime() - REMEMBERED_MS;
    const old = [...tx.range(this.#owners)].filter(({ value }) => value.n === 0 && value.seenAt < before);
    for (const { key } of old) {
      tx.remove(this.#owners, key);
      tx.remove(this.#forks, key);
      tx.afterCommit(() => void this.#count--);
    }
  }

  #block(tx: Tx, owner: Uint8Array, other: MutableHeader, now: number): void {
    const known = tx.get(this.#owners, owner);
    if (!known) return;
    tx.put(this.#owners, owner, { ...known, blockedUntil: now + BLOCKED_MS, seenAt: now });
    tx.put(this.#forks, owner, { held: known.newest, other });
  }

  #refuse(what: 'forged' | 'stale' | 'forked' | 'full'): Verdict {
    this.#counters.count(`store.content.refused.${what}`);
    return what;
  }
}
