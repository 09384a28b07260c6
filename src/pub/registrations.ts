/** What neighbours ask to be told of, and for how long (docs/protocol/store.md, "NXS-Pub" and "Mailboxes"). */
import type { Clock } from '../core/clock.ts';
import type { Counters } from '../core/counters.ts';
import { minutesOf } from '../core/log-byte.ts';
import { type Db, isDurable, type Tx } from '../db/db.ts';
import { type NodeId, nodeIdKey } from '../identity/node-id.ts';
import type { IncomingRecord, Link } from '../link/link.ts';
import { RECORD } from '../link/records.ts';
import type { Router } from '../mesh/router.ts';
import { decodeSubscribe, encodeSubscribed, MAIL, type Outcome, type Subscribe } from './records.ts';
import type { Subscription, Subscriptions } from './subscriptions.ts';

const MINUTE = 60_000;
/** Registrations of one neighbour that are looked at in a minute: each costs thousands of hashes. */
const A_MINUTE = 4;

export interface RegistrationsOptions {
  readonly db: Db;
  readonly link: Link;
  readonly router: Pick<Router, 'standInFor' | 'standDown'>;
  readonly subscriptions: Subscriptions;
  readonly isContact: (id: NodeId) => boolean;
  /** Objects that wait for a subscriber of its mail. */
  readonly waiting: (id: NodeId) => number;
  /** The number of the newest item. */
  readonly newest: () => number;
  /** One is kept, or kept anew. */
  readonly kept: (subscription: Subscription) => void;
  /** Own time, ms. */
  readonly ownTime: () => number;
  readonly clock: Clock;
  readonly counters: Counters;
}

export class Registrations {
  readonly #o: RegistrationsOptions;
  readonly #recent = new Map<string, { since: number; count: number }>();

  constructor(options: RegistrationsOptions) {
    this.#o = options;
  }

  start(): void {
    this.#o.link.onRecord(RECORD.subscribe, (incoming) => this.#subscribe(incoming));
  }

  async #subscribe({ body, from, reply }: IncomingRecord): Promise<void> {
    const { isContact, kept, router, subscriptions, waiting } = this.#o;
    const asked = decodeSubscribe(body);
    if (!asked) return this.#count('malformed-subscribe');
    if (!this.#mayRegister(from.id)) return this.#count('too-often');
    const answer = (outcome: Outcome, serial = 0) => {
      if (outcome === 'full') this.#count('subscriptions-full');
      const told = { number: asked.number, outcome, serial };
      const body = encodeSubscribed({ ...told, waiting: asked.number === MAIL ? waiting(from.id) : 0 });
      reply({ type: RECORD.subscribed, body });
    };
    if (asked.lasts === undefined) return answer(await this.#end(from.id, asked.number));
    const before = subscriptions.of(from.id, asked.number);
    const stranger = !isContact(from.id);
    if (!before && !subscriptions.hasRoom(from.id, stranger)) return answer('full');
    const serial = asked.step ? await router.standInFor(from.id, asked.step) : 0;
    if (typeof serial === 'string') return answer(serial);
    const subscription = this.#subscription(from.id, asked, stranger);
    const isKept = await this.#commit((tx) => subscriptions.put(tx, subscription));
    answer(isKept ? 'kept' : 'full', serial);
    const now = subscriptions.of(from.id, asked.number);
    if (now) kept(now);
    else if (asked.step) await router.standDown(from.id); // nobody would ever end it
  }

  /** One that is renewed goes on where it was; a new one begins with what comes. */
  #subscription(subscriber: NodeId, asked: Subscribe, stranger: boolean): Subscription {
    const { delivery, lasts = 0, number, topic } = asked;
    const before = this.#o.subscriptions.of(subscriber, number);
    const isSame = before && JSON.stringify(before.topic) === JSON.stringify(topic);
    const expiresAt = this.#o.ownTime() + (minutesOf(lasts) ?? 0) * MINUTE;
    const cursor = isSame ? before.cursor : this.#o.newest();
    return { subscriber, number, topic, delivery, stranger, expiresAt, cursor };
  }

  async #end(subscriber: NodeId, number: number): Promise<Outcome> {
    const { router, subscriptions } = this.#o;
    const known = subscriptions.of(subscriber, number);
    if (!known) return 'ended';
    if (!(await this.#commit((tx) => subscriptions.remove(tx, known)))) return 'full';
    if (number === MAIL) await router.standDown(subscriber);
    return 'ended';
  }

  #mayRegister(from: NodeId): boolean {
    const key = nodeIdKey(from);
    const now = this.#o.clock.monotonic();
    const window = this.#recent.get(key);
    if (window && now - window.since <= MINUTE) return ++window.count <= A_MINUTE;
    for (const [k, w] of this.#recent) if (now - w.since > MINUTE) this.#recent.delete(k);
    this.#recent.set(key, { since: now, count: 1 });
    return true;
  }

  #commit(change: (tx: Tx) => void): Promise<boolean> {
    return isDurable(this.#o.db.commit(change));
  }

  #count(what: string): void {
    this.#o.counters.count(`pub.refused.${what}`);
  }
}
