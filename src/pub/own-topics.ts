/**
 * What this node itself follows, and what has come of it (docs/protocol/store.md, "NXS-Pub"): registered with its
 * mailboxes, which keep the news while it is away.
 */
import { concat, toHex } from '../core/bytes.ts';
import { type Cancel, type Clock, every } from '../core/clock.ts';
import type { Counters } from '../core/counters.ts';
import { PersonError } from '../core/errors.ts';
import { Event } from '../core/events.ts';
import { logByteOf } from '../core/log-byte.ts';
import { counter, text } from '../db/codecs.ts';
import type { Db, Table } from '../db/db.ts';
import type { NodeId } from '../identity/node-id.ts';
import { arrives, type Link } from '../link/link.ts';
import { RECORD } from '../link/records.ts';
import type { Router } from '../mesh/router.ts';
import { type DataObject, objectIdOf, SHORT_ID_LENGTH, shortIdOf } from '../store/object.ts';
import { Questions } from './questions.ts';
import {
  type Delivery,
  decodeItem,
  encodePull,
  encodeSubscribe,
  type Hint,
  type Item,
  idsWithin,
  LARGEST_NUMBER,
  type Subscribed,
} from './records.ts';
import { type Address, matches, parseTopic, spell } from './topic.ts';

type OwnTopic = ReturnType<typeof parseTopic>;

const HOUR = 3_600_000;
/** Relays keep a subscription so long after it was last renewed. */
const LASTS = logByteOf(7 * 24 * 60);
const RENEWED_EVERY = 24 * HOUR;
const MOST_TOPICS = 7;
/** Items that came, the newest; older ones are forgotten. */
const MOST_RECEIVED = 1_024;
/** bit/s from which news come whole, and from which in digests (docs/protocol/store.md). */
const PUSH_FROM = 1_000_000;
const DIGEST_FROM = 10_000;

/** The delivery that suits a link of so many bit/s. */
export function deliveryFor(bandwidth: number): Delivery {
  if (bandwidth >= PUSH_FROM) return 'push';
  return bandwidth >= DIGEST_FROM ? 'digest' : 'pull-hint';
}

export interface OwnTopicsOptions {
  readonly db: Db;
  readonly link: Pick<Link, 'neighbour'>;
  readonly router: Pick<Router, 'bandwidthTo'>;
  /** Own mailboxes. */
  readonly relays: () => readonly NodeId[];
  readonly clock: Clock;
  readonly counters: Counters;
}

/** An item that came of a topic that is followed. */
export interface Received {
  /** Grows. */
  readonly n: number;
  readonly shortId: Uint8Array;
  /** This box's clock, ms since 1970. */
  readonly receivedAt: number;
  readonly item: Item;
}

/** Of the table: short id 8 | received at u64 | the item's bytes. */
interface Row {
  readonly shortId: Uint8Array;
  readonly receivedAt: number;
  readonly bytes: Uint8Array;
}

export class OwnTopics {
  /** Durable already. */
  readonly onReceived = new Event<Received>();
  readonly #o: OwnTopicsOptions;
  readonly #topics: Table<number, string>;
  readonly #rows: Table<number, Row>;
  /** By number, 1 … 127. */
  readonly #followed = new Map<number, OwnTopic>();
  readonly #seen = new Map<string, number>();
  readonly #questions: Questions;
  #next = 1;
  #cancel: Cancel | undefined;

  constructor(options: OwnTopicsOptions) {
    this.#o = options;
    this.#questions = new Questions(options.link);
    const { db } = options;
    this.#topics = db.table({ name: 'own-topic', key: counter, value: text });
    this.#rows = db.table({
      name: 'received-item',
      key: counter,
      value: {
        encode: ({ bytes, receivedAt, shortId }) => concat(shortId, counter.encode(receivedAt), bytes),
        decode: (b) => ({
          shortId: b.slice(0, SHORT_ID_LENGTH),
          receivedAt: counter.decode(b.subarray(SHORT_ID_LENGTH, SHORT_ID_LENGTH + counter.width)),
          bytes: b.slice(SHORT_ID_LENGTH + counter.width),
        }),
      },
    });
    db.read((tx) => {
      for (const { key, value } of tx.range(this.#topics)) this.#followed.set(key, parseTopic(value));
      for (const { key, value } of tx.range(this.#rows)) {
        this.#seen.set(toHex(value.shortId), key);
        this.#next = key + 1;
      }
    });
  }

  start(): void {
    this.#cancel = every(this.#o.clock, RENEWED_EVERY, () => this.#registerAll());
  }

  stop(): void {
    this.#cancel?.();
  }

  /** What is followed, as people write it. */
  get topics(): readonly string[] {
    return [...this.#followed.values()].map(spell);
  }

  /** Follows a topic from now on, over restarts. Rejects with `PersonError` `bad-topic`, `too-many`. */
  async follow(given: string): Promise<void> {
    const topic = parseTopic(given);
    if (this.#numberOf(topic) !== undefined) return;
    if (this.#followed.size >= MOST_TOPICS)
      throw new PersonError(
        'too-many',
        `At most ${MOST_TOPICS} topics: end one first with nexus sub TOPIC --end.`,
      );
    let number = 1;
    while (this.#followed.has(number) && number < LARGEST_NUMBER) number++;
    await this.#o.db.commit((tx) => tx.put(this.#topics, number, spell(topic)));
    this.#followed.set(number, topic);
    for (const relay of this.#o.relays()) void this.#register(relay, number, topic, LASTS);
  }

  /** Follows it no longer. Rejects with `PersonError` `not-found`. */
  async end(given: string): Promise<void> {
    const topic = parseTopic(given);
    const number = this.#numberOf(topic);
    if (number === undefined)
      throw new PersonError(
        'not-found',
        `${spell(topic)} is not followed here; nexus sub TOPIC follows one.`,
      );
    await this.#o.db.commit((tx) => tx.remove(this.#topics, number));
    this.#followed.delete(number);
    for (const relay of this.#o.relays()) void this.#register(relay, number, topic, undefined);
  }

  /** A mailbox has registered this node: it is told what is followed. */
  registered(relay: NodeId): void {
    for (const [number, topic] of this.#followed) void this.#register(relay, number, topic, LASTS);
  }

  /** A mailbox has answered. */
  confirmed(from: NodeId, { number, outcome }: Subscribed): void {
    this.#questions.answered(from, number);
    if (outcome !== 'kept' && outcome !== 'ended') this.#o.counters.count(`pub.subscription-${outcome}`);
  }

  /** A mailbox says what has been published: what is not here yet is asked for. */
  async hinted(from: NodeId, { items, number }: Hint): Promise<void> {
    const { counters, link } = this.#o;
    if (!this.#followed.has(number)) return counters.count('pub.refused.unasked-hint');
    const neighbour = link.neighbour(from);
    const ids = items.map((i) => i.id).filter((id) => !this.#seen.has(toHex(id)));
    const wanted = ids.slice(0, idsWithin(neighbour.recordRoom));
    if (wanted.length === 0) return;
    const pull = { type: RECORD.pull, body: encodePull({ number, ids: wanted }) };
    // where it does not arrive, it is said again with the next registration
    await arrives(neighbour.send(pull, { priority: 2 }));
  }

  /** Whether an item is one of what is followed here. */
  follows(item: Address): boolean {
    return [...this.#followed.values()].some((t) => matches(t, item));
  }

  /** Something published is here; it is kept where it is followed. */
  async came({ bytes, header }: DataObject): Promise<void> {
    const { clock, db } = this.#o;
    const item = decodeItem(bytes);
    const shortId = shortIdOf(objectIdOf(header));
    const key = toHex(shortId);
    if (!item || this.#seen.has(key) || !this.follows(item)) return;
    const n = this.#next++;
    this.#seen.set(key, n);
    const receivedAt = clock.wall().getTime();
    await db
      .commit((tx) => {
        tx.put(this.#rows, n, { shortId, receivedAt, bytes });
        const [oldest] = tx.range(this.#rows, { limit: 1 });
        if (oldest && this.#seen.size > MOST_RECEIVED) {
          tx.remove(this.#rows, oldest.key);
          this.#seen.delete(toHex(oldest.value.shortId));
        }
        tx.afterCommit(() => this.onReceived.emit({ n, shortId, receivedAt, item }));
      })
      .catch(() => {
        this.#seen.delete(key); // the database tells of its failure itself
      });
  }

  /** What has come of a topic, in order. */
  received(given: string): readonly Received[] {
    const topic = parseTopic(given);
    const rows = this.#o.db.read((tx) => [...tx.range(this.#rows)]);
    return rows.flatMap(({ key: n, value: { bytes, receivedAt, shortId } }) => {
      const item = decodeItem(bytes);
      return item && matches(topic, item) ? [{ n, shortId, receivedAt, item }] : [];
    });
  }

  #numberOf(topic: OwnTopic): number | undefined {
    for (const [number, t] of this.#followed) if (spell(t) === spell(topic)) return number;
    return undefined;
  }

  #registerAll(): void {
    for (const relay of this.#o.relays()) this.registered(relay);
  }

  async #register(relay: NodeId, number: number, topic: OwnTopic, lasts: number | undefined): Promise<void> {
    const delivery = deliveryFor(this.#o.router.bandwidthTo(relay));
    const body = encodeSubscribe({ number, topic, delivery, lasts, step: undefined });
    await this.#questions.ask(relay, number, { type: RECORD.subscribe, body }, 2);
  }
}
