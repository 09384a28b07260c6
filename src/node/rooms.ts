/** The composition root: builds the rooms of a node and joins them; what a lower one needs of a higher one it is handed. */
import type { LoraSettings, Radio } from '../../drivers/sx127x/radio.ts';
import type { Clock } from '../core/clock.ts';
import type { TextCodec } from '../core/compression.ts';
import type { Counters } from '../core/counters.ts';
import { PersonError } from '../core/errors.ts';
import type { Log } from '../core/log.ts';
import { logByteOf } from '../core/log-byte.ts';
import type { Random } from '../core/random.ts';
import { PersistedCounter } from '../db/counters.ts';
import type { Db } from '../db/db.ts';
import { type Contact, Contacts } from '../identity/contacts.ts';
import { Identity } from '../identity/keys.ts';
import { type NodeId, nodeIdKey } from '../identity/node-id.ts';
import type { LanStatus } from '../link/lan/lan-medium.ts';
import type { Link } from '../link/link.ts';
import { LinkMemory, openLinkEpochs } from '../link/link-memory.ts';
import { Links } from '../link/links.ts';
import type { LoraMedium } from '../link/lora/lora-medium.ts';
import { PER_PRIORITY } from '../link/lora/queue.ts';
import type { Medium } from '../link/medium.ts';
import { StrangersAir } from '../link/strangers-air.ts';
import { CAPABILITY } from '../mesh/beacon.ts';
import { chainSecretOf } from '../mesh/freshness.ts';
import { Router } from '../mesh/router.ts';
import type { Routing } from '../mesh/routing.ts';
import { Messenger } from '../messaging/messenger.ts';
import { Pub } from '../pub/pub.ts';
import { Content } from '../store/content/content.ts';
import { Custody } from '../store/custody.ts';

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

/** Numbers of which none is given out twice, opened before anything is built. */
interface Numbers {
  readonly handshakes: PersistedCounter;
  readonly freshness: PersistedCounter;
  readonly epochs: Awaited<ReturnType<typeof openLinkEpochs>>;
}

/** Builds the rooms on started media. Rejects with `StorageFailed`. */
export async function openRooms(options: NodeOptions): Promise<Rooms> {
  const { db } = options;
  const handshakes = await PersistedCounter.open(db, 'handshake');
  const freshness = await PersistedCounter.open(db, 'freshness', 16);
  return new Rooms(options, { handshakes, freshness, epochs: await openLinkEpochs(db) });
}

export class Rooms {
  readonly identity: Identity;
  readonly contacts: Contacts;
  /** Of all contacts, by NodeId in hex: asked for on every sign of life. */
  readonly known = new Map<string, Contact>();
  readonly link: Link;
  readonly router: Router;
  readonly messenger: Messenger;
  readonly custody: Custody;
  readonly content: Content;
  readonly pub: Pub;
  readonly #mailboxes: readonly string[];

  constructor(options: NodeOptions, { epochs, freshness, handshakes }: Numbers) {
    this.#mailboxes = options.mailboxes;
    const { clock, codec, counters, db, log, media, random, seed, ttlDays } = options;
    const identity = new Identity(seed);
    this.identity = identity;
    this.contacts = new Contacts(db);
    for (const contact of this.contacts.list()) this.known.set(nodeIdKey(contact.nodeId), contact);
    const isContact = (id: NodeId) => this.known.has(nodeIdKey(id));
    const strangers = new StrangersAir({ law: () => lawOf(options.radio), isContact, clock });
    const link = new Links({
      strangers,
      media,
      identity,
      keyOf: (id) => this.router.keyOf(id),
      mayAnswer: (from, airtimeMs) => this.router.mayAnswer(from, airtimeMs),
      mayBegin: (airtimeMs) => this.router.mayBegin(airtimeMs),
      handshakeCounter: () => BigInt(handshakes.next()),
      memory: new LinkMemory({ db, self: identity.nodeId, epochs, clock, counters }),
      clock,
      random: random.fork('link'),
      counters,
      log,
    });
    this.link = link;
    this.router = new Router({
      link,
      db,
      identity,
      chainSecret: chainSecretOf(seed),
      nextPosition: () => freshness.next(),
      skipTo: (position) => freshness.skipTo(position),
      mailboxes: () => this.pub.mailboxes.ids,
      otherKey: (id) => this.known.get(nodeIdKey(id))?.publicKey ?? this.messenger.outbox.keyOf(id),
      capabilities: CAPABILITY.relay | CAPABILITY.storage | CAPABILITY.hub,
      load: () => Math.max(0, ...(options.radio?.medium.status.queue.waiting ?? [])) / PER_PRIORITY.entries,
      legalMs: options.radio?.medium.status.airtimeAllowedMs,
      clock,
      random: random.fork('mesh'),
      counters,
    });
    const ttl = logByteOf(ttlDays * 24 * 60);
    this.messenger = new Messenger({
      db,
      identity,
      ttl,
      codec,
      isContact,
      clock,
      random: random.fork('messages'),
      counters,
    });
    this.pub = new Pub({
      ...{ db, link, router: this.router, self: identity.nodeId, clock, counters },
      named: () => this.#namedMailboxes(),
      isContact,
      random: random.fork('pub'),
    });
    this.custody = new Custody({
      db,
      identity,
      link,
      routing: options.routing?.(this.router) ?? this.router,
      author: this.messenger,
      mailboxes: this.pub,
      published: (from, object) => this.pub.published(from, object),
      ...{ isContact, strangers },
      maxBytes: () => options.maxStoreBytes - this.content.size.bytes,
      t0Ms: () => this.router.t0Ms,
      clock,
      random: random.fork('store'),
      counters,
    });
    this.content = new Content({
      ...{ db, link, clock, counters },
      maxBytes: () => options.maxStoreBytes - this.custody.size.bytes,
      ownTime: this.custody.now,
      isContact,
      random: random.fork('content'),
    });
    this.messenger.attach(this.custody);
    this.pub.attach(this.custody);
  }

  start(): void {
    this.router.start();
    this.custody.start();
    this.content.start();
    this.pub.start();
  }

  async stop(): Promise<void> {
    this.router.stop();
    this.custody.stop();
    await this.content.stop();
    this.pub.stop();
    await this.link.stop();
    this.identity.destroy();
  }

  /** Those that are known by now: a contact may be added later. */
  #namedMailboxes(): readonly NodeId[] {
    return this.#mailboxes.flatMap((name) => {
      try {
        return [this.contacts.resolve(name).nodeId];
      } catch (e) {
        if (!(e instanceof PersonError)) throw e;
        return [];
      }
    });
  }
}

/** A box without a radio is on no air. */
function lawOf(radio: NodeRadio | undefined): { usedMs: number; allowedMs: number | undefined } {
  if (!radio) return { usedMs: 0, allowedMs: undefined };
  const { airtimeAllowedMs, airtimeUsedMs } = radio.medium.status;
  return { usedMs: airtimeUsedMs, allowedMs: airtimeAllowedMs };
}
