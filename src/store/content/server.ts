/** Answers neighbours that ask for objects: whatever is whole here is given to those who know its name. */
import { equal } from '../../core/bytes.ts';
import type { Counters } from '../../core/counters.ts';
import type { Db } from '../../db/db.ts';
import { type IncomingRecord, isWired, type Link } from '../../link/link.ts';
import { RECORD } from '../../link/records.ts';
import { auditPath, chunkCount, chunkLeaf, pageCount, pageLength } from '../merkle.ts';
import { INLINE_LIMIT, SHORT_ID_LENGTH } from '../object.ts';
import { encodeHeadAlone, encodeHeadWith } from './head.ts';
import type { Found, Library } from './library.ts';
import type { Owners } from './owners.ts';
import { decodeLookup, decodePiece, encodeChunk, encodeLeaves, type Piece } from './records.ts';

export interface ContentServerOptions {
  readonly db: Db;
  readonly library: Library;
  readonly owners: Owners;
  readonly counters: Counters;
}

export class ContentServer {
  readonly #o: ContentServerOptions;

  constructor(options: ContentServerOptions) {
    this.#o = options;
  }

  listen(link: Link): void {
    link.onRecord(RECORD.query, (r) => this.#query(r));
    link.onRecord(RECORD.lookup, (r) => this.#lookup(r));
    link.onRecord(RECORD.askLeaves, (r) => this.#piece(r, this.#leaves));
    link.onRecord(RECORD.askChunk, (r) => this.#piece(r, this.#chunk));
  }

  #query(asked: IncomingRecord): void {
    if (!this.#isServed(asked)) return;
    const { body } = asked;
    if (body.length !== SHORT_ID_LENGTH) {
      this.#count('malformed');
      return;
    }
    const found = this.#o.db.read((tx) => this.#o.library.wholeByShortId(tx, body));
    this.#head(asked, body.slice(), found);
  }

  #lookup(asked: IncomingRecord): void {
    if (!this.#isServed(asked)) return;
    const question = decodeLookup(asked.body);
    if (!question) {
      this.#count('malformed');
      return;
    }
    const { above, owner } = question;
    const { db, library, owners } = this.#o;
    const found = db.read((tx): Found | undefined => {
      const newest = owners.newest(tx, owner);
      if (!newest || newest.header.ownership.sequence <= above) return undefined;
      const entry = library.get(tx, newest.n);
      return entry?.state === 'whole' ? { n: newest.n, entry } : undefined;
    });
    this.#head(asked, owner.slice(0, SHORT_ID_LENGTH), found);
  }

  #head(asked: IncomingRecord, about: Uint8Array, found: Found | undefined): void {
    const { db, library } = this.#o;
    if (!found) {
      asked.reply({ type: RECORD.absent, body: about });
      return;
    }
    const { header } = found.entry;
    const ageMs = library.ageMs(found.entry);
    const bytes = header.size <= INLINE_LIMIT ? db.read((tx) => library.bytes(tx, found.n)) : undefined;
    const body = bytes ? encodeHeadWith(bytes, header, ageMs) : encodeHeadAlone(header, ageMs);
    asked.reply({ type: RECORD.head, body });
  }

  #piece(asked: IncomingRecord, give: (piece: Piece, found: Found) => Uint8Array | undefined): void {
    if (!this.#isServed(asked)) return;
    const { db, library } = this.#o;
    const piece = decodePiece(asked.body);
    if (!piece) {
      this.#count('malformed');
      return;
    }
    const found = db.read((tx) => library.wholeByShortId(tx, piece.objectId));
    const body = found && give(piece, found);
    if (!body) {
      asked.reply({ type: RECORD.absent, body: piece.objectId });
      return;
    }
    asked.reply({ type: give === this.#chunk ? RECORD.chunk : RECORD.leaves, body });
  }

  #leaves = ({ index, objectId }: Piece, { entry, n }: Found): Uint8Array | undefined => {
    const { db, library } = this.#o;
    if (index >= pageCount(entry.header.size)) return undefined;
    const leaves = db.read((tx) => library.leaves(tx, n, index));
    if (leaves.length !== pageLength(entry.header.size, index)) return undefined; // a row was damaged
    return encodeLeaves({ objectId, index, leaves, path: auditPath(entry.pageRoots, index) });
  };

  /** What the disk gives is looked at once more: a card that forgets bits is not to make a liar of its box. */
  #chunk = ({ index, objectId }: Piece, { entry, n }: Found): Uint8Array | undefined => {
    const { counters, db, library } = this.#o;
    if (index >= chunkCount(entry.header.size)) return undefined;
    const { chunk, leaf } = db.read((tx) => ({
      chunk: library.chunk(tx, n, index),
      leaf: library.places(tx, n, index, 1)[0]?.[0],
    }));
    if (!chunk || !leaf || !equal(chunkLeaf(chunk), leaf)) {
      counters.count('store.content.damaged-chunk');
      return undefined;
    }
    counters.count('store.content.given');
    return encodeChunk({ objectId, index, chunk });
  };

  #isServed({ from }: IncomingRecord): boolean {
    if (isWired(from)) return true;
    this.#count('slow-medium');
    return false;
  }

  #count(what: string): void {
    this.#o.counters.count(`store.content.refused.${what}`);
  }
}
