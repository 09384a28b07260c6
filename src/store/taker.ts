/**
 * The taking side of custody: opens what is for this box, takes in what is for a live neighbour, refuses the rest;
 * nothing is answered before it is durable (docs/protocol/store.md, "Handing over").
 */
import { equal } from '../core/bytes.ts';
import type { Clock } from '../core/clock.ts';
import type { Counters } from '../core/counters.ts';
import { minutesOf } from '../core/log-byte.ts';
import { type Db, StorageFailed, type Tx } from '../db/db.ts';
import type { Identity } from '../identity/keys.ts';
import { type NodeId, nodeIdKey } from '../identity/node-id.ts';
import type { Answer, IncomingRecord, IncomingTransfer, Neighbour } from '../link/link.ts';
import { RECORD } from '../link/records.ts';
import type { Discovery } from '../mesh/discovery.ts';
import {
  decodeOffer,
  encodeAccept,
  encodeRefuse,
  type Offer,
  type RefusalReason,
} from './exchange-records.ts';
import type { Holdings } from './holdings.ts';
import {
  CONTENT_TYPE,
  type DataObject,
  headerFor,
  type ObjectId,
  objectIdKey,
  objectIdOf,
  shortIdOf,
} from './object.ts';
import { type CompactHeader, decodeParcel } from './parcel.ts';
import { encodeReceiptFrame } from './receipt-frame.ts';
import type { GivenReceipts } from './receipts.ts';
import { declareUnreadable, encodeUnreadable } from './unreadable.ts';

const MINUTE = 60_000;
const HOUR_MS = 60 * MINUTE;
const UNREADABLE_AN_HOUR = 10;
/** Accepted offers whose transfer has not come yet, over all neighbours; the oldest goes first. */
const MOST_EXPECTED = 256;

export interface TakerOptions {
  readonly db: Db;
  readonly holdings: Holdings;
  readonly receipts: GivenReceipts;
  readonly identity: Identity;
  readonly discovery: Discovery;
  readonly counters: Counters;
  readonly clock: Clock;
  readonly maxBytes: number;
  readonly ownTime: () => number;
  readonly arrived: (tx: Tx, object: DataObject) => { readonly secret: Uint8Array } | 'unreadable';
  /** Custody was taken for this recipient. */
  readonly taken: (recipient: NodeId) => void;
  /** Whether this holding is just being handed to somebody. */
  readonly underway: (n: number) => boolean;
}

export class Taker {
  readonly #o: TakerOptions;
  readonly #expected = new Map<string, Offer>();
  /** Objects being made durable, so that one that comes twice at once is kept once. */
  readonly #arriving = new Map<string, Promise<void>>();
  readonly #unreadable = new Map<string, { since: number; count: number }>();

  constructor(options: TakerOptions) {
    this.#o = options;
  }

  async pushed(push: IncomingRecord): Promise<void> {
    await this.#parcel(push.from, push.body, push);
  }

  async transferred(transfer: IncomingTransfer): Promise<void> {
    const { from, id, bytes } = transfer;
    if (transfer.pushed) return this.#parcel(from, bytes, transfer);
    const key = expectedKey(from.id, id);
    const offer = this.#expected.get(key);
    this.#expected.delete(key);
    if (!offer) return this.#count('unexpected-transfer');
    const object = objectOf(offer.header, bytes);
    const objectId = objectIdOf(object.header);
    if (bytes.length !== offer.size || !equal(shortIdOf(objectId), offer.objectId))
      return this.#refuse(transfer, offer.objectId, 'malformed');
    await this.#take(from, offer.header, object, objectId, transfer);
  }

  offered(incoming: IncomingRecord): void {
    const offer = decodeOffer(incoming.body);
    if (!offer) {
      this.#count('malformed-offer');
      return;
    }
    if (this.#answerKnown(offer.header, offer.objectId, incoming)) return;
    const refusal = this.#refusal(incoming.from, offer.header, offer.size);
    if (refusal) this.#refuse(incoming, offer.objectId, refusal);
    else this.#accept(incoming.from, offer, incoming);
  }

  #accept(from: Neighbour, offer: Offer, answer: Answer): void {
    const { objectId, size, transferId } = offer;
    const key = expectedKey(from.id, transferId);
    this.#expected.delete(key);
    if (this.#expected.size >= MOST_EXPECTED)
      this.#expected.delete(this.#expected.keys().next().value as string);
    this.#expected.set(key, offer);
    const held = from.expect(transferId, objectId, size);
    answer.reply({ type: RECORD.accept, body: encodeAccept({ objectId, held }) });
  }

  async #parcel(from: Neighbour, bytes: Uint8Array, answer: Answer): Promise<void> {
    const parcel = decodeParcel(bytes);
    if (!parcel) return this.#count('malformed-parcel');
    const object = objectOf(parcel.header, parcel.bytes);
    await this.#take(from, parcel.header, object, objectIdOf(object.header), answer);
  }

  async #take(
    from: Neighbour,
    header: CompactHeader,
    object: DataObject,
    id: ObjectId,
    answer: Answer,
  ): Promise<void> {
    await this.#arriving.get(objectIdKey(id));
    if (this.#answerKnown(header, shortIdOf(id), answer)) return;
    const refusal = this.#refusal(from, header, object.bytes.length);
    if (refusal) return this.#refuse(answer, shortIdOf(id), refusal);
    const arriving = this.#isForUs(header)
      ? this.#open(from, object, id, answer)
      : this.#keep(from, header, object, id, answer);
    this.#arriving.set(objectIdKey(id), arriving);
    await arriving.finally(() => this.#arriving.delete(objectIdKey(id)));
  }

  /** Plaintext and secret become durable together; only then the secret is shown. */
  async #open(from: Neighbour, object: DataObject, id: ObjectId, answer: Answer): Promise<void> {
    const { arrived, db, identity } = this.#o;
    try {
      const opened = await db.commit((tx) => arrived(tx, object));
      if (opened !== 'unreadable') return answer.replyLoose(encodeReceiptFrame(opened.secret));
      this.#count('unreadable');
      if (this.#mayDeclare(from.id))
        answer.reply({ type: RECORD.unreadable, body: encodeUnreadable(declareUnreadable(identity, id)) });
    } catch (e) {
      this.#storageRefusal(e, answer, id);
    }
  }

  async #keep(
    from: Neighbour,
    header: CompactHeader,
    object: DataObject,
    id: ObjectId,
    answer: Answer,
  ): Promise<void> {
    const { db, holdings, ownTime, taken } = this.#o;
    const recipient = header.recipients[0] as NodeId;
    const left = Math.max(0, (minutesOf(header.ttl) ?? 0) - ageOf(header));
    const expiresAt = ownTime() + left * MINUTE;
    const trace = { state: 'held', givers: [nodeIdKey(from.id)] } as const;
    try {
      await db.commit((tx) => {
        holdings.add(tx, object, { id, lock: header.lock, recipient, own: false, expiresAt, trace });
      });
      answer.reply({ type: RECORD.custody, body: shortIdOf(id) });
      taken(recipient);
    } catch (e) {
      this.#storageRefusal(e, answer, id);
    }
  }

  /** Why it is not taken in, by its header alone. */
  #refusal(from: Neighbour, header: CompactHeader, size: number): RefusalReason | undefined {
    const { discovery, holdings, maxBytes } = this.#o;
    if (header.contentType !== CONTENT_TYPE.immutable || header.recipients.length > 1) return 'policy';
    if (ageOf(header) >= (minutesOf(header.ttl) ?? 0)) return 'policy';
    if (this.#o.db.refusal) return 'full';
    if (this.#isForUs(header)) return undefined;
    const recipient = header.recipients[0];
    const there = recipient && nodeIdKey(recipient) !== nodeIdKey(from.id) && discovery.reachable(recipient);
    if (!there || header.travel.hopsLeft === 0) return 'no-route';
    return holdings.size.bytes + size > maxBytes ? 'full' : undefined;
  }

  /** Answers for an object that was opened here or has a trace: one of `receipt`, `have`, `refuse`. */
  #answerKnown(header: CompactHeader, shortId: Uint8Array, answer: Answer): boolean {
    const { db, holdings, receipts, underway } = this.#o;
    const secret = this.#isForUs(header) ? receipts.secretOf(header.lock) : undefined;
    const n = holdings.byShortId(shortId)[0];
    if (secret) answer.replyLoose(encodeReceiptFrame(secret));
    if (secret || n === undefined) return secret !== undefined;
    const trace = db.read((tx) => holdings.get(tx, n))?.trace;
    if (trace?.state === 'receipted') answer.reply({ type: RECORD.receipt, body: trace.secret });
    else if (trace?.state !== 'held') this.#refuse(answer, shortId, 'seen');
    else if (underway(n)) this.#refuse(answer, shortId, 'busy');
    else answer.reply({ type: RECORD.have, body: shortId });
    return true;
  }

  #isForUs({ recipients }: CompactHeader): boolean {
    const { identity } = this.#o;
    return recipients.length === 0 || recipients.some((r) => equal(r, identity.nodeId));
  }

  #storageRefusal(e: unknown, answer: Answer, id: ObjectId): void {
    if (!(e instanceof StorageFailed)) throw e;
    this.#refuse(answer, shortIdOf(id), 'full');
  }

  #refuse(answer: Answer, objectId: Uint8Array, reason: RefusalReason): void {
    this.#count(reason);
    answer.reply({ type: RECORD.refuse, body: encodeRefuse({ objectId, reason }) });
  }

  /** At most so many signatures an hour for one giver. */
  #mayDeclare(giver: NodeId): boolean {
    const key = nodeIdKey(giver);
    const now = this.#o.clock.monotonic();
    const window = this.#unreadable.get(key);
    if (!window || now - window.since > HOUR_MS) {
      for (const [k, w] of this.#unreadable) if (now - w.since > HOUR_MS) this.#unreadable.delete(k);
      this.#unreadable.set(key, { since: now, count: 1 });
      return true;
    }
    return ++window.count <= UNREADABLE_AN_HOUR;
  }

  #count(what: string): void {
    this.#o.counters.count(`store.refused.${what}`);
  }
}

function objectOf(header: CompactHeader, bytes: Uint8Array): DataObject {
  return { header: headerFor(header, header.lock, bytes), bytes };
}

function ageOf({ travel }: CompactHeader): number {
  return travel.age === 0 ? 0 : (minutesOf(travel.age) ?? 0);
}

function expectedKey(from: NodeId, transferId: number): string {
  return `${nodeIdKey(from)} ${transferId}`;
}
