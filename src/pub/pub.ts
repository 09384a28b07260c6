/**
 * NXS-Pub of one node (docs/protocol/store.md): joins what it keeps for its neighbours (`hub.ts`, `waiting-mail.ts`)
 * and what it asks of them (`own-mailboxes.ts`, `puller.ts`, `own-topics.ts`).
 */
import type { Cancel, Clock } from '../core/clock.ts';
import type { Counters } from '../core/counters.ts';
import { PersonError } from '../core/errors.ts';
import { logByteOf } from '../core/log-byte.ts';
import type { Random } from '../core/random.ts';
import type { Db } from '../db/db.ts';
import type { NodeId } from '../identity/node-id.ts';
import type { IncomingRecord, Link } from '../link/link.ts';
import { RECORD } from '../link/records.ts';
import { CAPABILITY } from '../mesh/beacon.ts';
import type { Router } from '../mesh/router.ts';
import type { Custody } from '../store/custody.ts';
import type { Mailboxes } from '../store/mailboxes.ts';
import {
  CONTENT_TYPE,
  type DataObject,
  headerFor,
  INLINE_LIMIT,
  NO_LOCK,
  OBJECT_PRIORITY,
  objectIdOf,
  shortIdOf,
} from '../store/object.ts';
import { Hub } from './hub.ts';
import { Overhearing } from './overhearing.ts';
import { OwnMailboxes } from './own-mailboxes.ts';
import { OwnTopics } from './own-topics.ts';
import { Puller } from './puller.ts';
import { decodeHint, decodeSubscribed, encodeItem, MAIL } from './records.ts';
import { parseAddress } from './topic.ts';
import { WaitingMail } from './waiting-mail.ts';

const ITEM_TTL = logByteOf(24 * 60);
/** Linked neighbours that are handed what is published here. */
const MOST_HUBS = 8;

export interface PubOptions {
  readonly db: Db;
  readonly link: Link;
  readonly router: Router;
  readonly self: NodeId;
  /** Who a person has named as mailboxes. */
  readonly named: () => readonly NodeId[];
  readonly isContact: (id: NodeId) => boolean;
  readonly clock: Clock;
  readonly random: Random;
  readonly counters: Counters;
}

export class Pub implements Mailboxes {
  readonly mailboxes: OwnMailboxes;
  readonly topics: OwnTopics;
  readonly #o: PubOptions;
  readonly #hub: Hub;
  readonly #mail: WaitingMail;
  readonly #puller: Puller;
  readonly #overhearing: Overhearing;
  readonly #cancels: Cancel[] = [];
  #custody: Custody | undefined;

  constructor(options: PubOptions) {
    this.#o = options;
    const { link } = options;
    this.#hub = new Hub({
      ...options,
      waiting: (id) => this.#custody?.waitingCount(id) ?? 0,
      pulled: (from, ids) => this.#mail.pulled(from, ids),
      ownTime: () => this.#custody?.now() ?? 0,
    });
    this.#mail = new WaitingMail({ ...options, subscriptions: this.#hub.subscriptions });
    this.#puller = new Puller(options);
    this.mailboxes = new OwnMailboxes(options);
    this.topics = new OwnTopics({ ...options, link, relays: () => this.mailboxes.ids });
    this.#overhearing = new Overhearing({
      ...options,
      isAsked: (id) => this.mailboxes.has(id),
      follows: (item) => this.topics.follows(item),
      isOf: (from, shortId) => this.#hub.isOf(from, shortId),
      keep: (from, object) => this.#hub.published(from, object),
    });
  }

  /** Joins the custody whose mailboxes these are. */
  attach(custody: Custody): void {
    this.#custody = custody;
    this.#mail.attach(custody);
    this.#cancels.push(
      custody.onOpened.on((id) => this.#puller.opened(shortIdOf(id))),
      custody.onUnwelcome.on((id) => this.#puller.came(shortIdOf(id))),
    );
  }

  start(): void {
    const { link, router } = this.#o;
    link.onRecord(RECORD.subscribed, (incoming) => this.#subscribed(incoming));
    link.onRecord(RECORD.hint, (incoming) => this.#hint(incoming));
    this.#cancels.push(
      router.onReturn.on((id) => {
        this.#mail.returned(id);
        this.#hub.returned(id);
      }),
      this.mailboxes.onRegistered.on((id) => this.topics.registered(id)),
      this.#hub.onItem.on(({ object }) => void this.topics.came(object)),
    );
    for (const part of [this.#hub, this.mailboxes, this.topics, this.#overhearing]) part.start();
  }

  stop(): void {
    for (const cancel of this.#cancels) cancel();
    for (const part of [this.#hub, this.#mail, this.#puller]) part.stop();
    for (const part of [this.mailboxes, this.topics, this.#overhearing]) part.stop();
  }

  /** Subscriptions that are kept for neighbours. */
  get subscriptions(): number {
    return this.#hub.subscriptions.size;
  }

  // ── what custody asks ──────────────────────────────────────────────────────────────────────────────────────────

  get own(): readonly NodeId[] {
    return this.mailboxes.ids;
  }

  serves(id: NodeId): boolean {
    return this.#hub.subscriptions.hasMail(id);
  }

  waitsForPull(recipient: NodeId): boolean {
    return this.#mail.waitsForPull(recipient);
  }

  mayPush(n: number, recipient: NodeId): boolean {
    return this.#mail.mayPush(n, recipient);
  }

  /** Something without recipient or lock was handed to this node. */
  async published(from: NodeId, object: DataObject): Promise<void> {
    await this.#hub.published(from, object);
  }

  // ── what people ask ────────────────────────────────────────────────────────────────────────────────────────────

  /**
   * Publishes content under an address, and hands it to linked neighbours that are hubs. Resolves with its short id
   * once it is durable here. Rejects with `PersonError`: `bad-topic`, `too-long`, `full`.
   */
  async publish(address: string, content: Uint8Array): Promise<Uint8Array> {
    const bytes = encodeItem({ ...parseAddress(address), content });
    if (bytes.length > INLINE_LIMIT)
      throw new PersonError('too-long', `That is ${bytes.length - INLINE_LIMIT} bytes too long: shorten it.`);
    const priority = OBJECT_PRIORITY.normal;
    const properties = { contentType: CONTENT_TYPE.ephemeral, priority, minBandwidth: 0, ttl: ITEM_TTL };
    const object = { header: headerFor(properties, NO_LOCK, bytes), bytes };
    if (!(await this.#hub.published(this.#o.self, object)))
      throw new PersonError('full', 'Too much is published here already: wait until some of it is over.');
    for (const hub of this.#hubs()) void this.#hub.give(hub, object);
    return shortIdOf(objectIdOf(object.header));
  }

  #hubs(): readonly NodeId[] {
    const { link, router } = this.#o;
    return router
      .neighbours()
      .filter(
        ({ capabilities = 0, nodeId }) =>
          (capabilities & CAPABILITY.hub) !== 0 && link.shared.isMutual(nodeId),
      )
      .sort((a, b) => a.meter.etx - b.meter.etx)
      .slice(0, MOST_HUBS)
      .map((h) => h.nodeId);
  }

  // ── what neighbours say ────────────────────────────────────────────────────────────────────────────────────────

  async #subscribed({ body, from }: IncomingRecord): Promise<void> {
    const answer = decodeSubscribed(body);
    if (!answer) return this.#count('malformed-subscribed');
    if (answer.number === MAIL) await this.mailboxes.confirmed(from.id, answer);
    else this.topics.confirmed(from.id, answer);
  }

  /** Only of those that were asked to tell. */
  #hint({ body, from }: IncomingRecord): void {
    const hint = decodeHint(body);
    if (!hint || !this.mailboxes.has(from.id)) this.#count(hint ? 'unasked-hint' : 'malformed-hint');
    else if (hint.number === MAIL) this.#puller.hinted(from.id, hint);
    else void this.topics.hinted(from.id, hint);
  }

  #count(what: string): void {
    this.#o.counters.count(`pub.refused.${what}`);
  }
}
