/**
 * How subscribers learn of items (docs/protocol/store.md, "NXS-Pub"): whole or as a hint, each from where it was, and
 * several in one transmission where they want the same.
 */
import type { Clock } from '../core/clock.ts';
import type { Counters } from '../core/counters.ts';
import { type Db, isDurable, type Tx } from '../db/db.ts';
import { type NodeId, nodeIdKey } from '../identity/node-id.ts';
import { arrives, type Link } from '../link/link.ts';
import { RECORD } from '../link/records.ts';
import type { Router } from '../mesh/router.ts';
import { type DataObject, objectIdOf, shortIdOf } from '../store/object.ts';
import { compactOf, encodeParcel, FRESH_TRAVEL } from '../store/parcel.ts';
import type { Items, KeptItem } from './items.ts';
import { type Delivery, encodeHint, type HintItem, itemsWithin, MAIL } from './records.ts';
import { Sharing } from './sharing.ts';
import type { Subscription, Subscriptions } from './subscriptions.ts';
import { matches } from './topic.ts';

/** Bytes of a parcel that hint and pull of it would cost too: it is pushed instead. */
const CHEAPER_PUSHED = 64;

export interface TellingOptions {
  readonly db: Db;
  readonly link: Link;
  readonly router: Pick<Router, 'reachable'>;
  readonly items: Items;
  readonly subscriptions: Subscriptions;
  readonly clock: Clock;
  readonly counters: Counters;
}

export class Telling {
  readonly #o: TellingOptions;
  readonly #sharing: Sharing;
  /** Subscriptions that are being told something. */
  readonly #busy = new Set<string>();

  constructor(options: TellingOptions) {
    this.#o = options;
    this.#sharing = new Sharing({
      ...options,
      isThere: (id) => options.router.reachable(id),
      wanting: (kept) => this.#wanting(kept),
      parcel: ({ n }) => {
        const object = options.db.read((tx) => options.items.object(tx, n));
        return object && parcelOf(object);
      },
    });
  }

  start(): void {
    this.#sharing.start();
  }

  stop(): void {
    this.#sharing.stop();
  }

  /** All that are told so. */
  tellAll(delivery: Subscription['delivery']): void {
    for (const s of [...this.#o.subscriptions.all()]) if (s.delivery === delivery) void this.tell(s);
  }

  /** What a subscriber has not been told of, where it is there: whole, or as a hint. */
  async tell({ number, subscriber }: Subscription): Promise<void> {
    const { link, router, subscriptions } = this.#o;
    const key = `${nodeIdKey(subscriber)} ${number}`;
    if (number === MAIL || this.#busy.has(key)) return;
    this.#busy.add(key);
    const current = () => subscriptions.of(subscriber, number);
    for (let s = current(); s; s = current()) {
      const news = this.#news(s);
      const [first] = news;
      if (!first || !router.reachable(subscriber)) break;
      const { delivery } = s;
      const hinted = news.slice(0, itemsWithin(link.neighbour(subscriber).recordRoom));
      const whole = hinted.findIndex((kept) => isWhole(delivery, kept));
      const told = whole === 0 ? [first] : hinted.slice(0, whole < 0 ? hinted.length : whole);
      const isTold = whole === 0 ? await this.#hand(s, news) : await this.#hint(s, told);
      // meanwhile it may have been renewed, or have ended
      const after = current();
      const cursor = Math.max(after?.cursor ?? 0, told.at(-1)?.n ?? 0);
      if (!isTold || !after) break;
      if (!(await this.#commit((tx) => subscriptions.put(tx, { ...after, cursor })))) break;
    }
    this.#busy.delete(key);
  }

  #news(subscription: Subscription): KeptItem[] {
    return [...this.#o.items.all()].filter((kept) => isNews(subscription, kept));
  }

  /** Subscribers that are to have an item whole and were not told of it. */
  #wanting(kept: KeptItem): readonly NodeId[] {
    const found = new Map<string, NodeId>();
    for (const s of this.#o.subscriptions.all())
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
    return isKnown() || this.send(subscriber, first);
  }

  #hint({ number, subscriber }: Subscription, told: readonly KeptItem[]): Promise<boolean> {
    const { db, link } = this.#o;
    const items = told.flatMap(({ n, size }): HintItem[] => {
      const header = db.read((tx) => this.#o.items.object(tx, n))?.header;
      return header ? [{ id: shortIdOf(objectIdOf(header)), size, priority: header.priority }] : [];
    });
    const body = encodeHint({ number, more: false, items });
    return arrives(link.neighbour(subscriber).send({ type: RECORD.hint, body }, { priority: 2 }));
  }

  /** Hands one that is kept to a subscriber, by itself; whether it has arrived. */
  async send(subscriber: NodeId, { n }: KeptItem): Promise<boolean> {
    const object = this.#o.db.read((tx) => this.#o.items.object(tx, n));
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

  #commit(change: (tx: Tx) => void): Promise<boolean> {
    return isDurable(this.#o.db.commit(change));
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
