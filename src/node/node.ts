/** A node as people and programs see it: what it answers, from the rooms that it is made of (`rooms.ts`). */
import type { RadioEvent } from '../../drivers/sx127x/radio.ts';
import { toHex, utf8 } from '../core/bytes.ts';
import { PersonError } from '../core/errors.ts';
import type { Db } from '../db/db.ts';
import { encodeContactCode } from '../identity/contact-code.ts';
import { type NodeId, nodeIdKey, nodeIdOf } from '../identity/node-id.ts';
import type { InMessage } from '../messaging/inbox.ts';
import type { Progress } from '../messaging/messenger.ts';
import { isFinal, type OutMessage } from '../messaging/outbox.ts';
import { matches, parseTopic } from '../pub/topic.ts';
import type { Content } from '../store/content/content.ts';
import {
  contactEntry,
  inboxEntry,
  itemEntry,
  lanStatus,
  messageProgress,
  outboxEntry,
  radioStatus,
} from './entries.ts';
import { listed, listedAndOn } from './inbox-view.ts';
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
import { type NodeOptions, openRooms, type Rooms } from './rooms.ts';
import { storeView } from './store-view.ts';
import { stream } from './stream.ts';

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
  const rooms = await openRooms(options);
  const node = new RunningNode(options, rooms);
  rooms.start();
  return node;
}

class RunningNode implements ComposedNode {
  readonly #o: NodeOptions;
  readonly #rooms: Rooms;
  readonly #startedAt: number;
  #radioFailure: Extract<RadioEvent, { kind: 'failed' }> | undefined;
  #stopping: Promise<void> | undefined;

  constructor(options: NodeOptions, rooms: Rooms) {
    this.#o = options;
    this.#rooms = rooms;
    this.#startedAt = options.clock.monotonic();
    options.radio?.events.on((event) => this.#radioEvent(event));
  }

  get content(): Content {
    return this.#rooms.content;
  }

  identity(): NodeIdentity {
    const { nodeId, publicKey } = this.#rooms.identity;
    return {
      nodeId: nodeIdKey(nodeId),
      contact: encodeContactCode({ publicKey, mailboxes: [] }),
      publicKey: toHex(publicKey),
    };
  }

  contacts(): readonly ContactEntry[] {
    return this.#rooms.contacts.list().map(contactEntry);
  }

  async addContact(name: string, code: string): Promise<ContactEntry> {
    const contact = await this.#rooms.contacts.add(name, code);
    this.#rooms.known.set(nodeIdKey(contact.nodeId), contact);
    return contactEntry(contact);
  }

  async removeContact(nameOrId: string): Promise<void> {
    const contact = await this.#rooms.contacts.remove(nameOrId);
    this.#rooms.known.delete(nodeIdKey(contact.nodeId));
  }

  async send(to: string, text: string): Promise<OutboxEntry> {
    const addressee = this.#rooms.contacts.resolve(to);
    return this.#outboxEntry(await this.#rooms.messenger.send(addressee.publicKey, text));
  }

  progress(id: string, signal: AbortSignal): AsyncIterable<MessageProgress> {
    const { db } = this.#o;
    const { onProgress, outbox } = this.#rooms.messenger;
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

  *inbox(after?: string): Iterable<InboxEntry> {
    for (const message of listed(this.#rooms.messenger.inbox, this.#placeInInbox(after)))
      yield this.#inboxEntry(message);
  }

  async *inboxAndOn(after: string | undefined, signal: AbortSignal): AsyncIterable<InboxEntry> {
    const { inbox } = this.#rooms.messenger;
    for await (const message of listedAndOn(inbox, this.#placeInInbox(after), signal))
      yield this.#inboxEntry(message);
  }

  async removeFromInbox(id: string): Promise<void> {
    const { inbox } = this.#rooms.messenger;
    const place = this.#placeInInbox(id);
    await this.#o.db.commit(
      (tx) => {
        if (!inbox.remove(tx, place)) throw notInInbox(id);
      },
      { housekeeping: true },
    );
  }

  followInbox(signal: AbortSignal): AsyncIterable<InboxEntry> {
    const { onArrived } = this.#rooms.messenger.inbox;
    return stream<InboxEntry>(
      (listener) => onArrived.on((m) => listener(this.#inboxEntry(m))),
      () => [],
      () => false,
      signal,
    );
  }

  outbox(): readonly OutboxEntry[] {
    const { outbox } = this.#rooms.messenger;
    return this.#o.db.read((tx) => outbox.all(tx)).map((m) => this.#outboxEntry(m));
  }

  status(): NodeStatus {
    const { clock, counters, db, lan, name, radio, version } = this.#o;
    const { inbox, outbox } = this.#rooms.messenger;
    const now = clock.monotonic();
    return {
      version,
      ...(name === '' ? {} : { name }),
      identity: this.identity(),
      uptimeMs: Math.round(now - this.#startedAt),
      ...(radio ? radioStatus(radio, this.#radioFailure?.sentence) : {}),
      ...(lan ? { lan: lanStatus(lan.status) } : {}),
      neighbours: this.neighbours(),
      mailboxes: this.#rooms.pub.mailboxes.ids.map((id) => this.#mailboxStatus(id)),
      pub: { topics: this.#rooms.pub.topics.topics, kept: this.#rooms.pub.subscriptions },
      messages: { waiting: outbox.size.waiting, inbox: inbox.size, outbox: outbox.size.all },
      store: { ...this.#rooms.custody.size, ...storeState(db) },
      counters: counters.all(),
    };
  }

  neighbours(): readonly NeighbourStatus[] {
    const now = this.#o.clock.monotonic();
    return this.#rooms.router
      .neighbours()
      .map((heard) => neighbourStatus(heard, this.#rooms.link, this.#nameOfNode, now));
  }

  routes(): readonly RouteEntry[] {
    return this.#rooms.router.routes().map((route) => routeEntry(route, this.#nameOfNode));
  }

  async publish(topic: string, text: string): Promise<{ readonly id: string }> {
    return { id: toHex(await this.#rooms.pub.publish(topic, utf8(text))) };
  }

  async *subscribe(topic: string, signal: AbortSignal): AsyncIterable<ItemEntry> {
    const { topics } = this.#rooms.pub;
    await topics.follow(topic);
    yield* stream<ItemEntry>(
      (listener) => topics.onReceived.on((r) => matches(parseTopic(topic), r.item) && listener(itemEntry(r))),
      () => topics.received(topic).map(itemEntry),
      () => false,
      signal,
    );
  }

  unsubscribe(topic: string): Promise<void> {
    return this.#rooms.pub.topics.end(topic);
  }

  storage(): readonly StorageEntry[] {
    return this.#rooms.custody.storageAccounts().map(({ byteMs, giver, objects, recipient }) => ({
      ...{ giver: nodeIdKey(giver), recipient: nodeIdKey(recipient), objects, byteMs },
    }));
  }

  store(after: number, limit: number): StoreView {
    const { clock, db } = this.#o;
    const inventory = this.#rooms.custody.inventory(after, limit);
    return storeView(inventory, limit, db.disk, clock.wall().getTime(), this.#nameOfNode, this.content.size);
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#rooms.stop();
    return this.#stopping;
  }

  #mailboxStatus(id: NodeId): MailboxStatus {
    const name = this.#nameOfNode(id);
    const registered = this.#rooms.pub.mailboxes.isRegistered(id);
    return { nodeId: nodeIdKey(id), ...(name === undefined ? {} : { name }), registered };
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

  #nameOfNode = (id: NodeId): string | undefined => this.#rooms.known.get(nodeIdKey(id))?.name;

  #nameOf = (publicKey: Uint8Array): string | undefined => this.#nameOfNode(nodeIdOf(publicKey));

  #placeInInbox(id: string | undefined): number {
    const place = id === undefined ? 0 : this.#rooms.messenger.inbox.placeOf(id);
    if (place === undefined) throw notInInbox(id);
    return place;
  }

  #inboxEntry(message: InMessage): InboxEntry {
    return inboxEntry(message, this.#nameOf);
  }

  #outboxEntry(message: OutMessage): OutboxEntry {
    return outboxEntry(message, this.#rooms.messenger.progressOf(message), this.#nameOf);
  }
}

function notInInbox(id: string | undefined): PersonError {
  return new PersonError(
    'not-found',
    `No message ${id} is in the inbox; \`nexus inbox --json\` shows their ids.`,
  );
}

function storeState(db: Db): Pick<NodeStatus['store'], 'state' | 'sentence'> {
  const sentence = db.refusal?.message ?? db.setAside;
  return { state: db.disk, ...(sentence === undefined ? {} : { sentence }) };
}
