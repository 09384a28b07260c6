/** The composition root: builds the rooms, joins them, starts and stops them. */
import type { LoraSettings, Radio, RadioEvent } from '../../drivers/sx127x/radio.ts';
import { toHex, utf8 } from '../core/bytes.ts';
import type { Clock } from '../core/clock.ts';
import type { TextCodec } from '../core/compression.ts';
import type { Counters } from '../core/counters.ts';
import { PersonError } from '../core/errors.ts';
import type { Log } from '../core/log.ts';
import { logByteOf } from '../core/log-byte.ts';
import type { Random } from '../core/random.ts';
import { PersistedCounter } from '../db/counters.ts';
import type { Db } from '../db/db.ts';
import { encodeContactCode } from '../identity/contact-code.ts';
import { type Contact, Contacts } from '../identity/contacts.ts';
import { Identity } from '../identity/keys.ts';
import { type NodeId, nodeIdKey } from '../identity/node-id.ts';
import type { LanStatus } from '../link/lan/lan-medium.ts';
import type { Link } from '../link/link.ts';
import { type LinkEpochs, LinkMemory, openLinkEpochs } from '../link/link-memory.ts';
import { Links } from '../link/links.ts';
import type { LoraMedium } from '../link/lora/lora-medium.ts';
import { PER_PRIORITY } from '../link/lora/queue.ts';
import type { Medium } from '../link/medium.ts';
import { StrangersAir } from '../link/strangers-air.ts';
import { CAPABILITY } from '../mesh/beacon.ts';
import { chainSecretOf } from '../mesh/freshness.ts';
import { Router } from '../mesh/router.ts';
import type { Routing } from '../mesh/routing.ts';
import type { InMessage } from '../messaging/inbox.ts';
import { Messenger, type Progress } from '../messaging/messenger.ts';
import { isFinal, type OutMessage } from '../messaging/outbox.ts';
import { Pub } from '../pub/pub.ts';
import { matches, parseTopic } from '../pub/topic.ts';
import { Content } from '../store/content/content.ts';
import { Custody } from '../store/custody.ts';
import {
  contactEntry,
  inboxEntry,
  itemEntry,
  lanStatus,
  messageProgress,
  outboxEntry,
  radioStatus,
} from './entries.ts';
import type {
  ContactEntry,
  InboxEntry,
  ItemEntry,
  MailboxStatus,
  MessageProgress,
  NeighbourStatus,
  NexusNode,
  NodeIdentity,
  NodeStatus,
  OutboxEntry,
  RouteEntry,
  StorageEntry,
  StoreView,
} from './nexus-node.ts';
import { neighbourStatus, routeEntry } from './reach.ts';
import { storeView } from './store-view.ts';
import { stream } from './stream.ts';

export interface NodeOptions {
  readonly version: string;
  /** What the box is called in its own status; empty: nothing. */
  readonly name: string;
  /** 32 bytes, the caller's to wipe. */
  readonly seed: Uint8Array;
  readonly db: Db;
  /** What it speaks by, started, the best first. */
  readonly media: readonly Medium[];
  /** Of a box with a radio, for its status and its log; its medium is among `media`. */
  readonly radio?: NodeRadio | undefined;
  /** Of a box on a LAN, for its status. */
  readonly lan?: { readonly status: LanStatus } | undefined;
  readonly ttlDays: number;
  /** The most that objects of others may fill, bytes. */
  readonly maxStoreBytes: number;
  /** Contacts (names or codes) whose boxes are to be its mailboxes; it chooses itself where there are none. */
  readonly mailboxes: readonly string[];
  readonly codec: TextCodec;
  /** Who is next towards whom; what the router finds unless said. */
  readonly routing?: (router: Router) => Routing;
  readonly clock: Clock;
  readonly random: Random;
  readonly counters: Counters;
  readonly log: Log;
}

export interface NodeRadio {
  readonly medium: Pick<LoraMedium, 'status'>;
  readonly events: Radio['onEvent'];
  readonly board: string;
  readonly region: string;
  /** What the transceiver was set to. */
  readonly settings: LoraSettings;
}

/** A node as the rooms within its process see it: with its objects by name. */
export interface ComposedNode extends NexusNode {
  readonly content: Content;
}

/** Builds and starts a node on started media. Rejects with `StorageFailed`. */
export async function startNode(options: NodeOptions): Promise<ComposedNode> {
  const { counters, db, log } = options;
  if (db.setAside !== undefined) log.warn({}, db.setAside);
  db.onDamaged.on((record) => {
    counters.count('db.damaged-record');
    log.warn({ table: record.table }, record.message);
  });
  const handshakes = await PersistedCounter.open(db, 'handshake');
  const freshness = await PersistedCounter.open(db, 'freshness', 16);
  const node = new RunningNode(options, handshakes, freshness, await openLinkEpochs(db));
  node.start();
  return node;
}

class RunningNode implements ComposedNode {
  readonly content: Content;
  readonly #o: NodeOptions;
  readonly #identity: Identity;
  readonly #contacts: Contacts;
  /** Of all contacts, by NodeId in hex: asked for on every sign of life. */
  readonly #known = new Map<string, Contact>();
  readonly #link: Link;
  readonly #router: Router;
  readonly #messenger: Messenger;
  readonly #custody: Custody;
  readonly #pub: Pub;
  readonly #startedAt: number;
  #radioFailure: Extract<RadioEvent, { kind: 'failed' }> | undefined;
  #stopping: Promise<void> | undefined;

  constructor(
    options: NodeOptions,
    handshakes: PersistedCounter,
    freshness: PersistedCounter,
    epochs: LinkEpochs,
  ) {
    this.#o = options;
    const { clock, codec, counters, db, log, media, random, seed, ttlDays } = options;
    this.#startedAt = clock.monotonic();
    const identity = new Identity(seed);
    this.#identity = identity;
    this.#contacts = new Contacts(db);
    for (const contact of this.#contacts.list()) this.#known.set(nodeIdKey(contact.nodeId), contact);
    const isContact = (id: NodeId) => this.#known.has(nodeIdKey(id));
    const strangers = new StrangersAir({ law: () => lawOf(options.radio), isContact, clock });
    const link = new Links({
      strangers,
      media,
      identity,
      keyOf: (id) => this.#router.keyOf(id),
      mayAnswer: (from, airtimeMs) => this.#router.mayAnswer(from, airtimeMs),
      handshakeCounter: () => BigInt(handshakes.next()),
      memory: new LinkMemory({ db, self: identity.nodeId, epochs, clock, counters }),
      clock,
      random: random.fork('link'),
      counters,
      log,
    });
    this.#link = link;
    this.#router = new Router({
      link,
      db,
      identity,
      chainSecret: chainSecretOf(seed),
      nextPosition: () => freshness.next(),
      skipTo: (position) => freshness.skipTo(position),
      mailboxes: () => this.#pub.mailboxes.ids,
      otherKey: (id) => this.#known.get(nodeIdKey(id))?.publicKey ?? this.#messenger.outbox.keyOf(id),
      capabilities: CAPABILITY.relay | CAPABILITY.storage | CAPABILITY.hub,
      load: () => Math.max(0, ...(options.radio?.medium.status.queue.waiting ?? [])) / PER_PRIORITY.entries,
      legalMs: options.radio?.medium.status.airtimeAllowedMs,
      clock,
      random: random.fork('mesh'),
      counters,
    });
    const ttl = logByteOf(ttlDays * 24 * 60);
    this.#messenger = new Messenger({
      db,
      identity,
      ttl,
      codec,
      clock,
      random: random.fork('messages'),
      counters,
    });
    this.#pub = new Pub({
      ...{ db, link, router: this.#router, self: identity.nodeId, clock, counters },
      named: () => this.#namedMailboxes(),
      isContact,
      random: random.fork('pub'),
    });
    this.#custody = new Custody({
      db,
      identity,
      link,
      routing: options.routing?.(this.#router) ?? this.#router,
      author: this.#messenger,
      mailboxes: this.#pub,
      published: (from, object) => this.#pub.published(from, object),
      ...{ isContact, strangers },
      maxBytes: () => options.maxStoreBytes - this.content.size.bytes,
      t0Ms: () => this.#router.t0Ms,
      clock,
      random: random.fork('store'),
      counters,
    });
    this.content = new Content({
      ...{ db, link, clock, counters },
      maxBytes: () => options.maxStoreBytes - this.#custody.size.bytes,
      ownTime: this.#custody.now,
      isContact: (id) => this.#known.has(nodeIdKey(id)),
      random: random.fork('content'),
    });
    this.#messenger.attach(this.#custody);
    this.#pub.attach(this.#custody);
    options.radio?.events.on((event) => this.#radioEvent(event));
  }

  start(): void {
    this.#router.start();
    this.#custody.start();
    this.content.start();
    this.#pub.start();
  }

  identity(): NodeIdentity {
    const { nodeId, publicKey } = this.#identity;
    return {
      nodeId: nodeIdKey(nodeId),
      contact: encodeContactCode({ publicKey, mailboxes: [] }),
      publicKey: toHex(publicKey),
    };
  }

  contacts(): readonly ContactEntry[] {
    return this.#contacts.list().map(contactEntry);
  }

  async addContact(name: string, code: string): Promise<ContactEntry> {
    const contact = await this.#contacts.add(name, code);
    this.#known.set(nodeIdKey(contact.nodeId), contact);
    return contactEntry(contact);
  }

  async removeContact(nameOrId: string): Promise<void> {
    const contact = await this.#contacts.remove(nameOrId);
    this.#known.delete(nodeIdKey(contact.nodeId));
  }

  async send(to: string, text: string): Promise<OutboxEntry> {
    const addressee = this.#contacts.resolve(to);
    return this.#outboxEntry(await this.#messenger.send(addressee.publicKey, text));
  }

  progress(id: string, signal: AbortSignal): AsyncIterable<MessageProgress> {
    const { db } = this.#o;
    const { onProgress, outbox } = this.#messenger;
    const found = () => db.read((tx) => outbox.byMessageId(tx, id));
    if (!found())
      throw new PersonError('not-found', `No message ${id} was written here; \`nexus outbox\` shows them.`);
    return stream<MessageProgress>(
      (listener) =>
        onProgress.on((p: Progress) => {
          if (p.messageId === id) listener(messageProgress(p));
        }),
      () => {
        const message = found();
        return message ? this.#outboxEntry(message).history : [];
      },
      (p) => isFinal(p.state),
      signal,
    );
  }

  inbox(after?: string): readonly InboxEntry[] {
    const all = this.#messenger.inbox.all().map((m) => this.#inboxEntry(m));
    if (after === undefined) return all;
    const at = all.findIndex((m) => m.id === after);
    if (at < 0) throw new PersonError('not-found', `No message ${after} is in the inbox.`);
    return all.slice(at + 1);
  }

  followInbox(signal: AbortSignal): AsyncIterable<InboxEntry> {
    const { onArrived } = this.#messenger.inbox;
    return stream<InboxEntry>(
      (listener) => onArrived.on((m) => listener(this.#inboxEntry(m))),
      () => [],
      () => false,
      signal,
    );
  }

  outbox(): readonly OutboxEntry[] {
    const { outbox } = this.#messenger;
    return this.#o.db.read((tx) => outbox.all(tx)).map((m) => this.#outboxEntry(m));
  }

  status(): NodeStatus {
    const { clock, counters, db, lan, name, radio, version } = this.#o;
    const { inbox, outbox } = this.#messenger;
    const now = clock.monotonic();
    return {
      version,
      ...(name === '' ? {} : { name }),
      identity: this.identity(),
      uptimeMs: Math.round(now - this.#startedAt),
      ...(radio ? radioStatus(radio, this.#radioFailure?.sentence) : {}),
      ...(lan ? { lan: lanStatus(lan.status) } : {}),
      neighbours: this.neighbours(),
      mailboxes: this.#pub.mailboxes.ids.map((id) => this.#mailboxStatus(id)),
      pub: { topics: this.#pub.topics.topics, kept: this.#pub.subscriptions },
      messages: { waiting: outbox.size.waiting, inbox: inbox.size, outbox: outbox.size.all },
      store: { ...this.#custody.size, ...storeState(db) },
      counters: counters.all(),
    };
  }

  neighbours(): readonly NeighbourStatus[] {
    const now = this.#o.clock.monotonic();
    return this.#router
      .neighbours()
      .map((heard) => neighbourStatus(heard, this.#link, this.#nameOfNode, now));
  }

  routes(): readonly RouteEntry[] {
    return this.#router.routes().map((route) => routeEntry(route, this.#nameOfNode));
  }

  async publish(topic: string, text: string): Promise<{ readonly id: string }> {
    return { id: toHex(await this.#pub.publish(topic, utf8(text))) };
  }

  async *subscribe(topic: string, signal: AbortSignal): AsyncIterable<ItemEntry> {
    const { topics } = this.#pub;
    await topics.follow(topic);
    yield* stream<ItemEntry>(
      (listener) => topics.onReceived.on((r) => matches(parseTopic(topic), r.item) && listener(itemEntry(r))),
      () => topics.received(topic).map(itemEntry),
      () => false,
      signal,
    );
  }

  unsubscribe(topic: string): Promise<void> {
    return this.#pub.topics.end(topic);
  }

  storage(): readonly StorageEntry[] {
    return this.#custody.storageAccounts().map(({ byteMs, giver, objects, recipient }) => ({
      ...{ giver: nodeIdKey(giver), recipient: nodeIdKey(recipient), objects, byteMs },
    }));
  }

  store(after: number, limit: number): StoreView {
    const { clock, db } = this.#o;
    const inventory = this.#custody.inventory(after, limit);
    return storeView(inventory, limit, db.disk, clock.wall().getTime(), this.#nameOfNode, this.content.size);
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #stop(): Promise<void> {
    this.#router.stop();
    this.#custody.stop();
    await this.content.stop();
    this.#pub.stop();
    await this.#link.stop();
    this.#identity.destroy();
  }

  #mailboxStatus(id: NodeId): MailboxStatus {
    const name = this.#nameOfNode(id);
    const registered = this.#pub.mailboxes.isRegistered(id);
    return { nodeId: nodeIdKey(id), ...(name === undefined ? {} : { name }), registered };
  }

  /** Those that are known by now: a contact may be added later. */
  #namedMailboxes(): readonly NodeId[] {
    return this.#o.mailboxes.flatMap((name) => {
      try {
        return [this.#contacts.resolve(name).nodeId];
      } catch (e) {
        if (!(e instanceof PersonError)) throw e;
        return [];
      }
    });
  }

  #radioEvent(event: RadioEvent): void {
    const { log } = this.#o;
    if (event.kind === 'failed') {
      this.#radioFailure = event;
      log.error({ what: event.what }, event.sentence);
    } else {
      this.#radioFailure = undefined;
      log.warn({ what: event.what }, 'the radio has been recovered');
    }
  }

  #nameOfNode = (id: NodeId): string | undefined => this.#known.get(nodeIdKey(id))?.name;

  #nameOf = (publicKey: Uint8Array): string | undefined => this.#contacts.byPublicKey(publicKey)?.name;

  #inboxEntry(message: InMessage): InboxEntry {
    return inboxEntry(message, this.#nameOf);
  }

  #outboxEntry(message: OutMessage): OutboxEntry {
    return outboxEntry(message, this.#messenger.progressOf(message), this.#nameOf);
  }
}

/** A box without a radio is on no air. */
function lawOf(radio: NodeRadio | undefined): { usedMs: number; allowedMs: number | undefined } {
  if (!radio) return { usedMs: 0, allowedMs: undefined };
  const { airtimeAllowedMs, airtimeUsedMs } = radio.medium.status;
  return { usedMs: airtimeUsedMs, allowedMs: airtimeAllowedMs };
}

function storeState(db: Db): Pick<NodeStatus['store'], 'state' | 'sentence'> {
  const sentence = db.refusal?.message ?? db.setAside;
  return { state: db.disk, ...(sentence === undefined ? {} : { sentence }) };
}
