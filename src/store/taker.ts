/**
 * The taking side of custody: answers pushes, offers and returns, opens what is for this node, keeps what it takes on
 * for others. Nothing is acknowledged before it is durable (docs/protocol/store.md, "Handing over").
 */
import { equal } from '../core/bytes.ts';
import type { Clock } from '../core/clock.ts';
import type { Counters } from '../core/counters.ts';
import { logByteOf } from '../core/log-byte.ts';
import { type Db, StorageFailed, type Tx } from '../db/db.ts';
import type { Identity } from '../identity/keys.ts';
import { type NodeId, nodeIdKey } from '../identity/node-id.ts';
import type { Answer, IncomingRecord, IncomingTransfer, Neighbour } from '../link/link.ts';
import { RECORD } from '../link/records.ts';
import { AcceptedOffers, type Way } from './accepted-offers.ts';
import type { Admission } from './admission.ts';
import type { Arrival } from './author.ts';
import { Declarations } from './declarations.ts';
import {
  decodeOffer,
  encodeAccept,
  encodeRefuse,
  encodeTaken,
  type Offer,
  type RefusalReason,
} from './exchange-records.ts';
import { hopsLeftOf, isFalseAttempt, type Meeting, meetOffer, meetReturn } from './forwarding.ts';
import type { Holding } from './holding.ts';
import type { Holdings } from './holdings.ts';
import { type DataObject, NO_LOCK, type ObjectId, objectIdKey, objectIdOf, shortIdOf } from './object.ts';
import { type CompactHeader, decodeParcel, objectOf, type Travel } from './parcel.ts';
import { encodeReceiptFrame } from './receipt-frame.ts';
import type { GivenReceipts } from './receipts.ts';
import type { TraceEvent } from './trace.ts';
import type { Transfers } from './transfers.ts';
import { encodeUnreadable } from './unreadable.ts';

/** Where the author has no room for it, and a person has to make some: its giver tries again after six hours. */
const UNWELCOME = logByteOf(6 * 60);
const DONE = Promise.resolve();

export interface TakerOptions {
  readonly db: Db;
  readonly holdings: Holdings;
  readonly receipts: GivenReceipts;
  readonly identity: Identity;
  readonly admission: Admission;
  readonly transfers: Transfers;
  readonly counters: Counters;
  readonly clock: Clock;
  readonly arrived: (tx: Tx, object: DataObject) => Arrival;
  /** One that the author has no room for has been refused. */
  readonly unwelcome: (id: ObjectId) => void;
  /** Keeps a new object for somebody; its number. */
  readonly keep: (tx: Tx, object: DataObject, holding: Holding) => number;
  /** Changes a trace within a transaction, and keeps its bytes where they came. */
  readonly change: (tx: Tx, n: number, event: TraceEvent, object: DataObject | undefined) => void;
  /** What has neither recipient nor lock is no message. Resolves when it is kept or refused. */
  readonly published: (from: NodeId, object: DataObject) => Promise<void>;
  /** Durably taken into custody. */
  readonly taken: (n: number, holding: Holding) => void;
}

interface Known {
  readonly n: number;
  readonly holding: Holding;
}

export class Taker {
  readonly #o: TakerOptions;
  readonly #declarations: Declarations;
  readonly #accepted = new AcceptedOffers();
  /** Objects being made durable, so that one that comes twice at once is kept once. */
  readonly #arriving = new Map<string, Promise<void>>();

  constructor(options: TakerOptions) {
    this.#o = options;
    this.#declarations = new Declarations(options.identity, options.clock);
  }

  async pushed(push: IncomingRecord): Promise<void> {
    await this.#parcel(push.from, push.body, push);
  }

  async transferred(transfer: IncomingTransfer): Promise<void> {
    const { from, id, bytes } = transfer;
    if (transfer.pushed) return this.#parcel(from, bytes, transfer);
    const accepted = this.#accepted.take(nodeIdKey(from.id), id);
    if (!accepted) return this.#count('unexpected-transfer');
    const { offer, way } = accepted;
    const object = objectOf(offer.header, bytes);
    const objectId = objectIdOf(object.header);
    if (bytes.length !== offer.size || !equal(shortIdOf(objectId), offer.objectId))
      return this.#refuse(transfer, offer.objectId, 'malformed');
    await this.#take(way, from, offer.header, object, objectId, transfer);
  }

  async offered(incoming: IncomingRecord, way: Way): Promise<void> {
    const offer = decodeOffer(incoming.body);
    if (!offer) {
      this.#count('malformed-offer');
      return;
    }
    const { header, objectId, size } = offer;
    const known = this.#answerKnown(way, incoming.from, header, objectId, incoming);
    if (known) return known;
    const refusal = this.#refusal(way, incoming.from, header, objectId, size);
    if (refusal) this.#refuse(incoming, objectId, refusal);
    else this.#accept(incoming.from, way, offer, incoming);
  }

  #accept(from: Neighbour, way: Way, offer: Offer, answer: Answer): void {
    const { objectId, size, transferId } = offer;
    this.#accepted.add(nodeIdKey(from.id), { way, offer });
    const held = from.expect(transferId, objectId, size);
    answer.reply({ type: RECORD.accept, body: encodeAccept({ objectId, held }) });
  }

  async #parcel(from: Neighbour, bytes: Uint8Array, answer: Answer): Promise<void> {
    const parcel = decodeParcel(bytes);
    if (!parcel) return this.#count('malformed-parcel');
    const object = objectOf(parcel.header, parcel.bytes);
    if (parcel.header.recipients.length === 0 && equal(parcel.header.lock, NO_LOCK))
      return this.#o.published(from.id, object);
    await this.#take('offer', from, parcel.header, object, objectIdOf(object.header), answer);
  }

  async #take(
    way: Way,
    from: Neighbour,
    header: CompactHeader,
    object: DataObject,
    id: ObjectId,
    answer: Answer,
  ): Promise<void> {
    const key = objectIdKey(id);
    while (this.#arriving.has(key)) await this.#arriving.get(key);
    const known = this.#answerKnown(way, from, header, shortIdOf(id), answer);
    if (known) return known;
    const refusal = this.#refusal(way, from, header, shortIdOf(id), object.bytes.length);
    if (refusal) return this.#refuse(answer, shortIdOf(id), refusal);
    const arriving = this.#isForUs(header, way)
      ? this.#open(from, object, id, answer)
      : this.#keep(way, from, header, object, id, answer);
    this.#arriving.set(key, arriving);
    await arriving.finally(() => this.#arriving.delete(key));
  }

  /** Plaintext and secret become durable together; only then the secret is shown. */
  async #open(from: Neighbour, object: DataObject, id: ObjectId, answer: Answer): Promise<void> {
    const { arrived, db, unwelcome } = this.#o;
    try {
      const opened = await db.commit((tx) => arrived(tx, object), { own: true });
      if (opened === 'full') {
        this.#refuse(answer, shortIdOf(id), 'full', UNWELCOME);
        return unwelcome(id);
      }
      if (opened !== 'unreadable') return answer.replyLoose(encodeReceiptFrame(opened.secret));
      this.#count('unreadable');
      const word = this.#declarations.declare(from.id, id);
      if (word) answer.reply({ type: RECORD.unreadable, body: encodeUnreadable(word) });
      // without an answer its giver would believe that this node is not there, and let everything else wait
      else this.#refuse(answer, shortIdOf(id), 'policy');
    } catch (e) {
      this.#storageRefusal(e, answer, id);
    }
  }

  async #keep(
    way: Way,
    from: Neighbour,
    header: CompactHeader,
    object: DataObject,
    id: ObjectId,
    answer: Answer,
  ): Promise<void> {
    const { admission, change, db, holdings, keep, taken } = this.#o;
    const { travel } = header;
    const known = this.#known(shortIdOf(id), header);
    try {
      const n = await db.commit((tx) => {
        if (!known) return keep(tx, object, admission.holdingOf(from.id, header, object, id));
        change(tx, known.n, eventOf(way, nodeIdKey(from.id), travel, known.holding), object);
        return known.n;
      });
      answer.reply({ type: RECORD.custody, body: encodeTaken({ objectId: shortIdOf(id), ...travel }) });
      const holding = db.read((tx) => holdings.get(tx, n));
      if (holding) taken(n, holding);
    } catch (e) {
      this.#storageRefusal(e, answer, id);
    }
  }

  /** Why it is not taken in, by its header alone. */
  #refusal(
    way: Way,
    from: Neighbour,
    header: CompactHeader,
    shortId: Uint8Array,
    size: number,
  ): RefusalReason | undefined {
    const { admission } = this.#o;
    const malformed = admission.ofHeader(header);
    if (malformed || this.#isForUs(header, way)) return malformed;
    const known = this.#known(shortId, header)?.holding;
    return admission.ofCustody(from.id, header, size, known, way === 'return');
  }

  /**
   * Answers for an object that was opened here, or whose trace decides it; undefined where neither is. Decides at once:
   * nothing happens to the trace between this and what is then done.
   */
  #answerKnown(
    way: Way,
    from: Neighbour,
    header: CompactHeader,
    shortId: Uint8Array,
    answer: Answer,
  ): Promise<void> | undefined {
    const { receipts, transfers } = this.#o;
    const secret = this.#isForUs(header, way) ? receipts.secretOf(header.lock) : undefined;
    if (secret) answer.replyLoose(encodeReceiptFrame(secret));
    if (secret) return DONE;
    const known = this.#known(shortId, header);
    if (known && isFalseAttempt(known.holding, header.travel)) {
      this.#count('false-attempt');
      this.#refuse(answer, shortId, 'seen');
      return DONE;
    }
    const trace = known?.holding.trace;
    const by = nodeIdKey(from.id);
    const running = known !== undefined && transfers.running(known.n);
    const meet = way === 'offer' ? meetOffer : meetReturn;
    const meeting: Meeting = meet(trace, by, header.travel, running);
    if (meeting === 'take') return undefined;
    if (meeting === 'have' && known) return this.#have(known, way, by, header, shortId, answer);
    if (meeting === 'receipt' && trace?.state === 'receipted')
      answer.reply({ type: RECORD.receipt, body: trace.secret });
    else if (meeting === 'unreadable' && known && trace?.state === 'unreadable') {
      const { id: objectId, recipient } = known.holding;
      const { signature } = trace;
      answer.reply({ type: RECORD.unreadable, body: encodeUnreadable({ objectId, recipient, signature }) });
    } else this.#refuse(answer, shortId, meeting === 'busy' || meeting === 'seen' ? meeting : 'policy');
    return DONE;
  }

  /**
   * It is here already: the giver may let go, and is owed the receipt, once that is durable. An own transfer that was
   * never answered does not count any more: its late answer would release what is promised here.
   */
  async #have(
    { holding, n }: Known,
    way: Way,
    by: string,
    { travel }: CompactHeader,
    shortId: Uint8Array,
    answer: Answer,
  ): Promise<void> {
    const { change, db, transfers } = this.#o;
    transfers.end(n);
    const event = eventOf(way, by, travel, holding);
    try {
      await db.commit((tx) => change(tx, n, event, undefined), { housekeeping: true });
      const type = way === 'return' ? RECORD.custody : RECORD.have;
      answer.reply({ type, body: encodeTaken({ objectId: shortId, ...travel }) });
    } catch (e) {
      if (!(e instanceof StorageFailed)) throw e;
      this.#refuse(answer, shortId, 'full');
    }
  }

  /** The trace of this object for this recipient. */
  #known(shortId: Uint8Array, { recipients }: CompactHeader): Known | undefined {
    const { db, holdings } = this.#o;
    const [recipient] = recipients;
    if (!recipient) return undefined;
    for (const n of holdings.byShortId(shortId)) {
      const holding = db.read((tx) => holdings.get(tx, n));
      if (holding && equal(holding.recipient, recipient)) return { n, holding };
    }
    return undefined;
  }

  #isForUs({ recipients }: CompactHeader, way: Way): boolean {
    const { identity } = this.#o;
    if (way === 'return') return false;
    return recipients.length === 0 || recipients.some((r) => equal(r, identity.nodeId));
  }

  #storageRefusal(e: unknown, answer: Answer, id: ObjectId): void {
    if (!(e instanceof StorageFailed)) throw e;
    this.#refuse(answer, shortIdOf(id), 'full');
  }

  #refuse(answer: Answer, objectId: Uint8Array, reason: RefusalReason, until?: number): void {
    this.#count(reason);
    const body = encodeRefuse({ objectId, reason, ...(until === undefined ? {} : { until }) });
    answer.reply({ type: RECORD.refuse, body });
  }

  #count(what: string): void {
    this.#o.counters.count(`store.refused.${what}`);
  }
}

function eventOf(way: Way, by: string, travel: Travel, { from }: Holding): TraceEvent {
  if (way === 'return') return { kind: 'returned', by, stamp: travel };
  return { kind: 'offered', by, stamp: travel, hopsLeft: hopsLeftOf(!from, travel.hopsLeft) };
}
