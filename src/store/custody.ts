/**
 * Custody: keeps objects until their receipt, hands them on, takes them in (docs/protocol/store.md). This file joins
 * the parts: what is held (`holdings.ts`), the giving side (`giver.ts`), the taking side (`taker.ts`), what is owed
 * (`debts.ts`) and what is asked (`inquiries.ts`); every change of a trace passes here.
 */
import { type Cancel, type Clock, every } from '../core/clock.ts';
import type { Counters } from '../core/counters.ts';
import { Event } from '../core/events.ts';
import { minutesOf } from '../core/log-byte.ts';
import { type Random, uniform } from '../core/random.ts';
import type { Db, Tx } from '../db/db.ts';
import type { Identity } from '../identity/keys.ts';
import { type NodeId, nodeIdFromKey, nodeIdKey } from '../identity/node-id.ts';
import { KIND } from '../link/frame.ts';
import { isWired, type Link } from '../link/link.ts';
import { RECORD } from '../link/records.ts';
import type { StrangersAir } from '../link/strangers-air.ts';
import type { Routing } from '../mesh/routing.ts';
import { Admission } from './admission.ts';
import { type Author, tellAuthor } from './author.ts';
import { Debts } from './debts.ts';
import { Garbage } from './garbage.ts';
import { Giver } from './giver.ts';
import { HandOvers } from './hand-over.ts';
import type { Holding } from './holding.ts';
import { Holdings } from './holdings.ts';
import { firstHopsLeft, Inquiries } from './inquiries.ts';
import { type Inventory, inventoryOf } from './inventory.ts';
import { LeaseBook } from './lease-book.ts';
import { linesTo } from './line.ts';
import type { Mailboxes, Waiting } from './mailboxes.ts';
import { type DataObject, type ObjectId, objectIdOf } from './object.ts';
import { OwnTime } from './own-time.ts';
import { decodeReceiptFrame } from './receipt-frame.ts';
import { GivenReceipts } from './receipts.ts';
import { Replies } from './replies.ts';
import { type StorageAccount, StorageTime } from './storage-time.ts';
import { Taker } from './taker.ts';
import { freshTrace, type TraceEvent, transition } from './trace.ts';
import { Transfers } from './transfers.ts';

const MINUTE = 60_000;
const EXPIRY_BATCH = 100;
/** Objects that go at a time where room is needed. */
const GARBAGE_BATCH = 256;
/** An author's object starts with an age up to this part of its ttl, so that its age does not say whose it is. */
const FIRST_AGE_PART = 0.3;
/** To settle a trace drops the object's bytes, mostly. */
const HOUSEKEEPING = { housekeeping: true } as const;

export interface CustodyOptions {
  readonly db: Db;
  readonly identity: Identity;
  readonly link: Link;
  readonly routing: Routing;
  readonly author: Author;
  readonly mailboxes: Mailboxes;
  /** What was published, and is for whoever it is handed to. Resolves when durable. */
  readonly published: (from: NodeId, object: DataObject) => Promise<void>;
  /** Whose traffic is free; all others share the strangers' part. */
  readonly isContact: (id: NodeId) => boolean;
  /** What may be sent on their behalf. */
  readonly strangers: StrangersAir;
  /** The most that objects of others may fill, bytes. */
  readonly maxBytes: () => number;
  /** The interval of route refreshes, ms. */
  readonly t0Ms: () => number;
  readonly clock: Clock;
  readonly random: Random;
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

interface Moved {
  readonly before: Holding;
  readonly after: Holding;
}

export class Custody {
  readonly onNote = new Event<CustodyNote>();
  readonly onSpent = new Event<Spent>();
  /** An object for this node was opened, and is durable. */
  readonly onOpened = new Event<ObjectId>();
  /** One was opened, and refused for want of room. */
  readonly onUnwelcome = new Event<ObjectId>();
  readonly #o: CustodyOptions;
  readonly #time: OwnTime;
  readonly #storageTime: StorageTime;
  readonly #holdings: Holdings;
  readonly #leases: LeaseBook;
  readonly #garbage: Garbage;
  readonly #receipts: GivenReceipts;
  readonly #transfers = new Transfers();
  readonly #handOvers: HandOvers;
  readonly #giver: Giver;
  readonly #admission: Admission;
  readonly #taker: Taker;
  readonly #replies: Replies;
  readonly #debts: Debts;
  readonly #inquiries: Inquiries;
  readonly #cancels: Cancel[] = [];

  constructor(options: CustodyOptions) {
    this.#o = options;
    const { author, clock, counters, db, identity, link, mailboxes, random, routing, strangers } = options;
    this.#time = new OwnTime(db, clock);
    this.#storageTime = new StorageTime(db);
    this.#holdings = new Holdings(db);
    this.#leases = new LeaseBook(db, options.isContact);
    this.#garbage = new Garbage(
      this.#holdings,
      ({ pending, recipient }) => pending || mailboxes.serves(recipient),
    );
    this.#receipts = new GivenReceipts(db);
    const common = {
      ...{ db, link, routing, mailboxes, strangers, clock, random, counters },
      holdings: this.#holdings,
      transfers: this.#transfers,
      ownTime: () => this.#time.now(),
      note: (id: ObjectId, detail: string) => this.onNote.emit({ id, detail }),
      settle: (n: number, event: TraceEvent) => this.#settle(n, event),
      servesStrangers: (id: NodeId) => strangers.isOpen || isWired(link.neighbour(id)),
    };
    this.#handOvers = new HandOvers({
      link,
      clock,
      spent: (whose, id, bytes, airtimeMs) => {
        if (whose === 'own') this.onSpent.emit({ id, bytes, airtimeMs });
        if (whose === 'stranger') options.strangers.spend(airtimeMs);
      },
    });
    this.#giver = new Giver({ ...common, handOvers: this.#handOvers, t0Ms: options.t0Ms });
    this.#debts = new Debts(common);
    this.#inquiries = new Inquiries(common);
    this.#replies = new Replies({
      ...common,
      handOvers: this.#handOvers,
      firstAskAt: () => this.#inquiries.nextAsk(0),
    });
    this.#admission = new Admission({
      ...common,
      garbage: this.#garbage,
      maxBytes: options.maxBytes,
      isContact: options.isContact,
    });
    this.#taker = new Taker({
      ...common,
      receipts: this.#receipts,
      identity,
      admission: this.#admission,
      arrived: (tx, object) => {
        const opened = author.arrived(tx, object);
        if (opened === 'full') return opened;
        tx.afterCommit(() => this.onOpened.emit(objectIdOf(object.header)));
        if (opened !== 'unreadable')
          this.#receipts.add(tx, object.header.lock, opened.secret, this.#time.now());
        this.#time.mark(tx);
        return opened;
      },
      unwelcome: (id) => this.onUnwelcome.emit(id),
      keep: (tx, object, holding) => {
        this.#leases.begin(tx, holding, holding.since);
        return this.#holdings.add(tx, object, holding);
      },
      change: (tx, n, event, object) => {
        this.#change(tx, n, event, object);
      },
      published: options.published,
      taken: (n, holding) => {
        this.#inquiries.settled(n);
        this.#giver.took(n, holding);
      },
    });
  }

  /** Goes on with everything that is held, owed and asked, and begins to listen. */
  start(): void {
    const { clock, link, routing } = this.#o;
    this.#replies.listen(link);
    link.onRecord(RECORD.push, (r) => this.#taker.pushed(r));
    link.onRecord(RECORD.offer, (r) => this.#taker.offered(r, 'offer'));
    link.onRecord(RECORD.return, (r) => this.#taker.offered(r, 'return'));
    link.onRecord(RECORD.ask, (r) => this.#inquiries.asked(r));
    link.onTransfer((t) => this.#taker.transferred(t));
    this.#cancels.push(
      link.onLoose.on(({ kind, bytes }) => {
        if (kind === KIND.receipt) void this.#replies.secret(decodeReceiptFrame(bytes));
      }),
      routing.onHeard.on((id) => {
        this.#giver.heard(id);
        this.#debts.heard(id);
      }),
      routing.onRoute.on((target) => this.#giver.wake(target)),
      every(clock, MINUTE, () => this.#tick()),
      this.#time.keep(),
    );
    this.#giver.start();
    this.#debts.start();
    this.#inquiries.start();
  }

  stop(): void {
    for (const cancel of this.#cancels) cancel();
    this.#giver.stop();
    this.#debts.stop();
    this.#inquiries.stop();
  }

  /** Objects held here for whomever, and their bytes. */
  get size(): { readonly objects: number; readonly bytes: number } {
    return this.#holdings.size;
  }

  /** Own time, ms (`own-time.ts`). */
  readonly now = (): number => this.#time.now();

  /** How many objects are held for a recipient that it may want now. */
  waitingCount(recipient: NodeId): number {
    return this.#heldFor(recipient).length;
  }

  /** At most `most` of them, mostly the oldest first. */
  waitingFor(recipient: NodeId, most: number): readonly Waiting[] {
    const holdings = this.#holdings;
    const first = this.#heldFor(recipient).slice(0, most);
    return this.#o.db.read((tx) =>
      first.flatMap((n) => {
        const header = holdings.object(tx, n)?.header;
        const id = holdings.get(tx, n)?.id;
        return header && id ? [{ n, id, size: header.size, priority: header.priority }] : [];
      }),
    );
  }

  #heldFor(recipient: NodeId): readonly number[] {
    const held = linesTo(nodeIdKey(recipient)).flatMap((line) => this.#holdings.heldIn(line));
    // told of it again, it would ask for it again
    return held.filter((n) => !this.#giver.isUnwelcome(n));
  }

  /** Hands these over to their recipient, in this order: `Mailboxes.mayPush` says yes to them now. */
  release(ns: readonly number[]): void {
    for (const n of ns) this.#giver.release(n);
  }

  /** Asks `Mailboxes.mayPush` again for what it said no to. */
  reconsider(recipient: NodeId): void {
    this.#giver.reconsider(recipient);
  }

  /** For how long what was held, by giver and recipient. */
  storageAccounts(): readonly StorageAccount[] {
    return this.#o.db.read((tx) => this.#storageTime.all(tx));
  }

  /** What is held and remembered: sums, and up to `limit` single ones whose number is above `after`. */
  inventory(after: number, limit: number): Inventory {
    return inventoryOf(this.#o.db, this.#holdings, this.#time.now(), after, limit);
  }

  /** Takes an own object into custody; it is on its way once the transaction is durable. */
  submit(tx: Tx, object: DataObject, recipient: NodeId): ObjectId {
    const { random } = this.#o;
    const id = objectIdOf(object.header);
    const { lock, minBandwidth, priority, size, ttl } = object.header;
    const minutes = minutesOf(ttl);
    if (minutes === undefined) throw new RangeError(`a ttl of ${ttl}`);
    const left = minutes * (1 - FIRST_AGE_PART * uniform(random));
    const since = this.#time.now();
    const n = this.#holdings.add(tx, object, {
      ...{ id, lock, recipient, ttl, priority, minBandwidth, size, since },
      from: undefined,
      stranger: false,
      pending: false,
      heldMs: 0,
      expiresAt: since + left * MINUTE,
      trace: freshTrace({ attempt: 0, sequence: 0 }, firstHopsLeft(random), undefined),
    });
    this.#time.mark(tx);
    tx.afterCommit(() => this.#giver.took(n, { recipient, stranger: false }));
    return id;
  }

  /**
   * One event on one trace, committed with what the author makes of it. The giving side hears of it at once: it has
   * its answer, and what it then looks at is the newest state. Storage failures are told by the database. True where
   * the trace is another one now, and durably.
   */
  async #settle(n: number, event: TraceEvent): Promise<boolean> {
    let moved: Moved | undefined;
    const committed = this.#o.db.commit((tx) => {
      moved = this.#change(tx, n, event, undefined);
    }, HOUSEKEEPING);
    const { before, after } = moved ?? {};
    if (before && after) this.#left(n, before, after);
    const durable = await committed.then(
      () => true,
      () => false,
    );
    if (!durable || !before || !after) return false;
    this.#entered(n, event, before, after);
    return true;
  }

  #change(tx: Tx, n: number, event: TraceEvent, object: DataObject | undefined): Moved | undefined {
    const holdings = this.#holdings;
    const before = holdings.get(tx, n);
    const trace = before && transition(before.trace, event);
    if (!before || !trace) return undefined;
    const now = this.#time.now();
    const moved = before.trace.state !== trace.state;
    const after = moved
      ? { ...before, trace, since: now, heldMs: heldMsOf(before, now) }
      : { ...before, trace };
    if (moved) {
      this.#leases.left(tx, before, now);
      this.#storageTime.left(tx, before, now);
      this.#leases.begin(tx, after, now);
    }
    holdings.update(tx, n, before, after, object);
    if (!before.from) tellAuthor(this.#o.author, tx, event, before, after);
    this.#time.mark(tx);
    return { before, after };
  }

  #left(n: number, before: Holding, after: Holding): void {
    if (before.trace.state === after.trace.state) return;
    if (before.trace.state === 'held') this.#giver.settled(n);
    if (before.trace.state === 'handed-on') this.#inquiries.settled(n);
  }

  #entered(n: number, event: TraceEvent, before: Holding, after: Holding): void {
    const { state } = after.trace;
    if (event.kind === 'acknowledged') this.#debts.acknowledged(n, nodeIdFromKey(event.by));
    if (before.trace.state === state) return;
    if (state === 'receipted' || state === 'unreadable') this.#debts.owe(n, after);
    if (state === 'held') this.#giver.took(n, after);
    if (state === 'handed-on') this.#inquiries.watch(n, after);
  }

  async #tick(): Promise<void> {
    await this.#expire();
    await this.#collect();
    this.#giver.tick();
    this.#inquiries.tick();
  }

  /** Forgets what has expired. */
  async #expire(): Promise<void> {
    const { author, db } = this.#o;
    const holdings = this.#holdings;
    const now = this.#time.now();
    for (let more = true; more && !db.failed; ) {
      let due: ReturnType<Holdings['due']> = [];
      const committed = db.commit((tx) => {
        due = holdings.due(tx, now, EXPIRY_BATCH);
        for (const { n, holding } of due) {
          const { state } = holding.trace;
          const underway = state === 'held' || state === 'handed-on' || state === 'dropped';
          if (underway && !holding.from) author.expired(tx, holding.id);
          this.#leases.left(tx, holding, now);
          this.#storageTime.left(tx, holding, now);
          holdings.remove(tx, n, holding);
        }
        this.#receipts.expire(tx, now, EXPIRY_BATCH);
        if (due.length > 0) this.#time.mark(tx);
      }, HOUSEKEEPING);
      more = due.length === EXPIRY_BATCH;
      for (const { n, holding } of due) {
        if (holding.trace.state === 'held') this.#giver.settled(n);
        this.#inquiries.settled(n);
        this.#debts.forget(n);
      }
      if (!(await committed.then(() => true).catch(() => false))) return;
    }
  }

  /** Makes room where it is needed. What goes keeps its trace, so that its receipt finds the way. */
  async #collect(): Promise<void> {
    const { counters, db } = this.#o;
    for (let more = true; more && !db.failed; ) {
      const victims = db.read((tx) => this.#garbage.victims(tx, this.#time.now(), db.disk, GARBAGE_BATCH));
      more = victims.length === GARBAGE_BATCH;
      if (victims.length === 0) return;
      const gone = await Promise.all(victims.map((n) => this.#settle(n, { kind: 'dropped' })));
      counters.count('store.dropped', gone.filter(Boolean).length);
      // the disk does not even take that: the same ones would be found again
      if (!gone.every(Boolean)) return;
    }
  }
}

/** How long its bytes were held, this state included. */
function heldMsOf({ heldMs, since, trace }: Holding, now: number): number {
  return trace.state === 'held' ? heldMs + Math.max(0, now - since) : heldMs;
}
