/** Writes messages, opens those that come, and follows each to its receipt (docs/protocol/messages.md). */
import { equal } from '../core/bytes.ts';
import type { Clock } from '../core/clock.ts';
import type { TextCodec } from '../core/compression.ts';
import type { Counters } from '../core/counters.ts';
import { PersonError } from '../core/errors.ts';
import { Event } from '../core/events.ts';
import type { Random } from '../core/random.ts';
import { wipe } from '../crypto/secret.ts';
import { type Db, StorageFailed, type Tx } from '../db/db.ts';
import type { Identity } from '../identity/keys.ts';
import { type NodeId, nodeIdKey, nodeIdOf } from '../identity/node-id.ts';
import type { Arrival, Author } from '../store/author.ts';
import type { Custody } from '../store/custody.ts';
import {
  CONTENT_TYPE,
  type DataObject,
  headerFor,
  OBJECT_PRIORITY,
  type ObjectId,
  objectIdKey,
  objectIdOf,
  shortIdOf,
} from '../store/object.ts';
import { decodeBody, encodeBody } from './body.ts';
import { openFirstContact, sealFirstContact, wipeChain } from './first-contact.ts';
import { Inbox, type InMessage } from './inbox.ts';
import {
  isFinal,
  type MessageState,
  messageIdOf,
  Outbox,
  type OutMessage,
  stateOf,
  withStep,
} from './outbox.ts';

const MINUTE = 60_000;
/** How often one message is sealed anew because its recipient could not open it. */
const MOST_RESEALS = 2;

/** What people write is kept while there is any room left for it. */
const OWN = { own: true } as const;

export interface MessengerOptions {
  readonly db: Db;
  readonly identity: Identity;
  /** Log byte of how long messages may travel. */
  readonly ttl: number;
  readonly codec: TextCodec;
  /** All others are strangers. */
  readonly isContact: (id: NodeId) => boolean;
  readonly clock: Clock;
  readonly random: Random;
  readonly counters: Counters;
}

/** What a message written here has come to; `detail` says why it waits or ended. */
export interface Progress {
  readonly messageId: string;
  readonly state: MessageState;
  readonly at: number;
  readonly detail: string;
  readonly airtimeMs: number;
  readonly bytesOnAir: number;
}

interface Cost {
  bytes: number;
  airtimeMs: number;
}

export class Messenger implements Author {
  readonly inbox: Inbox;
  readonly outbox: Outbox;
  /** Changes of state once durable, and reasons to wait as they come. */
  readonly onProgress = new Event<Progress>();
  readonly #o: MessengerOptions;
  #custody: Custody | undefined;
  /** Spent since the message was last written to disk, by object id. */
  readonly #spent = new Map<string, Cost>();
  /** Why a message waits, by object id, until its state changes. */
  readonly #notes = new Map<string, string>();

  constructor(options: MessengerOptions) {
    this.#o = options;
    this.inbox = new Inbox(options.db);
    this.outbox = new Outbox(options.db);
  }

  /** Joins the custody that this messenger is the author for. */
  attach(custody: Custody): void {
    this.#custody = custody;
    custody.onSpent.on(({ id, bytes, airtimeMs }) => {
      const cost = this.#spent.get(objectIdKey(id)) ?? { bytes: 0, airtimeMs: 0 };
      this.#spent.set(objectIdKey(id), { bytes: cost.bytes + bytes, airtimeMs: cost.airtimeMs + airtimeMs });
    });
    custody.onNote.on(({ id, detail }) => this.#note(id, detail));
  }

  /**
   * Seals `text` for the owner of an Ed25519 key and stores it; resolves once durable. Rejects with a `PersonError`:
   * `too-long`, `self`, `disk-full`.
   */
  async send(to: Uint8Array, text: string): Promise<OutMessage> {
    const { clock, db, identity } = this.#o;
    if (equal(to, identity.publicKey))
      throw new PersonError('self', 'That is this box itself. Send to somebody else.');
    const now = clock.wall().getTime();
    const sentAtMinutes = Math.floor(now / MINUTE);
    const object = this.#seal(to, sentAtMinutes, text);
    const id = objectIdOf(object.header);
    const message: OutMessage = {
      objectId: id,
      firstId: id,
      to,
      sentAtMinutes,
      text,
      steps: [
        { state: 'composed', at: now, detail: '' },
        { state: 'stored', at: now, detail: '' },
      ],
      resealed: 0,
      airtimeMs: 0,
      bytesOnAir: 0,
    };
    try {
      return await db.commit((tx) => {
        this.outbox.add(tx, message);
        this.#submit(tx, object, nodeIdOf(to));
        return message;
      }, OWN);
    } catch (e) {
      if (e instanceof StorageFailed)
        throw new PersonError(e.code === 'io' ? 'storage-failed' : e.code, e.message);
      throw e;
    }
  }

  arrived(tx: Tx, object: DataObject): Arrival {
    const { clock, codec, counters, identity, isContact } = this.#o;
    const { header, bytes } = object;
    const opened = openFirstContact({ recipient: identity, properties: header, bytes, lock: header.lock });
    if (typeof opened === 'string') {
      counters.count(`messages.unreadable.${opened}`);
      return 'unreadable';
    }
    wipeChain(opened.chain);
    const body = decodeBody({ codec: opened.codec, bytes: opened.body }, codec);
    if (body.kind === 'unsupported') counters.count(`messages.unsupported.${body.reason}`);
    const receivedAt = clock.wall().getTime();
    const message: InMessage = {
      shortId: shortIdOf(objectIdOf(header)),
      from: opened.sender,
      sentAtMinutes: body.sentAtMinutes ?? Math.floor(receivedAt / MINUTE),
      receivedAt,
      text: body.kind === 'text' ? body.text : undefined,
    };
    // who wrote it is known only now that it is open
    if (this.inbox.add(tx, message, !isContact(nodeIdOf(opened.sender)))) return { secret: opened.secret };
    counters.count('store.full.inbox');
    return 'full';
  }

  takenOver(tx: Tx, id: ObjectId, by: NodeId): void {
    this.#enter(tx, id, 'in custody', `The relay ${nodeIdKey(by).slice(0, 8)} has it.`);
  }

  heldAgain(tx: Tx, id: ObjectId, why: 'returned' | 'lost'): void {
    const detail =
      why === 'returned'
        ? 'The relay found no way and gave it back.'
        : 'A relay is silent or has lost it: it is sent once more.';
    this.#enter(tx, id, 'stored', detail);
  }

  receipted(tx: Tx, id: ObjectId): void {
    this.#enter(tx, id, 'delivered', '');
  }

  expired(tx: Tx, id: ObjectId): void {
    this.#enter(tx, id, 'expired', 'No receipt came back in time.');
  }

  unreadable(tx: Tx, id: ObjectId): void {
    const message = this.outbox.byObjectId(tx, id);
    if (!message || isFinal(stateOf(message))) return;
    if (message.resealed >= MOST_RESEALS) {
      this.#enter(tx, id, 'expired', 'The recipient cannot open it. Check the contact and send it again.');
      return;
    }
    const object = this.#seal(message.to, message.sentAtMinutes, message.text);
    const objectId = objectIdOf(object.header);
    const at = this.#o.clock.wall().getTime();
    const step = { state: 'stored', at, detail: 'The recipient could not open it: sealed anew.' } as const;
    this.#change(tx, id, (m) => ({
      ...m,
      objectId,
      resealed: m.resealed + 1,
      steps: withStep(m.steps, step),
    }));
    this.#submit(tx, object, nodeIdOf(message.to));
  }

  /** The newest word on a message: its state, why it waits, its cost so far. */
  progressOf(message: OutMessage): Progress {
    const cost = this.#spent.get(objectIdKey(message.objectId)) ?? { bytes: 0, airtimeMs: 0 };
    const { at, detail } = message.steps.at(-1) ?? { at: 0, detail: '' };
    return {
      messageId: messageIdOf(message),
      state: stateOf(message),
      at,
      detail: this.#notes.get(objectIdKey(message.objectId)) ?? detail,
      airtimeMs: message.airtimeMs + cost.airtimeMs,
      bytesOnAir: message.bytesOnAir + cost.bytes,
    };
  }

  #seal(to: Uint8Array, sentAtMinutes: number, text: string): DataObject {
    const { codec, identity, random, ttl } = this.#o;
    const body = encodeBody({ sentAtMinutes, text }, codec);
    const { immutable } = CONTENT_TYPE;
    const properties = { contentType: immutable, priority: OBJECT_PRIORITY.normal, minBandwidth: 0, ttl };
    const sealed = sealFirstContact({
      sender: identity,
      recipient: to,
      properties,
      codec: body.codec,
      body: body.bytes,
      reset: false,
      random,
    });
    wipeChain(sealed.chain);
    wipe(sealed.ephemeral.secretKey, sealed.secret, body.bytes);
    return { header: headerFor(properties, sealed.lock, sealed.bytes), bytes: sealed.bytes };
  }

  #submit(tx: Tx, object: DataObject, recipient: NodeId): void {
    if (!this.#custody) throw new Error('a messenger sends only with its custody attached');
    this.#custody.submit(tx, object, recipient);
  }

  #enter(tx: Tx, id: ObjectId, state: MessageState, detail: string): void {
    const at = this.#o.clock.wall().getTime();
    this.#change(tx, id, (m) => ({ ...m, steps: withStep(m.steps, { state, at, detail }) }));
  }

  /** Changes a message, writes down what it cost so far, and tells once durable. */
  #change(tx: Tx, id: ObjectId, change: (message: OutMessage) => OutMessage): void {
    const cost = this.#spent.get(objectIdKey(id)) ?? { bytes: 0, airtimeMs: 0 };
    const after = this.outbox.change(tx, id, (m) => ({
      ...change(m),
      airtimeMs: m.airtimeMs + cost.airtimeMs,
      bytesOnAir: m.bytesOnAir + cost.bytes,
    }));
    if (!after) return;
    this.#spent.delete(objectIdKey(id));
    this.#notes.delete(objectIdKey(id));
    tx.afterCommit(() => this.onProgress.emit(this.progressOf(after)));
  }

  #note(id: ObjectId, detail: string): void {
    const { clock, db } = this.#o;
    const message = db.read((tx) => this.outbox.byObjectId(tx, id));
    if (!message || isFinal(stateOf(message)) || this.#notes.get(objectIdKey(id)) === detail) return;
    this.#notes.set(objectIdKey(id), detail);
    this.onProgress.emit({ ...this.progressOf(message), at: clock.wall().getTime() });
  }
}
