/** Subscriptions that this box keeps for its neighbours: durable, bounded, each with an end. */
import { fromUtf8, utf8 } from '../core/bytes.ts';
import { counter, fixed, tuple, u32 } from '../db/codecs.ts';
import type { Db, Table, Tx, ValueCodec } from '../db/db.ts';
import { NODE_ID_LENGTH, type NodeId, nodeIdFrom, nodeIdKey } from '../identity/node-id.ts';
import { DELIVERIES, type Delivery, MAIL } from './records.ts';
import { TOPIC_KINDS, type Topic } from './topic.ts';

/** Of all neighbours; of those that are no contacts; of one neighbour. */
const MOST = 512;
const MOST_STRANGERS = 128;
const MOST_OF_ONE = 8;

export interface Subscription {
  readonly subscriber: NodeId;
  readonly number: number;
  readonly topic: Topic;
  readonly delivery: Delivery;
  readonly stranger: boolean;
  /** Own time, ms. */
  readonly expiresAt: number;
  /** The number of the last item that it was told of. */
  readonly cursor: number;
}

type Stored = Omit<Subscription, 'subscriber' | 'number'>;

const HEAD = tuple<number[]>(u32, u32, u32, counter, counter);

/** kind u32 | delivery u32 | stranger u32 | expires at u64 | cursor u64 | name. */
const subscriptionValue: ValueCodec<Stored> = {
  encode: ({ cursor, delivery, expiresAt, stranger, topic }) => {
    const head = HEAD.encode([
      TOPIC_KINDS.indexOf(topic.kind),
      DELIVERIES.indexOf(delivery),
      stranger ? 1 : 0,
      Math.ceil(expiresAt),
      cursor,
    ]);
    return Uint8Array.of(...head, ...(topic.kind === 'node' ? [] : utf8(topic.name)));
  },
  decode(bytes) {
    const [code = 0, how = 0, stranger, expiresAt = 0, cursor = 0] = HEAD.decode(
      bytes.subarray(0, HEAD.width),
    );
    const kind = TOPIC_KINDS[code];
    const delivery = DELIVERIES[how];
    const name = fromUtf8(bytes.subarray(HEAD.width));
    if (!kind || !delivery || name === undefined) throw new Error('a damaged subscription in the database');
    const topic: Topic = kind === 'node' ? { kind } : { kind, name };
    return { topic, delivery, stranger: stranger === 1, expiresAt, cursor };
  },
};

export class Subscriptions {
  readonly #table: Table<readonly [Uint8Array, number], Stored>;
  readonly #all = new Map<string, Subscription>();
  readonly #ofOne = new Map<string, number>();
  #strangers = 0;

  constructor(db: Db) {
    const key = tuple<[Uint8Array, number]>(fixed(NODE_ID_LENGTH), u32);
    this.#table = db.table({ name: 'subscription', key, value: subscriptionValue });
    db.read((tx) => {
      for (const { key, value } of tx.range(this.#table)) {
        const [subscriber, number] = key;
        this.#set({ ...value, subscriber: nodeIdFrom(subscriber.slice()), number });
      }
    });
  }

  all(): Iterable<Subscription> {
    return this.#all.values();
  }

  get size(): number {
    return this.#all.size;
  }

  of(subscriber: NodeId, number: number): Subscription | undefined {
    return this.#all.get(keyOf(subscriber, number));
  }

  /** Whether this box is a mailbox of that node. */
  hasMail(subscriber: NodeId): boolean {
    return this.#all.has(keyOf(subscriber, MAIL));
  }

  /** Whether a new one would be kept. */
  hasRoom(subscriber: NodeId, stranger: boolean): boolean {
    const own = this.#ofOne.get(nodeIdKey(subscriber)) ?? 0;
    return this.#all.size < MOST && own < MOST_OF_ONE && (!stranger || this.#strangers < MOST_STRANGERS);
  }

  /** Keeps one, new or changed. */
  put(tx: Tx, subscription: Subscription): void {
    const { subscriber, number, ...stored } = subscription;
    tx.put(this.#table, [subscriber, number], stored);
    tx.afterCommit(() => {
      this.#unset(this.of(subscriber, number));
      this.#set(subscription);
    });
  }

  remove(tx: Tx, { number, subscriber }: Subscription): void {
    tx.remove(this.#table, [subscriber, number]);
    tx.afterCommit(() => this.#unset(this.of(subscriber, number)));
  }

  #set(s: Subscription): void {
    const one = nodeIdKey(s.subscriber);
    this.#all.set(keyOf(s.subscriber, s.number), s);
    this.#ofOne.set(one, (this.#ofOne.get(one) ?? 0) + 1);
    if (s.stranger) this.#strangers++;
  }

  #unset(s: Subscription | undefined): void {
    if (!s) return;
    const one = nodeIdKey(s.subscriber);
    const left = (this.#ofOne.get(one) ?? 1) - 1;
    this.#all.delete(keyOf(s.subscriber, s.number));
    if (left > 0) this.#ofOne.set(one, left);
    else this.#ofOne.delete(one);
    if (s.stranger) this.#strangers--;
  }
}

function keyOf(subscriber: NodeId, number: number): string {
  return `${nodeIdKey(subscriber)} ${number}`;
}
