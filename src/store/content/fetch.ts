/**
 * Fetches one object from whoever has it (docs/protocol/store.md, "Fetching"): its header, the leaves of its chunks
 * page by page, the chunks, each from any holder and proven before it counts. Every holder is asked for one part at a
 * time, different holders for different parts; whoever lies is not asked again, whoever is gone is when it is back.
 * What has come stays over a restart.
 */
import { equal } from '../../core/bytes.ts';
import type { Counters } from '../../core/counters.ts';
import type { Db, Tx } from '../../db/db.ts';
import { type NodeId, nodeIdKey } from '../../identity/node-id.ts';
import type { Rec } from '../../link/link.ts';
import { RECORD } from '../../link/records.ts';
import { chunkLeaf, chunkLength, isPage, PAGE_LEAVES } from '../merkle.ts';
import { type ObjectHeader, type ObjectId, objectIdOf, shortIdOf } from '../object.ts';
import type { Origin } from './entry.ts';
import { ContentFailed, type ContentFailure } from './failure.ts';
import { decodeHead, type Head } from './head.ts';
import type { Library } from './library.ts';
import { Missing, type Part } from './missing.ts';
import { isMutable } from './mutable.ts';
import type { Owners } from './owners.ts';
import type { Questions } from './questions.ts';
import { decodeChunk, decodeLeaves, encodePiece } from './records.ts';

/** Chunks on their way to the disk at once: 128 KiB. */
const MOST_COMMITTING = 32;

export interface FetchOptions {
  readonly db: Db;
  readonly library: Library;
  readonly owners: Owners;
  readonly questions: Questions;
  readonly counters: Counters;
  readonly id: ObjectId;
  readonly origin: Origin;
  /** Told with every chunk that has come. */
  readonly progress: (chunks: number, of: number) => void;
}

/** `absent`: it says that it has it not; `lied`: what it gave is not of this object. */
type Outcome = 'had' | 'silent' | 'absent' | 'lied';

export class Fetch {
  readonly #o: FetchOptions;
  readonly #shortId: Uint8Array;
  /** By NodeId in hex: whether it is being asked, gone, or not to be asked any more. */
  readonly #holders = new Map<string, { readonly id: NodeId; state: 'asked' | 'silent' | 'left' }>();
  readonly #committing = new Set<Promise<unknown>>();
  #n: number | undefined;
  #header: ObjectHeader | undefined;
  #missing: Missing | undefined;
  #over = false;
  #wake: (() => void)[] = [];
  readonly #done: Promise<number>;
  #resolve: (n: number) => void = () => {};
  #reject: (e: unknown) => void = () => {};

  constructor(options: FetchOptions) {
    this.#o = options;
    this.#shortId = shortIdOf(options.id);
    this.#done = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.#done.catch(() => {});
    this.#resume();
  }

  /** Resolves with the number of the whole object; rejects with `ContentFailed` or `StorageFailed`. */
  get done(): Promise<number> {
    return this.#done;
  }

  /** What is known of the object so far. */
  get header(): ObjectHeader | undefined {
    return this.#header;
  }

  /** Asks these as well. */
  from(holders: readonly NodeId[]): void {
    for (const id of holders) {
      const key = nodeIdKey(id);
      if (this.#holders.has(key)) continue;
      this.#holders.set(key, { id, state: 'asked' });
      void this.#ask(id, key);
    }
    this.#lookForHolders();
  }

  /** A holder is there again. */
  heard(id: NodeId): void {
    const key = nodeIdKey(id);
    const holder = this.#holders.get(key);
    if (holder?.state !== 'silent' || this.#over) return;
    holder.state = 'asked';
    void this.#ask(id, key);
  }

  /** Nobody is asked any more; what has come stays until its ttl. */
  fail(why: ContentFailure): void {
    this.#end(() => this.#reject(new ContentFailed(why)));
  }

  #resume(): void {
    const { db, id, library } = this.#o;
    db.read((tx) => {
      const found = library.find(tx, id);
      if (!found) return;
      const { n, entry } = found;
      this.#n = n;
      this.#header = entry.header;
      if (entry.state === 'whole') return this.#end(() => this.#resolve(n));
      const missing = new Missing(entry.header.size);
      this.#missing = missing;
      for (let page = 0; page * PAGE_LEAVES < missing.chunks; page++) {
        const places = library.places(tx, n, page * PAGE_LEAVES, PAGE_LEAVES);
        if (places.length > 0) missing.arrived({ kind: 'leaves', index: page });
        for (const [i, [, here]] of places.entries())
          if (here) missing.arrived({ kind: 'chunk', index: page * PAGE_LEAVES + i });
      }
    });
    if (this.#missing?.chunksLeft === 0) this.#finish();
  }

  /** One holder's turn: part after part, until there is none left or it fails. */
  async #ask(id: NodeId, key: string): Promise<void> {
    let outcome: Outcome = 'had';
    while (!this.#over && outcome === 'had') {
      if (!this.#missing) {
        outcome = await this.#askHead(id);
        continue;
      }
      const part = this.#next();
      if (!part) {
        await new Promise<void>((resolve) => this.#wake.push(resolve)); // the rest is asked of others
        continue;
      }
      outcome = await (part.kind === 'chunk' ? this.#askChunk(id, part) : this.#askLeaves(id, part));
      if (outcome !== 'had') this.#missing.giveBack(part);
      this.#changed();
    }
    if (this.#over) return;
    if (outcome === 'lied') this.#o.counters.count('store.content.holder-left');
    const holder = this.#holders.get(key);
    if (holder) holder.state = outcome === 'silent' ? 'silent' : 'left';
    this.#lookForHolders();
  }

  /** The next part to ask for; chunks that are here by way of other objects are taken from the disk. */
  #next(): Part | undefined {
    const { db, library } = this.#o;
    const n = this.#n;
    for (;;) {
      const part = this.#missing?.take();
      if (part?.kind !== 'chunk' || n === undefined) return part;
      if (!db.read((tx) => library.canLink(tx, n, part.index))) return part;
      void this.#keep(part, (tx) => library.link(tx, n, part.index));
    }
  }

  async #askHead(id: NodeId): Promise<Outcome> {
    const question = { type: RECORD.query, body: this.#shortId };
    const answer = await this.#question(id, question, RECORD.head, decodeHead);
    if (typeof answer === 'string') return answer;
    if (this.#over || this.#missing) return 'had';
    if (!equal(objectIdOf(answer.header), this.#o.id)) return this.#lied('wrong-header');
    if (isMutable(answer.header)) {
      const verdict = await this.#o.owners.meet(answer.header);
      if (verdict === 'forged') return this.#lied('forged');
      if (verdict !== 'newer' && verdict !== 'same') {
        this.fail(verdict);
        return 'had';
      }
    }
    if (!this.#over && !this.#missing) this.#begin(answer);
    return 'had';
  }

  #begin({ ageMs, bytes, header }: Head): void {
    const { library, origin } = this.#o;
    const refusal = library.refusal(header.size, origin);
    if (refusal) {
      this.#o.counters.count(`store.content.refused.${refusal}`);
      this.fail(refusal);
      return;
    }
    this.#header = header;
    const missing = new Missing(header.size);
    this.#missing = missing;
    this.#commit((tx) => {
      const n = library.create(tx, header, origin, ageMs);
      this.#n = n;
      if (!bytes) return;
      library.addPage(tx, n, 0, [chunkLeaf(bytes)]);
      library.addChunk(tx, n, 0, bytes);
    });
    if (!bytes) {
      this.#changed();
      return;
    }
    missing.arrived({ kind: 'leaves', index: 0 });
    this.#arrived({ kind: 'chunk', index: 0 });
  }

  async #askLeaves(id: NodeId, part: Part): Promise<Outcome> {
    const { library } = this.#o;
    const body = encodePiece({ objectId: this.#shortId, index: part.index });
    const answer = await this.#question(id, { type: RECORD.askLeaves, body }, RECORD.leaves, (b) => {
      const leaves = decodeLeaves(b);
      return leaves?.index === part.index ? leaves : undefined;
    });
    if (typeof answer === 'string') return answer;
    const [header, n, missing] = [this.#header, this.#n, this.#missing];
    if (this.#over || !header || n === undefined || !missing) return 'had';
    const { leaves, path } = answer;
    if (!isPage(header.size, header.root, part.index, leaves, path)) return this.#lied('wrong-leaves');
    this.#commit((tx) => {
      this.#expectPartial(tx, n);
      library.addPage(tx, n, part.index, leaves);
    });
    missing.arrived(part);
    const from = part.index * PAGE_LEAVES;
    const places = this.#o.db.read((tx) => library.places(tx, n, from, PAGE_LEAVES));
    for (const [i, [, here]] of places.entries()) if (here) this.#arrived({ kind: 'chunk', index: from + i });
    return 'had';
  }

  async #askChunk(id: NodeId, part: Part): Promise<Outcome> {
    const { db, library } = this.#o;
    const body = encodePiece({ objectId: this.#shortId, index: part.index });
    const answer = await this.#question(id, { type: RECORD.askChunk, body }, RECORD.chunk, (b) => {
      const chunk = decodeChunk(b);
      return chunk?.index === part.index ? chunk.chunk : undefined;
    });
    if (typeof answer === 'string') return answer;
    const [header, n] = [this.#header, this.#n];
    if (this.#over || !header || n === undefined) return 'had';
    const [leaf] = db.read((tx) => library.places(tx, n, part.index, 1))[0] ?? [];
    const proven =
      answer.length === chunkLength(header.size, part.index) && leaf && equal(chunkLeaf(answer), leaf);
    if (!proven) return this.#lied('wrong-chunk');
    await this.#keep(part, (tx) => library.addChunk(tx, n, part.index, answer));
    return 'had';
  }

  async #question<T>(
    id: NodeId,
    question: Rec,
    type: number,
    read: (body: Uint8Array) => T | undefined,
  ): Promise<T | 'silent' | 'absent'> {
    const answer = await this.#o.questions.ask<T | 'absent'>(id, this.#shortId, question, (came) => {
      if (came.type === RECORD.absent) return 'absent';
      return came.type === type ? read(came.body) : undefined;
    });
    return answer === 'away' ? 'silent' : answer;
  }

  /** Waits for the disk only where it has fallen behind. */
  async #keep(part: Part, change: (tx: Tx) => void): Promise<void> {
    const n = this.#n;
    const durable = this.#commit((tx) => {
      if (n !== undefined) this.#expectPartial(tx, n);
      change(tx);
    });
    this.#arrived(part);
    if (this.#committing.size >= MOST_COMMITTING) await durable;
  }

  #arrived(part: Part): void {
    const missing = this.#missing;
    if (!missing || this.#over) return;
    missing.arrived(part);
    this.#o.progress(missing.chunks - missing.chunksLeft, missing.chunks);
    if (missing.chunksLeft === 0) this.#finish();
  }

  #finish(): void {
    this.#seal().catch((e: unknown) => this.#end(() => this.#reject(e)));
  }

  /** Once everything is durable: it is whole, and where it is mutable the newest. */
  async #seal(): Promise<void> {
    const { db, library, owners } = this.#o;
    const [header, n] = [this.#header, this.#n];
    await Promise.all(this.#committing);
    if (this.#over || !header || n === undefined) return;
    let stale = false;
    let replaced = 0;
    await this.#commit((tx) => {
      library.finish(tx, n);
      if (!isMutable(header)) return;
      const adopted = owners.adopt(tx, header, n);
      stale = adopted === undefined;
      replaced = adopted?.replaced ?? 0;
    });
    if (db.failed) return;
    if (stale) {
      this.fail('stale');
      await library.remove(n);
    }
    if (replaced > 0) await library.remove(replaced);
    this.#end(() => this.#resolve(n));
  }

  /** Resolves when durable; where it fails, so does the fetch. */
  #commit(change: (tx: Tx) => void): Promise<void> {
    const durable = this.#o.db.commit(change).catch((e: unknown) => this.#end(() => this.#reject(e)));
    this.#committing.add(durable);
    return durable.finally(() => this.#committing.delete(durable));
  }

  /** Its time may have come to an end meanwhile. */
  #expectPartial(tx: Tx, n: number): void {
    const state = this.#o.library.get(tx, n)?.state;
    if (state !== 'partial' && state !== 'away') throw new ContentFailed('expired');
  }

  #lied(what: string): Outcome {
    this.#o.counters.count(`store.content.refused.${what}`);
    return 'lied';
  }

  /** Who is silent may come back; with nobody but liars and those who have it not, there is nothing to wait for. */
  #lookForHolders(): void {
    if (this.#over || [...this.#holders.values()].some(({ state }) => state !== 'left')) return;
    this.fail('unobtainable');
  }

  #end(tell: () => void): void {
    if (this.#over) return;
    this.#over = true;
    tell();
    this.#changed();
  }

  #changed(): void {
    for (const wake of this.#wake.splice(0)) wake();
  }
}
