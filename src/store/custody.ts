/**
 * Custody: keeps objects until their receipt, hands them over, takes them in (docs/protocol/store.md). This file
 * joins the parts: what is held (`holdings.ts`), the giving side (`giver.ts`), the taking side (`taker.ts`).
 */
import { type Cancel, type Clock, every } from '../core/clock.ts';
import type { Counters } from '../core/counters.ts';
import { Event } from '../core/events.ts';
import { minutesOf } from '../core/log-byte.ts';
import { lockOf } from '../crypto/lock.ts';
import type { Db, Tx } from '../db/db.ts';
import type { Identity } from '../identity/keys.ts';
import { type NodeId, nodeIdKey } from '../identity/node-id.ts';
import { KIND } from '../link/frame.ts';
import type { IncomingRecord, Link } from '../link/link.ts';
import { RECORD } from '../link/records.ts';
import type { Discovery } from '../mesh/discovery.ts';
import { decodeShortId } from './exchange-records.ts';
import { Giver } from './giver.ts';
import { type Holding, Holdings } from './holdings.ts';
import { type DataObject, type ObjectId, objectIdOf, shortIdOf } from './object.ts';
import { OwnTime } from './own-time.ts';
import { decodeReceiptFrame } from './receipt-frame.ts';
import { GivenReceipts } from './receipts.ts';
import { Taker } from './taker.ts';
import { type TraceEvent, transition } from './trace.ts';

const MINUTE = 60_000;
const EXPIRY_BATCH = 100;
/** To settle a trace drops the object's bytes, mostly. */
const HOUSEKEEPING = { housekeeping: true } as const;

/**
 * What the room above does with objects, each within the transaction that makes it durable.
 * Ids are those of objects that it submitted.
 */
export interface Author {
  /** An object for this node: its secret where it opened and was kept. Throws nothing but programmer errors. */
  arrived(tx: Tx, object: DataObject): { readonly secret: Uint8Array } | 'unreadable';
  takenOver(tx: Tx, id: ObjectId, by: NodeId): void;
  receipted(tx: Tx, id: ObjectId): void;
  unreadable(tx: Tx, id: ObjectId): void;
  expired(tx: Tx, id: ObjectId): void;
}

export interface CustodyOptions {
  readonly db: Db;
  readonly identity: Identity;
  readonly link: Link;
  readonly discovery: Discovery;
  readonly author: Author;
  /** The most that objects of others may fill, bytes. */
  readonly maxBytes: number;
  readonly clock: Clock;
  readonly counters: Counters;
}

/** Told while an own object waits or moves: for people, not durable. */
export interface CustodyNote {
  readonly id: ObjectId;
  readonly detail: string;
}

export interface Spent {
  readonly id: ObjectId;
  readonly bytes: number;
  readonly airtimeMs: number;
}

export class Custody {
  readonly onNote = new Event<CustodyNote>();
  readonly onSpent = new Event<Spent>();
  readonly #o: CustodyOptions;
  readonly #time: OwnTime;
  readonly #holdings: Holdings;
  readonly #receipts: GivenReceipts;
  readonly #giver: Giver;
  readonly #taker: Taker;
  readonly #cancels: Cancel[] = [];

  constructor(options: CustodyOptions) {
    this.#o = options;
    const { author, clock, counters, db, discovery, identity, link, maxBytes } = options;
    this.#time = new OwnTime(db, clock);
    this.#holdings = new Holdings(db);
    this.#receipts = new GivenReceipts(db);
    const holdings = this.#holdings;
    const own = (id: ObjectId, tell: () => void) => {
      for (const n of holdings.byShortId(shortIdOf(id))) {
        const h = db.read((tx) => holdings.get(tx, n));
        if (h?.own) return tell();
      }
    };
    this.#giver = new Giver({
      db,
      holdings,
      link,
      discovery,
      clock,
      note: (id, detail) => own(id, () => this.onNote.emit({ id, detail })),
      spent: (id, bytes, airtimeMs) => own(id, () => this.onSpent.emit({ id, bytes, airtimeMs })),
      settle: (n, event) => this.#settle(n, event, undefined),
    });
    this.#taker = new Taker({
      db,
      holdings,
      receipts: this.#receipts,
      identity,
      discovery,
      counters,
      clock,
      maxBytes,
      ownTime: () => this.#time.now(),
      arrived: (tx, object) => {
        const opened = author.arrived(tx, object);
        if (opened !== 'unreadable')
          this.#receipts.add(tx, object.header.lock, opened.secret, this.#time.now());
        this.#time.mark(tx);
        return opened;
      },
      taken: (recipient) => this.#giver.step(recipient),
      underway: (n) => this.#giver.underway(n),
    });
  }

  /** Goes on with everything that is held, and begins to listen. */
  start(): void {
    const { clock, discovery, link } = this.#o;
    for (const type of [RECORD.custody, RECORD.have]) link.onRecord(type, (r) => this.#custody(r));
    link.onRecord(RECORD.receipt, (r) => this.#receipt(r));
    link.onRecord(RECORD.receipted, (r) => this.#receipted(r));
    link.onRecord(RECORD.unreadable, (r) => this.#giver.unreadable(r));
    link.onRecord(RECORD.accept, (r) => this.#giver.accepted(r));
    link.onRecord(RECORD.refuse, (r) => this.#giver.refused(r));
    link.onRecord(RECORD.push, (r) => this.#taker.pushed(r));
    link.onRecord(RECORD.offer, (r) => this.#taker.offered(r));
    link.onTransfer((t) => this.#taker.transferred(t));
    this.#cancels.push(
      link.onLoose.on(({ kind, bytes }) => {
        if (kind === KIND.receipt) void this.#secret(decodeReceiptFrame(bytes));
      }),
      discovery.onHeard.on((id) => this.#giver.heard(id)),
      every(clock, MINUTE, () => this.#expire()),
      this.#time.keep(),
    );
    for (const recipient of this.#holdings.recipients()) this.#giver.step(recipient);
  }

  stop(): void {
    for (const cancel of this.#cancels) cancel();
    this.#giver.stop();
  }

  /** Objects held here for whomever, and their bytes. */
  get size(): { readonly objects: number; readonly bytes: number } {
    return this.#holdings.size;
  }

  /** Takes an own object into custody; it is on its way once the transaction is durable. */
  submit(tx: Tx, object: DataObject, recipient: NodeId): ObjectId {
    const id = objectIdOf(object.header);
    const minutes = minutesOf(object.header.ttl);
    if (minutes === undefined) throw new RangeError(`a ttl of ${object.header.ttl}`);
    const expiresAt = this.#time.now() + minutes * MINUTE;
    const { lock } = object.header;
    const trace = { state: 'held', givers: [] } as const;
    this.#holdings.add(tx, object, { id, lock, recipient, own: true, expiresAt, trace });
    this.#time.mark(tx);
    tx.afterCommit(() => this.#giver.step(recipient));
    return id;
  }

  /** Looks again at what is held for a node whose key has become known. */
  step(recipient: NodeId): void {
    this.#giver.step(recipient);
  }

  async #custody({ from, body }: IncomingRecord): Promise<void> {
    const id = decodeShortId(body);
    if (!id) {
      this.#o.counters.count('store.refused.malformed-record');
      return;
    }
    for (const n of this.#holdings.byShortId(id))
      await this.#settle(n, { kind: 'custody', by: nodeIdKey(from.id) }, from.id);
  }

  /** A receipt as a record comes from a taker that had said `custody`, and wants to hear that we have it. */
  async #receipt(incoming: IncomingRecord): Promise<void> {
    const ids = await this.#secret(incoming.body);
    for (const id of ids) incoming.reply({ type: RECORD.receipted, body: shortIdOf(id) });
    if (ids.length === 0) this.#o.counters.count('store.refused.unknown-receipt');
  }

  /** The objects of this secret's lock that are, durably now, receipted. */
  async #secret(secret: Uint8Array | undefined): Promise<readonly ObjectId[]> {
    if (secret?.length !== 16) return [];
    const ids: ObjectId[] = [];
    for (const n of this.#holdings.byLock(lockOf(secret))) {
      await this.#settle(n, { kind: 'receipt', secret: secret.slice() }, undefined);
      const h = this.#o.db.read((tx) => this.#holdings.get(tx, n));
      if (h?.trace.state === 'receipted') ids.push(h.id);
    }
    return ids;
  }

  async #receipted({ from, body }: IncomingRecord): Promise<void> {
    const id = decodeShortId(body);
    if (!id) return;
    for (const n of this.#holdings.byShortId(id))
      await this.#settle(n, { kind: 'receipted', by: nodeIdKey(from.id) }, from.id);
  }

  /**
   * One event on one trace, committed with what the author makes of it. The giver hears of it at once: it has its
   * answer, and what it then looks at is the newest state. Storage failures are told by the database.
   */
  async #settle(n: number, event: TraceEvent, from: NodeId | undefined): Promise<void> {
    const { author, db } = this.#o;
    const committed = db.commit((tx) => {
      const before = this.#holdings.get(tx, n);
      const trace = before && transition(before.trace, event);
      if (!before || !trace) return undefined;
      const after: Holding = { ...before, trace };
      const keepBytes = trace.state === 'held' || (before.own && trace.state === 'handed-on');
      this.#holdings.update(tx, n, before, after, keepBytes);
      if (before.own) tellAuthor(author, tx, after, from);
      this.#time.mark(tx);
      return after;
    }, HOUSEKEEPING);
    this.#giver.settled(n);
    const changed = await committed.catch(() => undefined);
    if (changed?.trace.state === 'receipted' && changed.trace.givers.length > 0) void this.#giver.pay(n);
  }

  async #expire(): Promise<void> {
    const { author, db } = this.#o;
    if (db.failed) return;
    const now = this.#time.now();
    const due = db.read((tx) => this.#holdings.due(tx, now, EXPIRY_BATCH));
    if (due.length === 0) return;
    await db
      .commit((tx) => {
        for (const { n } of due) {
          const holding = this.#holdings.get(tx, n);
          if (!holding) continue;
          const underway = holding.trace.state === 'held' || holding.trace.state === 'handed-on';
          if (underway && holding.own) author.expired(tx, holding.id);
          this.#holdings.remove(tx, n, holding);
        }
        this.#receipts.expire(tx, now, EXPIRY_BATCH);
        this.#time.mark(tx);
      }, HOUSEKEEPING)
      .catch(() => {});
    for (const { n } of due) this.#giver.settled(n);
  }
}

function tellAuthor(author: Author, tx: Tx, { id, trace }: Holding, from: NodeId | undefined): void {
  if (trace.state === 'handed-on' && from) author.takenOver(tx, id, from);
  else if (trace.state === 'receipted') author.receipted(tx, id);
  else if (trace.state === 'unreadable') author.unreadable(tx, id);
}
