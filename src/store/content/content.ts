/**
 * Objects by name (docs/protocol/store.md, "Content"): written here, fetched from neighbours, given to those who ask.
 * What attachments, topics and mailboxes are built on. This file joins the parts: what is on disk (`library.ts`),
 * whose versions count (`owners.ts`), asking (`fetch.ts`, `questions.ts`), answering (`server.ts`), and shards with
 * others (`placements.ts`, `keeper.ts`, `audits.ts`).
 */
import { equal } from '../../core/bytes.ts';
import { type Cancel, type Clock, every } from '../../core/clock.ts';
import type { Counters } from '../../core/counters.ts';
import { minutesOf } from '../../core/log-byte.ts';
import type { Random } from '../../core/random.ts';
import type { SigningKeys } from '../../crypto/signatures.ts';
import { type Db, StorageFailed } from '../../db/db.ts';
import type { NodeId } from '../../identity/node-id.ts';
import type { IncomingRecord, Link } from '../../link/link.ts';
import { RECORD } from '../../link/records.ts';
import { CHUNK_LENGTH, chunkLeaf, pieces, treeRoot } from '../merkle.ts';
import {
  CONTENT_TYPE,
  headerOver,
  NO_LOCK,
  type ObjectHeader,
  type ObjectId,
  type ObjectPriority,
  objectIdKey,
  objectIdOf,
  SHORT_ID_LENGTH,
} from '../object.ts';
import type { Origin } from './entry.ts';
import { ContentFailed } from './failure.ts';
import { Fetch } from './fetch.ts';
import { decodeHead } from './head.ts';
import { Keeper } from './keeper.ts';
import { Library } from './library.ts';
import { isMutable, type MutableHeader, signMutable } from './mutable.ts';
import { type Fork, Owners } from './owners.ts';
import { Placements } from './placements.ts';
import { Questions } from './questions.ts';
import { encodeLookup } from './records.ts';
import { ContentServer } from './server.ts';

const MINUTE = 60_000;
/** Chunks that are hashed, or written, before others have their turn. */
const AT_ONCE = 32;

export interface ContentProperties {
  readonly priority: ObjectPriority;
  /** Bits per second that a link must have to carry it. */
  readonly minBandwidth: number;
  /** Log byte (`core/log-byte.ts`). */
  readonly ttl: number;
}

export interface NewContent extends ContentProperties {
  readonly contentType: typeof CONTENT_TYPE.immutable | typeof CONTENT_TYPE.ephemeral;
  /** Shards of it are placed with neighbours, so that it outlives this box's card; immutable objects only. */
  readonly durable?: boolean;
}

export interface FetchHow {
  /** Ends it; what has come stays for the next time. */
  readonly signal?: AbortSignal;
  readonly progress?: (chunks: number, of: number) => void;
}

export interface ContentOptions {
  readonly db: Db;
  readonly link: Link;
  /** The most that all objects together may fill, bytes. */
  readonly maxBytes: () => number;
  readonly ownTime: () => number;
  /** For whom shards are kept. */
  readonly isContact: (id: NodeId) => boolean;
  readonly clock: Clock;
  readonly random: Random;
  readonly counters: Counters;
}

export class Content {
  readonly #o: ContentOptions;
  readonly #owners: Owners;
  readonly #library: Library;
  readonly #questions: Questions;
  readonly #server: ContentServer;
  readonly #keeper: Keeper;
  readonly #placements: Placements;
  /** By object id in hex. */
  readonly #fetches = new Map<string, Fetch>();
  readonly #cancels: Cancel[] = [];
  #tidying: Promise<void> = Promise.resolve();
  #placing: Promise<void> = Promise.resolve();
  #stopped = false;

  constructor(options: ContentOptions) {
    this.#o = options;
    const { clock, counters, db, isContact, link, maxBytes, ownTime, random } = options;
    this.#owners = new Owners(db, counters, ownTime);
    this.#library = new Library(db, this.#owners, maxBytes, ownTime);
    this.#questions = new Questions(link, clock);
    this.#server = new ContentServer({ db, counters, library: this.#library, owners: this.#owners });
    const common = { db, link, counters, isContact, library: this.#library };
    this.#keeper = new Keeper({
      ...common,
      fetch: (id, from) => this.#fetch(id, [from], from, {}),
    });
    this.#placements = new Placements({
      ...common,
      ...{ clock, ownTime, random, questions: this.#questions },
      fetch: (id, from, signal) => this.#fetch(id, [from], 'fetched', { signal }),
    });
  }

  start(): void {
    const { clock, link } = this.#o;
    this.#server.listen(link);
    this.#keeper.listen();
    link.onRecord(RECORD.head, (r) => this.#headCame(r));
    const { absent, chunk, declined, leaves, proof } = RECORD;
    for (const type of [leaves, chunk, absent, proof, declined])
      link.onRecord(type, (r) => this.#answerCame(type, r));
    link.onRecord(RECORD.kept, (r) => this.#keptCame(r));
    this.#cancels.push(
      link.onAlive.on((id) => {
        for (const fetch of this.#fetches.values()) fetch.heard(id);
      }),
      every(clock, MINUTE, () => this.#tick()),
      every(clock, MINUTE, () => this.#place()),
    );
    this.#tidying = this.#housekeeping(() => this.#library.sweep());
  }

  /** Resolves once nothing is written any more. */
  async stop(): Promise<void> {
    for (const cancel of this.#cancels) cancel();
    this.#stopped = true;
    for (const fetch of this.#fetches.values()) fetch.fail('aborted');
    await Promise.all([this.#tidying, this.#placing]);
  }

  /** A neighbour that kept shards for this box is no longer relied on. */
  get onStruck(): Placements['onStruck'] {
    return this.#placements.onStruck;
  }

  /** Objects here, the bytes that are promised to them, and of these those of shards that neighbours placed. */
  get size(): Library['size'] {
    return this.#library.size;
  }

  /**
   * Keeps bytes as an object and gives it to whoever asks for it by name, until its ttl. Resolves when it is durable.
   * Rejects with `ContentFailed` (`too-large`, `full`) or `StorageFailed`. Throws `RangeError` for a ttl that is none.
   */
  async put(bytes: Uint8Array, how: NewContent): Promise<ObjectId> {
    if (how.durable && how.contentType !== CONTENT_TYPE.immutable)
      throw new RangeError('only immutable objects are durable');
    const leaves = await this.#leavesOf(bytes);
    const header = headerOver(how, NO_LOCK, bytes.length, treeRoot(leaves));
    const n = await this.#keep(header, bytes, leaves);
    if (how.durable) {
      await this.#placements.add(n);
      void this.#place();
    }
    return objectIdOf(header);
  }

  /** Who keeps the shards of a durable object, in order; undefined: one is wanted. */
  holdersOf(id: ObjectId): readonly (NodeId | undefined)[] {
    const found = this.#o.db.read((tx) => this.#library.find(tx, id));
    return found ? this.#placements.of(found.n).map(({ holder }) => holder) : [];
  }

  /** Lets the bytes of a durable object go, for which all its shards are kept; false: they are not. */
  async unload(id: ObjectId): Promise<boolean> {
    const found = this.#o.db.read((tx) => this.#library.find(tx, id));
    if (!found || !this.#placements.arePlaced(found.n)) return false;
    await this.#library.unload(found.n);
    return true;
  }

  /** Brings a durable object back from its shards. Rejects with `ContentFailed` `unobtainable`: too few are there. */
  async recover(id: ObjectId): Promise<void> {
    const found = this.#o.db.read((tx) => this.#library.find(tx, id));
    if (!found) throw new ContentFailed('expired');
    await this.#placements.recover(found.n);
  }

  /**
   * The next version of the mutable object that belongs to these keys; the one before is no longer kept. Rejects as
   * `put` does, and with `ContentFailed` `forked` while its owner is blocked.
   */
  async update(keys: SigningKeys, bytes: Uint8Array, how: ContentProperties): Promise<MutableHeader> {
    const leaves = await this.#leavesOf(bytes);
    const root = treeRoot(leaves);
    const known = this.#o.db.read((tx) => this.#owners.sequenceOf(tx, keys.publicKey));
    const header = signMutable(keys, known + 1n, how, bytes.length, root);
    const verdict = await this.#owners.meet(header);
    if (verdict !== 'newer') throw new ContentFailed(verdict === 'full' ? 'full' : 'forked');
    await this.#keep(header, bytes, leaves);
    return header;
  }

  /** The header of an object that is here, in part at least. */
  header(id: ObjectId): ObjectHeader | undefined {
    return this.#o.db.read((tx) => this.#library.find(tx, id))?.entry.header;
  }

  /** All its bytes, where it is whole here and not over. */
  get(id: ObjectId): Uint8Array | undefined {
    return this.#o.db.read((tx) => {
      const found = this.#library.find(tx, id);
      return found && this.#library.bytes(tx, found.n);
    });
  }

  /** The newest version of a mutable object that is here. */
  newest(owner: Uint8Array): { readonly header: MutableHeader; readonly bytes: Uint8Array } | undefined {
    return this.#o.db.read((tx) => {
      const newest = this.#owners.newest(tx, owner);
      const live = newest && this.#library.find(tx, objectIdOf(newest.header));
      const bytes = live && this.#library.bytes(tx, live.n);
      return newest && bytes && { header: newest.header, bytes };
    });
  }

  /** Proof that an owner said two things under one sequence, where somebody has shown both. */
  forkOf(owner: Uint8Array): Fork | undefined {
    return this.#o.db.read((tx) => this.#owners.forkOf(tx, owner));
  }

  /**
   * Brings an object here from neighbours that may have it, all at once; waits for those that are gone. Two calls for
   * one object share their holders. Rejects with `ContentFailed` or `StorageFailed`.
   */
  async fetch(id: ObjectId, holders: readonly NodeId[], how: FetchHow = {}): Promise<ObjectHeader> {
    return this.#fetch(id, holders, 'fetched', how);
  }

  /**
   * Asks neighbours for the newest version of a mutable object and brings it here; the newest that is known afterwards.
   * Rejects as `fetch` does, but for owners that nobody knows.
   */
  async lookup(
    owner: Uint8Array,
    holders: readonly NodeId[],
    how: FetchHow = {},
  ): Promise<MutableHeader | undefined> {
    const above = this.#o.db.read((tx) => this.#owners.sequenceOf(tx, owner));
    const found = await Promise.all(holders.map((id) => this.#askNewest(id, owner, above)));
    let best: MutableHeader | undefined;
    for (const header of found)
      if (header && header.ownership.sequence > (best?.ownership.sequence ?? 0n)) best = header;
    const forked = best && found.some((h) => h && isOtherVersion(h, best));
    if (best) {
      const theirs = holders.filter((_, i) => found[i]?.ownership.sequence === best.ownership.sequence);
      await this.#fetch(objectIdOf(best), theirs, 'fetched', how);
      if (forked) for (const header of found) if (header) await this.#owners.meet(header);
    }
    return this.newest(owner)?.header;
  }

  /** It is not kept any longer. */
  async remove(id: ObjectId): Promise<void> {
    this.#fetches.get(objectIdKey(id))?.fail('aborted');
    const found = this.#o.db.read((tx) => this.#library.find(tx, id));
    if (found) await this.#library.remove(found.n);
  }

  async #fetch(
    id: ObjectId,
    holders: readonly NodeId[],
    origin: Origin,
    { progress, signal }: FetchHow,
  ): Promise<ObjectHeader> {
    const key = objectIdKey(id);
    const { counters, db } = this.#o;
    const running = this.#fetches.get(key);
    const fetch =
      running ??
      new Fetch({
        ...{ db, counters, id, origin },
        ...{ library: this.#library, owners: this.#owners, questions: this.#questions },
        progress: (chunks, of) => progress?.(chunks, of),
      });
    if (!running) this.#fetches.set(key, fetch);
    const abort = () => fetch.fail('aborted');
    if (signal?.aborted) abort();
    signal?.addEventListener('abort', abort, { once: true });
    try {
      fetch.from(holders);
      const n = await fetch.done;
      const entry = db.read((tx) => this.#library.get(tx, n));
      if (!entry) throw new ContentFailed('expired');
      return entry.header;
    } finally {
      signal?.removeEventListener('abort', abort);
      if (this.#fetches.get(key) === fetch) this.#fetches.delete(key);
    }
  }

  async #askNewest(id: NodeId, owner: Uint8Array, above: bigint): Promise<MutableHeader | undefined> {
    const question = { type: RECORD.lookup, body: encodeLookup({ owner, above }) };
    const answer = await this.#questions.ask(id, owner, question, ({ body, type }) => {
      if (type === RECORD.absent) return 'absent';
      const header = type === RECORD.head ? decodeHead(body)?.header : undefined;
      return header && isMutable(header) && equal(header.ownership.owner, owner) ? header : undefined;
    });
    if (typeof answer === 'string') return undefined;
    const verdict = await this.#owners.meet(answer);
    return verdict === 'newer' ? answer : undefined;
  }

  /** Hashes in turns, so that a large object does not hold up the radio. */
  async #leavesOf(bytes: Uint8Array): Promise<Uint8Array[]> {
    const leaves: Uint8Array[] = [];
    for (const chunk of pieces(bytes, CHUNK_LENGTH)) {
      if (leaves.length > 0 && leaves.length % AT_ONCE === 0) await this.#o.clock.sleep(0);
      leaves.push(chunkLeaf(chunk));
    }
    return leaves;
  }

  /** Writes an own object in commits that stay short, and at last that it is whole. */
  async #keep(header: ObjectHeader, bytes: Uint8Array, leaves: readonly Uint8Array[]): Promise<number> {
    if (minutesOf(header.ttl) === undefined) throw new RangeError(`a ttl of ${header.ttl}`);
    const { db } = this.#o;
    const library = this.#library;
    const known = db.read((tx) => library.find(tx, objectIdOf(header)));
    if (known?.entry.state === 'whole') return known.n;
    const refusal = known ? undefined : library.refusal(bytes.length, 'own');
    if (refusal) throw new ContentFailed(refusal);
    const n = known?.n ?? (await db.commit((tx) => library.create(tx, header, 'own', 0)));
    await library.addLeaves(n, leaves);
    for (const [group, some] of inGroups(pieces(bytes, CHUNK_LENGTH), AT_ONCE).entries())
      await db.commit((tx) => {
        for (const [i, chunk] of some.entries()) library.addChunk(tx, n, group * AT_ONCE + i, chunk);
      });
    const replaced = await db.commit((tx) => {
      library.finish(tx, n);
      return isMutable(header) ? this.#owners.adopt(tx, header, n)?.replaced : undefined;
    });
    if (replaced) await library.remove(replaced);
    return n;
  }

  #headCame(incoming: IncomingRecord): void {
    const { body, from } = incoming;
    const header = decodeHead(body)?.header;
    if (!header) {
      this.#count('malformed');
      return;
    }
    const answer = { type: RECORD.head, body };
    const asked = this.#questions.answered(from.id, objectIdOf(header), answer);
    const owner = header.ownership?.owner;
    if (!asked && !(owner && this.#questions.answered(from.id, owner, answer))) this.#count('unasked');
  }

  #answerCame(type: number, { body, from }: IncomingRecord): void {
    if (body.length < SHORT_ID_LENGTH) this.#count('malformed');
    else if (!this.#questions.answered(from.id, body, { type, body })) this.#count('unasked');
  }

  /** Asked for while it was out, or told late. */
  async #keptCame({ body, from }: IncomingRecord): Promise<void> {
    if (body.length !== SHORT_ID_LENGTH) return this.#count('malformed');
    const shortId = body.slice();
    if (this.#questions.answered(from.id, shortId, { type: RECORD.kept, body: shortId })) return;
    await this.#housekeeping(async () => {
      if (!(await this.#placements.kept(from.id, shortId))) this.#count('unasked');
    });
  }

  async #place(): Promise<void> {
    await this.#placing;
    this.#placing = this.#housekeeping(() => this.#placements.tick());
    await this.#placing;
  }

  async #tick(): Promise<void> {
    await this.#tidying;
    this.#tidying = this.#housekeeping(async () => {
      while (!this.#stopped && (await this.#library.expire()));
    });
    await this.#tidying;
  }

  /** A database that has failed tells so itself; what is not to be had is looked for again. */
  async #housekeeping(work: () => Promise<void>): Promise<void> {
    if (this.#o.db.failed || this.#stopped) return;
    await work().catch((e: unknown) => {
      if (!(e instanceof StorageFailed || e instanceof ContentFailed)) throw e;
    });
  }

  #count(what: string): void {
    this.#o.counters.count(`store.content.refused.${what}`);
  }
}

/** Both of one sequence, and not the same object. */
function isOtherVersion(a: MutableHeader, b: MutableHeader): boolean {
  return a.ownership.sequence === b.ownership.sequence && !equal(objectIdOf(a), objectIdOf(b));
}

function inGroups<T>(items: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, i) =>
    items.slice(i * size, (i + 1) * size),
  );
}
