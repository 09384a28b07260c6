/**
 * The relay's side of NXS-Pub (docs/protocol/store.md): keeps subscriptions of neighbours and published items, and
 * tells the ones of the others, each the way it was asked to.
 */
import { toHex } from '../core/bytes.ts';
import { type Cancel, type Clock, every } from '../core/clock.ts';
import type { Counters } from '../core/counters.ts';
import { Event } from '../core/events.ts';
import { type Db, isDurable, type Tx } from '../db/db.ts';
import { type NodeId, nodeIdKey } from '../identity/node-id.ts';
import type { IncomingRecord, Link } from '../link/link.ts';
import { RECORD } from '../link/records.ts';
import type { Router } from '../mesh/router.ts';
import { CONTENT_TYPE, type DataObject, INLINE_LIMIT, objectIdOf, shortIdOf } from '../store/object.ts';
import { Items } from './items.ts';
import { decodeItem, decodePull, MAIL } from './records.ts';
import { Registrations } from './registrations.ts';
import { Subscriptions } from './subscriptions.ts';
import { Telling } from './telling.ts';
import { matches } from './topic.ts';

const MINUTE = 60_000;
/** Digests are gathered for so long; hints wait for a sign of life, or so long. */
const DIGEST_EVERY = 15 * MINUTE;
const HINT_EVERY = 60 * MINUTE;

export interface HubOptions {
  readonly db: Db;
  readonly link: Link;
  readonly router: Pick<Router, 'standInFor' | 'standIns' | 'standDown' | 'reachable'>;
  readonly isContact: (id: NodeId) => boolean;
  /** Objects that wait for a subscriber of its mail. */
  readonly waiting: (id: NodeId) => number;
  /** Asks for mail: the hint that answers, where one does. */
  readonly pulled: (from: NodeId, ids: readonly Uint8Array[]) => Uint8Array | undefined;
  /** Own time, ms. */
  readonly ownTime: () => number;
  readonly clock: Clock;
  readonly counters: Counters;
}

/** An item that has come, durable already. */
export interface NewItem {
  readonly from: NodeId;
  readonly object: DataObject;
}

export class Hub {
  readonly subscriptions: Subscriptions;
  readonly onItem = new Event<NewItem>();
  readonly #o: HubOptions;
  readonly #items: Items;
  readonly #registrations: Registrations;
  readonly #telling: Telling;
  /** Items being made durable, by short id in hex: one may come twice at once. */
  readonly #arriving = new Map<string, Promise<boolean>>();
  readonly #cancels: Cancel[] = [];

  constructor(options: HubOptions) {
    this.#o = options;
    this.subscriptions = new Subscriptions(options.db);
    this.#items = new Items(options.db);
    this.#registrations = new Registrations({
      ...options,
      subscriptions: this.subscriptions,
      newest: () => this.#items.newest,
      kept: (subscription) => void this.#telling.tell(subscription),
    });
    this.#telling = new Telling({ ...options, items: this.#items, subscriptions: this.subscriptions });
  }

  start(): void {
    const { clock, link, router } = this.#o;
    // a power cut, or a damaged record, has left it without the subscription that would end it
    for (const id of router.standIns()) if (!this.subscriptions.hasMail(id)) void router.standDown(id);
    link.onRecord(RECORD.pull, (incoming) => this.#pull(incoming));
    this.#registrations.start();
    this.#telling.start();
    this.#cancels.push(
      every(clock, MINUTE, () => this.#expire()),
      every(clock, DIGEST_EVERY, () => this.#telling.tellAll('digest')),
      every(clock, HINT_EVERY, () => this.#telling.tellAll('pull-hint')),
    );
  }

  stop(): void {
    for (const cancel of this.#cancels) cancel();
    this.#telling.stop();
  }

  /** It was away: it is told what has come meanwhile. */
  returned(id: NodeId): void {
    const key = nodeIdKey(id);
    for (const s of this.subscriptions.all()) if (nodeIdKey(s.subscriber) === key) void this.#telling.tell(s);
  }

  /** Something published has come from a neighbour, or from this node. Whether it is kept, durably. */
  async published(from: NodeId, object: DataObject): Promise<boolean> {
    const key = toHex(shortIdOf(objectIdOf(object.header)));
    if (this.#items.has(key)) return true;
    const arriving = this.#arriving.get(key) ?? this.#keep(from, object);
    this.#arriving.set(key, arriving);
    return arriving.finally(() => this.#arriving.delete(key));
  }

  /** Whether an item, by its short id, is kept, and that neighbour has brought it. */
  isOf(from: NodeId, shortId: Uint8Array): boolean {
    const kept = this.#items.get(toHex(shortId));
    return kept !== undefined && nodeIdKey(kept.from) === nodeIdKey(from);
  }

  async #keep(from: NodeId, object: DataObject): Promise<boolean> {
    const { bytes, header } = object;
    const isItem = header.contentType !== CONTENT_TYPE.mutable && bytes.length <= INLINE_LIMIT;
    if (!isItem || !decodeItem(bytes)) return this.#refuse('malformed-item');
    if (!this.#items.hasRoom(from, bytes.length)) return this.#refuse('items-full');
    const isKept = await this.#commit((tx) => {
      this.#items.add(tx, from, object, this.#o.ownTime());
    });
    if (!isKept) return false;
    this.onItem.emit({ from, object });
    this.#telling.tellAll('push');
    return true;
  }

  #pull({ body, from, reply }: IncomingRecord): void {
    const pull = decodePull(body);
    const subscription = pull && this.subscriptions.of(from.id, pull.number);
    if (!pull || !subscription) {
      this.#count(pull ? 'pull-without-subscription' : 'malformed-pull');
      return;
    }
    const { ids, number } = pull;
    if (number === MAIL) {
      const hint = this.#o.pulled(from.id, ids);
      if (hint) reply({ type: RECORD.hint, body: hint });
      return;
    }
    if (ids.length === 0) void this.#telling.tell(subscription);
    for (const id of ids) {
      const kept = this.#items.get(toHex(id));
      if (kept && matches(subscription.topic, kept.item)) void this.#telling.send(from.id, kept);
      else this.#count('unknown-pull');
    }
  }

  /** Hands an item to a neighbour, whether it has subscribed or not; whether it has arrived. */
  give(to: NodeId, object: DataObject): Promise<boolean> {
    return this.#telling.give(to, object);
  }

  async #expire(): Promise<void> {
    const now = this.#o.ownTime();
    const over = [...this.subscriptions.all()].filter((s) => s.expiresAt <= now);
    const isItemOver = [...this.#items.all()].some((kept) => kept.expiresAt <= now);
    if (over.length === 0 && !isItemOver) return;
    await this.#commit((tx) => {
      for (const s of over) this.subscriptions.remove(tx, s);
      this.#items.expire(tx, now);
    });
    for (const s of over) if (s.number === MAIL) await this.#o.router.standDown(s.subscriber);
  }

  #commit(change: (tx: Tx) => void): Promise<boolean> {
    return isDurable(this.#o.db.commit(change));
  }

  #refuse(what: string): false {
    this.#count(what);
    return false;
  }

  #count(what: string): void {
    this.#o.counters.count(`pub.refused.${what}`);
  }
}
