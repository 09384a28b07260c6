/** What neighbours say of objects that they were handed, and of receipts (docs/protocol/store.md). */
import { equal } from '../core/bytes.ts';
import type { Counters } from '../core/counters.ts';
import { lockOf } from '../crypto/lock.ts';
import type { Db } from '../db/db.ts';
import { nodeIdKey } from '../identity/node-id.ts';
import type { IncomingRecord, Link } from '../link/link.ts';
import { RECORD } from '../link/records.ts';
import type { Routing } from '../mesh/routing.ts';
import { decodeAccept, decodeRefuse, decodeShortId, decodeTaken } from './exchange-records.ts';
import type { HandOvers } from './hand-over.ts';
import type { Holding } from './holding.ts';
import type { Holdings } from './holdings.ts';
import { type ObjectId, shortIdOf } from './object.ts';
import type { TraceEvent } from './trace.ts';
import type { Transfers } from './transfers.ts';
import { decodeUnreadable, isGenuine } from './unreadable.ts';

export interface RepliesOptions {
  readonly db: Db;
  readonly holdings: Holdings;
  readonly transfers: Transfers;
  readonly handOvers: HandOvers;
  readonly routing: Routing;
  readonly counters: Counters;
  /** Own time at which a taker of an own object is first asked. */
  readonly firstAskAt: () => number;
  /** Changes a trace; resolves when durable. */
  readonly settle: (n: number, event: TraceEvent) => Promise<unknown>;
}

export class Replies {
  readonly #o: RepliesOptions;

  constructor(options: RepliesOptions) {
    this.#o = options;
  }

  listen(link: Link): void {
    for (const type of [RECORD.custody, RECORD.have]) link.onRecord(type, (r) => this.#taken(r));
    link.onRecord(RECORD.receipt, (r) => this.#receipt(r));
    link.onRecord(RECORD.receipted, (r) => this.#receipted(r));
    link.onRecord(RECORD.unreadable, (r) => this.#unreadable(r));
    link.onRecord(RECORD.accept, (r) => this.#accepted(r));
    link.onRecord(RECORD.refuse, (r) => this.#refused(r));
  }

  /** `custody` or `have`: releases the transfer it answers, never a copy that came in later. */
  async #taken({ from, body }: IncomingRecord): Promise<void> {
    const taken = decodeTaken(body);
    if (!taken) return this.#count('malformed-record');
    const { attempt, sequence } = taken;
    const stamp = { attempt, sequence };
    const to = nodeIdKey(from.id);
    for (const n of this.#o.holdings.byShortId(taken.objectId)) {
      if (!this.#o.transfers.answeredBy(n, to, stamp)) this.#count('late-answer');
      else await this.#o.settle(n, { kind: 'given', to, stamp, askAt: this.#o.firstAskAt() });
    }
  }

  #accepted({ from, body }: IncomingRecord): void {
    const accept = decodeAccept(body);
    if (!accept) {
      this.#count('malformed-record');
      return;
    }
    for (const n of this.#o.holdings.byShortId(accept.objectId))
      this.#o.handOvers.answered(n, from.id, { kind: 'accept', accept });
  }

  #refused({ from, body }: IncomingRecord): void {
    const refuse = decodeRefuse(body);
    if (!refuse) {
      this.#count('malformed-record');
      return;
    }
    const { objectId, reason, until } = refuse;
    for (const n of this.#o.holdings.byShortId(objectId))
      this.#o.handOvers.answered(n, from.id, { kind: 'refuse', reason, until });
  }

  /** A receipt as a record comes from a taker that had said `custody`, and wants to hear that we have it. */
  async #receipt(incoming: IncomingRecord): Promise<void> {
    const ids = await this.secret(incoming.body);
    for (const id of ids) incoming.reply({ type: RECORD.receipted, body: shortIdOf(id) });
    if (ids.length === 0) this.#count('unknown-receipt');
  }

  /** The objects of this secret's lock that are, durably now, receipted. */
  async secret(secret: Uint8Array | undefined): Promise<readonly ObjectId[]> {
    if (secret?.length !== 16) return [];
    const { db } = this.#o;
    const lock = lockOf(secret);
    const ids: ObjectId[] = [];
    for (const n of db.read((tx) => this.#o.holdings.byLock(tx, lock))) {
      await this.#o.settle(n, { kind: 'receipt', secret: secret.slice() });
      const holding = this.#get(n);
      if (holding?.trace.state === 'receipted') ids.push(holding.id);
    }
    return ids;
  }

  async #receipted({ from, body }: IncomingRecord): Promise<void> {
    const id = decodeShortId(body);
    if (!id) return this.#count('malformed-record');
    for (const n of this.#o.holdings.byShortId(id))
      await this.#o.settle(n, { kind: 'acknowledged', by: nodeIdKey(from.id) });
  }

  /**
   * The recipient's signed word that it cannot open an object. A relay that does not know the recipient's key believes
   * its taker, who could as well have thrown the object away; the sender always knows the key.
   */
  async #unreadable(incoming: IncomingRecord): Promise<void> {
    const word = decodeUnreadable(incoming.body);
    if (!word) return this.#count('malformed-record');
    const { objectId, recipient, signature } = word;
    const from = nodeIdKey(incoming.from.id);
    const publicKey = this.#o.routing.keyOf(recipient);
    if (publicKey && !isGenuine(word, publicKey)) return this.#count('forged-unreadable');
    for (const n of this.#o.holdings.byShortId(shortIdOf(objectId))) {
      const holding = this.#get(n);
      if (!holding || !equal(holding.id, objectId) || !equal(holding.recipient, recipient)) continue;
      const { trace } = holding;
      const takers = trace.state === 'handed-on' && trace.taker === from;
      if (!publicKey && !takers) continue;
      await this.#o.settle(n, { kind: 'unreadable', signature });
      if (from !== nodeIdKey(recipient) && this.#isOver(n))
        incoming.reply({ type: RECORD.receipted, body: shortIdOf(objectId) });
    }
  }

  #isOver(n: number): boolean {
    const state = this.#get(n)?.trace.state;
    return state === 'unreadable' || state === 'receipted';
  }

  #get(n: number): Holding | undefined {
    return this.#o.db.read((tx) => this.#o.holdings.get(tx, n));
  }

  #count(what: string): void {
    this.#o.counters.count(`store.refused.${what}`);
  }
}
