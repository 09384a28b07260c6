/**
 * Keeps shards for contacts, fetched from them by the way of any object, and proves it (docs/protocol/store.md,
 * "Durable objects", "Proofs of storage").
 */
import { equal } from '../../core/bytes.ts';
import type { Counters } from '../../core/counters.ts';
import { type Db, StorageFailed } from '../../db/db.ts';
import { type NodeId, nodeIdKey } from '../../identity/node-id.ts';
import { type IncomingRecord, isWired, type Link, LinkFailed } from '../../link/link.ts';
import { RECORD } from '../../link/records.ts';
import {
  auditPath,
  CHUNK_LENGTH,
  PAGE_LEAVES,
  proveSegment,
  SEGMENT_LENGTH,
  segmentCount,
} from '../merkle.ts';
import { CONTENT_TYPE, type ObjectHeader, type ObjectId, objectIdOf, shortIdOf } from '../object.ts';
import { ContentFailed } from './failure.ts';
import { decodeHead } from './head.ts';
import type { Found, Library } from './library.ts';
import { MOST_TOKEN_BYTES, tagOf } from './proofs.ts';
import {
  type DeclinedReason,
  decodeChallenge,
  encodeDeclined,
  encodeSegmentProof,
  encodeTagProof,
} from './records.ts';

/** Shards that are being fetched at once for one neighbour; it offers the others again. */
const MOST_FETCHED_FOR_ONE = 2;

export interface KeeperOptions {
  readonly db: Db;
  readonly link: Link;
  readonly library: Library;
  readonly counters: Counters;
  readonly isContact: (id: NodeId) => boolean;
  readonly fetch: (id: ObjectId, from: NodeId) => Promise<ObjectHeader>;
}

export class Keeper {
  readonly #o: KeeperOptions;
  /** By neighbour: what is fetched for it, by id in hex. */
  readonly #fetching = new Map<string, number>();

  constructor(options: KeeperOptions) {
    this.#o = options;
  }

  listen(): void {
    this.#o.link.onRecord(RECORD.place, (r) => this.#placed(r));
    this.#o.link.onRecord(RECORD.challenge, (r) => this.#challenged(r));
  }

  #placed(asked: IncomingRecord): void {
    const { db, library } = this.#o;
    const head = decodeHead(asked.body);
    if (!head || head.bytes) {
      this.#count('malformed');
      return;
    }
    const { header } = head;
    const id = objectIdOf(header);
    const known = db.read((tx) => library.find(tx, id));
    if (known?.entry.state === 'whole') {
      asked.reply(keptRecord(id));
      return;
    }
    const reason = this.#refusal(asked, header, known);
    if (reason) {
      this.#count(`place-${reason}`);
      asked.reply({ type: RECORD.declined, body: encodeDeclined(shortIdOf(id), reason) });
      return;
    }
    void this.#fetch(asked.from.id, id);
  }

  #refusal(
    { from }: IncomingRecord,
    header: ObjectHeader,
    known: Found | undefined,
  ): DeclinedReason | undefined {
    if (!isWired(from) || !this.#o.isContact(from.id)) return 'policy';
    if (header.contentType !== CONTENT_TYPE.immutable) return 'policy';
    return !known && this.#o.library.refusal(header.size, from.id) ? 'full' : undefined;
  }

  /** What is not had is offered again. */
  async #fetch(from: NodeId, id: ObjectId): Promise<void> {
    const { fetch, link } = this.#o;
    const key = nodeIdKey(from);
    const fetching = this.#fetching.get(key) ?? 0;
    if (fetching >= MOST_FETCHED_FOR_ONE) return;
    this.#fetching.set(key, fetching + 1);
    try {
      await fetch(id, from);
      await link.neighbour(from).send(keptRecord(id), { priority: 3, reach: 'wired' });
    } catch (e) {
      if (!(e instanceof ContentFailed || e instanceof StorageFailed || e instanceof LinkFailed)) throw e;
    } finally {
      const left = (this.#fetching.get(key) ?? 1) - 1;
      if (left > 0) this.#fetching.set(key, left);
      else this.#fetching.delete(key);
    }
  }

  /** Only who had it placed here is answered: an answer may cost reading all of it. Segments are for connections. */
  #challenged(asked: IncomingRecord): void {
    const { db, library } = this.#o;
    const challenge = decodeChallenge(asked.body);
    if (!challenge) {
      this.#count('malformed');
      return;
    }
    if (!('nonce' in challenge) && !isWired(asked.from)) {
      this.#count('slow-medium');
      return;
    }
    const { objectId } = challenge;
    const body = db.read((tx) => {
      const found = library.wholeByShortId(tx, objectId);
      if (!found || !isKeptFor(found, asked.from.id)) return undefined;
      const { entry, n } = found;
      if ('nonce' in challenge) {
        const bytes = entry.header.size <= MOST_TOKEN_BYTES ? library.bytes(tx, n) : undefined;
        return bytes && encodeTagProof(objectId, tagOf(challenge.nonce, bytes));
      }
      if (challenge.segment >= segmentCount(entry.header.size)) return undefined;
      const index = Math.floor((challenge.segment * SEGMENT_LENGTH) / CHUNK_LENGTH);
      const chunk = library.chunk(tx, n, index);
      if (!chunk) return undefined;
      const page = Math.floor(index / PAGE_LEAVES);
      const siblings = [
        ...auditPath(library.leaves(tx, n, page), index % PAGE_LEAVES),
        ...auditPath(entry.pageRoots, page),
      ];
      return encodeSegmentProof(objectId, proveSegment(chunk, challenge.segment, siblings));
    });
    asked.reply(body ? { type: RECORD.proof, body } : { type: RECORD.absent, body: objectId });
  }

  #count(what: string): void {
    this.#o.counters.count(`store.content.refused.${what}`);
  }
}

function keptRecord(id: ObjectId) {
  return { type: RECORD.kept, body: shortIdOf(id) };
}

function isKeptFor({ entry }: Found, neighbour: NodeId): boolean {
  return typeof entry.origin !== 'string' && equal(entry.origin, neighbour);
}
