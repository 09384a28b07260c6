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
import { arrives, type IncomingRecord, type Link } from '../link/link.ts';
import { RECORD } from '../link/records.ts';
import type { Router } from '../mesh/router.ts';
import { CONTENT_TYPE, type DataObject, INLINE_LIMIT, objectIdOf, shortIdOf } from '../store/object.ts';
import { compactOf, encodeParcel, FRESH_TRAVEL } from '../store/parcel.ts';
import { Items, type KeptItem } from './items.ts';
import {
  type Delivery,
  decodeItem,
  decodePull,
  encodeHint,
  type HintItem,
  itemsWithin,
  MAIL,
} from './records.ts';
import { Registrations } from './registrations.ts';
import { Sharing } from './sharing.ts';
import { type Subscription, Subscriptions } from './subscriptions.ts';
import { matches } from './topic.ts';

const MINUTE = 60_000;
/** Digests are gathered for so long; hints wait for a sign of life, or so long. */
const DIGEST_EVERY = 15 * MINUTE;
const HINT_EVERY = 60 * MINUTE;
/** Bytes of a parcel that hint and pull of it would cost too: it is pushed instead. */
const CHEAPER_PUSHED = 64;

export interface HubOptions {
  readonly db: Db;
  readonly link: Link;
  readonly router: Pick<Router, 'standInFor' | 'standDown' | 'reachable'>;
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
  readonly #sharing: Sharing;
  /** Items being made durable, by short id in hex: one may come twice at once. */
  readonly #arriving = new Map<string, Promise<boolean>>();
  /** Subscriptions that are being told something. */
  readonly #telling = new Set<string>();
  readonly #cancels: Cancel[] = [];

  constructor(options: HubOptions) {
    this.#o = options;
    this.subscriptions = new Subscriptions(options.db);
    this.#items = new Items(options.db);
    this.#registrations = new Registrations({
      ...options,
      subscriptions: this.subscriptions,
      newest: () => this.#items.newest,
      kept: (subscription) => void this.#tell(subscription),
    });
    this.#sharing = new Sharing({
      ...options,
      isThere: (id) => options.router.reachable(id),
      wanting: (kept) => this.#wanting(kept),
      parcel: ({ n }) => {
        const object = options.db.read((tx) => this.#items.object(tx, n));
        return object && parcelOf(object);
      },
    });
  }

  start(): void {
    const { clock, link } = this.#o;
    link.onRecord(RECORD.pull, (incoming) => this.#pull(incoming));
    this.#registrations.start();
    this.#sharing.start();
    this.#cancels.push(
      every(clock, MINUTE, () => this.#expire()),
      every(clock, DIGEST_EVERY, () => this.#tellAll('digest')),
      every(clock, HINT_EVERY, () => this.#tellAll('pull-hint')),
    );
  }

  stop(): void {
    for (const cancel of this.#cancels) cancel();
    this.#sharing.stop();
  }

  /** It was away: it is told what has come meanwhile. */
  returned(id: NodeId): void {
    const key = nodeIdKey(id);
    for (const s of this.subscriptions.all()) if (nodeIdKey(s.subscriber) === key) void this.#tell(s);
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
    this.#tellAll('push');
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
    if (ids.length === 0) void this.#tell(subscription);
    for (const id of ids) {
      const kept = this.#items.get(toHex(id));
      if (kept && matches(subscription.topic, kept.item)) void this.#send(subscription, kept);
      else this.#count('unknown-pull');
    }
  }

  #tellAll(delivery: Subscription['delivery']): void {
    for (const s of [...this.subscriptions.all()]) if (s.delivery === delivery) void this.#tell(s);
  }

  /** What a subscriber has not been told of, where it is there: whole, or as a hint. */
  async #tell({ number, subscriber }: Subscription): Promise<void> {
    const { link, router } = this.#o;
    const key = `${nodeIdKey(subscriber)} ${number}`;
    if (number === MAIL || this.#telling.has(key)) return;
    this.#telling.add(key);
    for (
      let s = this.subscriptions.of(subscriber, number);
      s;
      s = this.subscriptions.of(subscriber, number)
    ) {
      const news = this.#news(s);
      const [first] = news;
      if (!first || !router.reachable(subscriber)) break;
      const { delivery } = s;
      const hinted = news.slice(0, itemsWithin(link.neighbour(subscriber).recordRoom));
      const whole = hinted.findIndex((kept) => isWhole(delivery, kept));
      const told = whole === 0 ? [first] : hinted.slice(0, whole < 0 ? hinted.length : whole);
      const isTold = whole === 0 ? await this.#hand(s, news) : await this.#hint(s, told);
      const cursor = told.at(-1)?.n ?? s.cursor;
      const after = { ...s, cursor };
      if (!isTold || !(await this.#commit((tx) => this.subscriptions.put(tx, after)))) break;
    }
    this.#telling.delete(key);
  }

  #news(subscription: Subscription): KeptItem[] {
    return [...this.#items.all()].filter((kept) => isNews(subscription, kept));
  }

  /** Subscribers that are to have an item whole and were not told of it. */
  #wanting(kept: KeptItem): readonly NodeId[] {
    const found = new Map<string, NodeId>();
    for (const s of this.subscriptions.all())
      if (isNews(s, kept) && isWhole(s.delivery, kept)) found.set(nodeIdKey(s.subscriber), s.subscriber);
    return [...found.values()];
  }

  /** The first of these, whole: with others that want it, where there are such, or by itself. */
  async #hand({ delivery, subscriber }: Subscription, news: readonly KeptItem[]): Promise<boolean> {
    const [first] = news;
    if (!first) return true;
    const isKnown = () => this.#sharing.has(subscriber, first);
    if (!isKnown()) {
      const whole = news.filter((kept) => isWhole(delivery, kept));
      await this.#sharing.offer(subscriber, whole);
    }
    return isKnown() || this.#send({ subscriber }, first);
  }

  #hint({ number, subscriber }: Subscription, told: readonly KeptItem[]): Promise<boolean> {
    const { db, link } = this.#o;
    const items = told.flatMap(({ n, size }): HintItem[] => {
      const header = db.read((tx) => this.#items.object(tx, n))?.header;
      return header ? [{ id: shortIdOf(objectIdOf(header)), size, priority: header.priority }] : [];
    });
    const body = encodeHint({ number, more: false, items });
    return arrives(link.neighbour(subscriber).send({ type: RECORD.hint, body }, { priority: 2 }));
  }

  async #send({ subscriber }: Pick<Subscription, 'subscriber'>, { n }: KeptItem): Promise<boolean> {
    const object = this.#o.db.read((tx) => this.#items.object(tx, n));
    return !object || this.give(subscriber, object);
  }

  /** Hands an item to a neighbour; whether it has arrived. */
  give(to: NodeId, object: DataObject): Promise<boolean> {
    const neighbour = this.#o.link.neighbour(to);
    const parcel = parcelOf(object);
    if (parcel.length <= neighbour.recordRoom)
      return arrives(neighbour.send({ type: RECORD.push, body: parcel }, { priority: 2 }));
    const id = neighbour.nextTransferId();
    if (id === undefined) return Promise.resolve(false);
    return arrives(neighbour.transfer({ id, pushed: true, bytes: parcel, held: [] }, { priority: 2 }));
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

function isNews({ cursor, subscriber, topic }: Subscription, { from, item, n }: KeptItem): boolean {
  return n > cursor && nodeIdKey(from) !== nodeIdKey(subscriber) && matches(topic, item);
}

function isWhole(delivery: Delivery, { size }: KeptItem): boolean {
  return delivery === 'push' || size <= CHEAPER_PUSHED;
}

function parcelOf({ bytes, header }: DataObject): Uint8Array {
  return encodeParcel({ header: compactOf(header, [], FRESH_TRAVEL), bytes });
}
