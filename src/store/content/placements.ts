/**
 * Shards of own durable objects with distinct neighbours (docs/protocol/store.md, "Durable objects"): placed, proven,
 * and placed anew where their holder is lost; and the object back from any of them that are enough.
 */
import { equal } from '../../core/bytes.ts';
import type { Clock } from '../../core/clock.ts';
import type { Counters } from '../../core/counters.ts';
import { Event } from '../../core/events.ts';
import { below, type Random } from '../../core/random.ts';
import { counter, tuple, u32 } from '../../db/codecs.ts';
import type { Db, Table } from '../../db/db.ts';
import { type NodeId, nodeIdKey } from '../../identity/node-id.ts';
import { isWired, type Link } from '../../link/link.ts';
import { RECORD } from '../../link/records.ts';
import { CHUNK_LENGTH, chunkCount, chunkLeaf, chunkLength, treeRoot } from '../merkle.ts';
import {
  CONTENT_TYPE,
  headerOver,
  NO_LOCK,
  type ObjectHeader,
  type ObjectId,
  objectIdOf,
  shortIdOf,
} from '../object.ts';
import { Auditor } from './auditor.ts';
import { decodePieces } from './erasure.ts';
import { ContentFailed } from './failure.ts';
import { encodeHeadAlone } from './head.ts';
import type { Library } from './library.ts';
import { type Placement, placementValue } from './placement.ts';
import { MOST_TOKEN_BYTES, makeTokens } from './proofs.ts';
import type { Questions } from './questions.ts';
import { decodeDeclined } from './records.ts';
import { type ReadBytes, schemeOf, shardChunk, shardLength } from './shards.ts';

const HOUR = 3_600_000;
/** A proof is asked for so long after the last, and up to half as long again. */
const CHALLENGE_EVERY_MS = 6 * HOUR;
/** After a miss sooner, but a box that is being started again has time for it. */
const CHALLENGE_AGAIN_MS = HOUR / 4;
const MOST_MISSES = 3;
/** Own time without a proof after which a holder that is not there is given up. */
const GONE_MS = 24 * HOUR;
/** Who has declined, or was struck, is not asked for so long. */
const LEFT_ALONE_MS = 24 * HOUR;
/** Who was not there. */
const AWAY_MS = HOUR / 6;
/** Who was asked and has not said `kept` is asked again, for so long. */
const PATIENCE_MS = HOUR;
/** Holders that are not there by then are done without. */
const RECOVERY_MS = HOUR / 6;
const TOKENS = 8;
/** Chunks between two turns of others. */
const AT_ONCE = 16;

/** A holder is no longer relied on: others end its lease, and think less of it. */
export interface Struck {
  readonly holder: NodeId;
  /** Of the shard. */
  readonly id: ObjectId;
  readonly why: 'proofs-missed' | 'gone';
}

export interface PlacementsOptions {
  readonly db: Db;
  readonly link: Link;
  readonly library: Library;
  readonly questions: Questions;
  readonly isContact: (id: NodeId) => boolean;
  readonly fetch: (id: ObjectId, from: NodeId, signal: AbortSignal) => Promise<ObjectHeader>;
  readonly ownTime: () => number;
  readonly clock: Clock;
  readonly random: Random;
  readonly counters: Counters;
}

type Key = [n: number, shard: number];

interface Row {
  readonly key: Key;
  readonly value: Placement;
}

export class Placements {
  readonly onStruck = new Event<Struck>();
  readonly #o: PlacementsOptions;
  readonly #table: Table<Key, Placement>;
  readonly #auditor: Auditor;
  /** Who is asked to keep a shard and has not said `kept`; by the row's key. */
  readonly #offered = new Map<string, { readonly to: NodeId; readonly since: number; readonly key: Key }>();
  /** Until when a neighbour is left alone; by NodeId in hex, own time. */
  readonly #leftAlone = new Map<string, number>();

  constructor(options: PlacementsOptions) {
    this.#o = options;
    const { db, link, questions, random } = options;
    this.#table = db.table({ name: 'placement', key: tuple<Key>(counter, u32), value: placementValue });
    this.#auditor = new Auditor(link, questions, random);
  }

  /** Wants the shards of a whole own object placed. Resolves when that is durable. */
  async add(n: number): Promise<void> {
    const { db, library } = this.#o;
    const header = db.read((tx) => library.get(tx, n))?.header;
    if (!header || this.of(n).length > 0) return;
    const { data, parity } = schemeOf(header.size);
    const placements: Placement[] = [];
    for (let shard = 0; shard < data + parity; shard++) {
      const root = treeRoot(await this.#leavesOf(n, header, shard));
      const { priority, minBandwidth, ttl } = header;
      const properties = { contentType: CONTENT_TYPE.immutable, priority, minBandwidth, ttl };
      const own = headerOver(properties, NO_LOCK, shardLength(header.size), root);
      placements.push({ header: own, holder: undefined, provenAt: 0, challengeAt: 0, misses: 0, tokens: [] });
    }
    await db.commit((tx) => {
      for (const [shard, placement] of placements.entries()) tx.put(this.#table, [n, shard], placement);
    });
  }

  /** The shards of an object, in order. */
  of(n: number): readonly Placement[] {
    return this.#rows(n).map(({ value }) => value);
  }

  /** Whether each shard of it is kept by a neighbour. */
  arePlaced(n: number): boolean {
    const all = this.of(n);
    return all.length > 0 && all.every((p) => p.holder);
  }

  /** Places what is wanted, challenges who is due, gives up who is lost. */
  async tick(): Promise<void> {
    const { db, library } = this.#o;
    const rows = db.read((tx) => [...tx.range(this.#table)]);
    for (const { key, value } of rows) {
      const entry = db.read((tx) => library.get(tx, key[0]));
      if (!entry || entry.state === 'leaving') await db.commit((tx) => tx.remove(this.#table, key));
      else if (value.holder) await this.#look({ key, value }, value.holder);
      else await this.#place({ key, value });
    }
  }

  /** A neighbour says that it keeps a shard; whether it was asked to. */
  async kept(from: NodeId, shortId: Uint8Array): Promise<boolean> {
    for (const { key, to } of this.#offered.values()) {
      const value = equal(to, from) && this.#o.db.read((tx) => tx.get(this.#table, key));
      if (!value || value.holder || !equal(shortIdOf(objectIdOf(value.header)), shortId)) continue;
      await this.#settle({ key, value }, from);
      return true;
    }
    return false;
  }

  /** Brings an own object back from its shards; needs as many holders as the scheme has shards of data. */
  async recover(n: number): Promise<void> {
    const { db, library } = this.#o;
    const entry = db.read((tx) => library.get(tx, n));
    if (!entry || entry.state === 'whole') return;
    const { size, root } = entry.header;
    const shards = await this.#gather(n, schemeOf(size).data);
    const leaves: Uint8Array[] = [];
    await this.#eachChunk(size, shards, (chunk) => {
      leaves.push(chunkLeaf(chunk));
    });
    if (!equal(treeRoot(leaves), root)) throw new ContentFailed('unobtainable');
    await library.addLeaves(n, leaves);
    await this.#eachChunk(size, shards, (chunk, index) =>
      db.commit((tx) => library.addChunk(tx, n, index, chunk)),
    );
    await db.commit((tx) => library.finish(tx, n));
    for (const { n: shard } of shards) await library.remove(shard);
  }

  /** The first so many shards that come from their holders. */
  async #gather(n: number, enough: number): Promise<{ index: number; n: number }[]> {
    const { db, fetch, library } = this.#o;
    const had: { index: number; n: number }[] = [];
    const over = new AbortController();
    const cancel = this.#o.clock.after(RECOVERY_MS, () => over.abort());
    const fetches = this.#rows(n).map(async ({ key, value }) => {
      if (!value.holder) return;
      const id = objectIdOf(value.header);
      await fetch(id, value.holder, over.signal);
      const found = db.read((tx) => library.find(tx, id));
      if (found && had.length < enough) had.push({ index: key[1], n: found.n });
      if (had.length === enough) over.abort();
    });
    const failures = (await Promise.allSettled(fetches)).flatMap((f) => (f.status === 'rejected' ? [f] : []));
    cancel();
    for (const { reason } of failures) if (!(reason instanceof ContentFailed)) throw reason;
    if (had.length < enough) throw new ContentFailed('unobtainable');
    return had;
  }

  /** The object's chunks in order, decoded from its shards. */
  async #eachChunk(
    size: number,
    shards: readonly { readonly index: number; readonly n: number }[],
    take: (chunk: Uint8Array, index: number) => void | Promise<void>,
  ): Promise<void> {
    const { clock, db, library } = this.#o;
    const length = shardLength(size);
    const { data } = schemeOf(size);
    const read: ReadBytes = (from, to) => {
      const column = Math.floor((from % length) / CHUNK_LENGTH);
      const pieces = shards.map(({ index, n }) => {
        const bytes = db.read((tx) => library.chunk(tx, n, column));
        if (!bytes) throw new ContentFailed('unobtainable');
        return { index, bytes };
      });
      const own = decodePieces(data, pieces)[Math.floor(from / length)] ?? new Uint8Array(0);
      const within = (from % length) - column * CHUNK_LENGTH;
      return own.slice(within, within + to - from);
    };
    for (let index = 0; index < chunkCount(size); index++) {
      if (index % AT_ONCE === 0) await clock.sleep(0);
      const from = index * CHUNK_LENGTH;
      await take(readAcross(read, length, from, from + chunkLength(size, index)), index);
    }
  }

  async #place({ key, value }: Row): Promise<void> {
    const { counters, db, library, ownTime, questions } = this.#o;
    const [n, shard] = key;
    const id = objectIdOf(value.header);
    const shortId = shortIdOf(id);
    const to = this.#holderFor(key);
    if (!to) return;
    const since = this.#offered.get(String(key))?.since ?? ownTime();
    this.#offered.set(String(key), { to, since, key });
    if (!(await this.#prepare(n, shard, value.header))) return;
    const entry = db.read((tx) => library.get(tx, n));
    if (!entry) return;
    const question = { type: RECORD.place, body: encodeHeadAlone(value.header, library.ageMs(entry)) };
    const answer = await questions.ask(to, shortId, question, ({ body, type }) => {
      if (type === RECORD.kept) return 'kept' as const;
      return type === RECORD.declined && decodeDeclined(body) ? ('declined' as const) : undefined;
    });
    if (answer === 'kept') return this.#settle({ key, value }, to);
    if (answer === 'silent' && ownTime() - since < PATIENCE_MS) return; // it is fetching, or will be asked again
    counters.count('store.content.place-failed');
    this.#leaveAlone(to, answer === 'away' ? AWAY_MS : LEFT_ALONE_MS);
    this.#offered.delete(String(key));
  }

  /** Who is asked already, else a wired neighbour that has no other shard of this object, contacts first. */
  #holderFor(key: Key): NodeId | undefined {
    const { isContact, link, ownTime } = this.#o;
    const asked = this.#offered.get(String(key))?.to;
    if (asked) return asked;
    const [n] = key;
    const taken = new Set(this.of(n).flatMap(({ holder }) => (holder ? [nodeIdKey(holder)] : [])));
    for (const { key: other, to } of this.#offered.values()) if (other[0] === n) taken.add(nodeIdKey(to));
    const now = ownTime();
    const known = [...link.shared.members, ...link.neighbours().map((neighbour) => neighbour.id)];
    const open = known.filter((id) => {
      const who = nodeIdKey(id);
      return isWired(link.neighbour(id)) && !taken.has(who) && now >= (this.#leftAlone.get(who) ?? 0);
    });
    return open.find(isContact) ?? open[0];
  }

  /** The shard is here as an object, to be fetched from. False: there is no room, or the object itself is away. */
  async #prepare(n: number, shard: number, header: ObjectHeader): Promise<boolean> {
    const { clock, db, library } = this.#o;
    const known = db.read((tx) => library.find(tx, objectIdOf(header)));
    if (known?.entry.state === 'whole') return true;
    if (db.read((tx) => library.get(tx, n))?.state !== 'whole') await this.recover(n);
    const entry = db.read((tx) => library.get(tx, n));
    if (!entry || (!known && library.refusal(header.size, 'own'))) return false;
    const own =
      known?.n ?? (await db.commit((tx) => library.create(tx, header, 'own', library.ageMs(entry))));
    const leaves = await this.#leavesOf(n, entry.header, shard);
    await library.addLeaves(own, leaves);
    for (let index = 0; index < leaves.length; index++) {
      if (index % AT_ONCE === 0) await clock.sleep(0);
      const chunk = shardChunk(entry.header.size, this.#reader(n, entry.header.size), shard, index);
      await db.commit((tx) => library.addChunk(tx, own, index, chunk));
    }
    await db.commit((tx) => library.finish(tx, own));
    return true;
  }

  /** It is kept there: what was here of it goes, but for tokens that will ask for it. */
  async #settle({ key, value }: Row, holder: NodeId): Promise<void> {
    const { db, library, ownTime, random } = this.#o;
    this.#offered.delete(String(key));
    const now = ownTime();
    const own = db.read((tx) => library.find(tx, objectIdOf(value.header)));
    const small = own && value.header.size <= MOST_TOKEN_BYTES;
    const bytes = small ? db.read((tx) => library.bytes(tx, own.n)) : undefined;
    const tokens = bytes ? makeTokens(bytes, TOKENS, random) : [];
    const kept = {
      ...value,
      holder,
      provenAt: now,
      challengeAt: this.#nextChallenge(now),
      misses: 0,
      tokens,
    };
    await db.commit((tx) => tx.put(this.#table, key, kept));
    if (own) await library.remove(own.n);
  }

  async #look(row: Row, holder: NodeId): Promise<void> {
    const { db, ownTime } = this.#o;
    const { key, value } = row;
    if (ownTime() < value.challengeAt) return;
    const { outcome, tokensLeft } = await this.#auditor.audit(holder, value.header, value.tokens);
    const now = ownTime();
    if (outcome === 'unasked') {
      if (now - value.provenAt >= GONE_MS) await this.#strike(row, holder, 'gone');
      return;
    }
    const misses = outcome === 'proven' ? 0 : value.misses + 1;
    if (misses >= MOST_MISSES) return this.#strike(row, holder, 'proofs-missed');
    const proven = { provenAt: now, challengeAt: this.#nextChallenge(now) };
    const missed = { provenAt: value.provenAt, challengeAt: now + CHALLENGE_AGAIN_MS };
    const after = { ...value, ...(misses === 0 ? proven : missed), misses, tokens: tokensLeft };
    this.#o.counters.count(misses === 0 ? 'store.content.proven' : 'store.content.proof-missed');
    await db.commit((tx) => tx.put(this.#table, key, after));
  }

  /** The shard is wanted elsewhere now. */
  async #strike({ key, value }: Row, holder: NodeId, why: Struck['why']): Promise<void> {
    this.#o.counters.count(`store.content.holder-${why}`);
    this.#leaveAlone(holder, LEFT_ALONE_MS);
    const wanted: Placement = { ...value, holder: undefined, misses: 0, tokens: [] };
    await this.#o.db.commit((tx) => tx.put(this.#table, key, wanted));
    this.onStruck.emit({ holder, id: objectIdOf(value.header), why });
    await this.#place({ key, value: wanted });
  }

  #leaveAlone(id: NodeId, ms: number): void {
    const now = this.#o.ownTime();
    for (const [key, until] of this.#leftAlone) if (until <= now) this.#leftAlone.delete(key);
    this.#leftAlone.set(nodeIdKey(id), now + ms);
  }

  #nextChallenge(now: number): number {
    return now + CHALLENGE_EVERY_MS + below(this.#o.random, CHALLENGE_EVERY_MS / 2);
  }

  async #leavesOf(n: number, { size }: ObjectHeader, shard: number): Promise<Uint8Array[]> {
    const leaves: Uint8Array[] = [];
    for (let index = 0; index < chunkCount(shardLength(size)); index++) {
      if (index % AT_ONCE === 0) await this.#o.clock.sleep(0);
      leaves.push(chunkLeaf(shardChunk(size, this.#reader(n, size), shard, index)));
    }
    return leaves;
  }

  #reader(n: number, size: number): ReadBytes {
    const { db, library } = this.#o;
    return (from, to) => {
      const out = new Uint8Array(to - from);
      const last = Math.min(to, size);
      for (let at = from; at < last; at = (Math.floor(at / CHUNK_LENGTH) + 1) * CHUNK_LENGTH) {
        const chunk = db.read((tx) => library.chunk(tx, n, Math.floor(at / CHUNK_LENGTH)));
        if (!chunk) throw new ContentFailed('unobtainable');
        const within = at % CHUNK_LENGTH;
        out.set(chunk.subarray(within, within + last - at), at - from);
      }
      return out;
    };
  }

  #rows(n: number): Row[] {
    const from: Key = [n, 0];
    const to: Key = [n + 1, 0];
    return this.#o.db.read((tx) => [...tx.range(this.#table, { from, to })]);
  }
}

/** Bytes [from, to) where one reading may not go past a multiple of `length`: they are of two shards then. */
function readAcross(read: ReadBytes, length: number, from: number, to: number): Uint8Array {
  const out = new Uint8Array(to - from);
  for (let at = from; at < to; ) {
    const end = Math.min(to, (Math.floor(at / length) + 1) * length);
    out.set(read(at, end), at - from);
    at = end;
  }
  return out;
}
