/** What this box takes into custody for others, and on what terms (docs/protocol/store.md, "Bounds"). */
import type { Counters } from '../core/counters.ts';
import { minutesOf } from '../core/log-byte.ts';
import type { Db } from '../db/db.ts';
import { type NodeId, nodeIdKey } from '../identity/node-id.ts';
import type { Routing } from '../mesh/routing.ts';
import type { RefusalReason } from './exchange-records.ts';
import { ageOf, STRANGERS_KEEP_MS } from './forwarding.ts';
import type { Holding } from './holding.ts';
import type { Holdings } from './holdings.ts';
import type { Mailboxes } from './mailboxes.ts';
import { CONTENT_TYPE, type DataObject, type ObjectId } from './object.ts';
import type { CompactHeader } from './parcel.ts';
import { freshTrace } from './trace.ts';

const MINUTE = 60_000;
/** Objects that strangers may park for one node, or through one, whose mailbox this is. */
const MOST_MAIL = 2_048;

export interface AdmissionOptions {
  readonly db: Db;
  readonly holdings: Holdings;
  readonly routing: Routing;
  readonly counters: Counters;
  /** The most that objects of others may fill, bytes. */
  readonly maxBytes: number;
  /** Whose traffic is free; all others are strangers. */
  readonly isContact: (id: NodeId) => boolean;
  readonly mailboxes: Mailboxes;
  readonly ownTime: () => number;
}

type Terms = Pick<Holding, 'expiresAt' | 'pending' | 'recipient' | 'stranger'>;

export class Admission {
  readonly #o: AdmissionOptions;

  constructor(options: AdmissionOptions) {
    this.#o = options;
  }

  /** Why an object is refused, whomever it is for. */
  ofHeader({ contentType, recipients, travel, ttl }: CompactHeader): RefusalReason | undefined {
    if (contentType !== CONTENT_TYPE.immutable || recipients.length > 1) return 'policy';
    if (ageOf(travel.age) >= (minutesOf(ttl) ?? 0)) return 'policy';
    return this.#o.db.refusal ? 'full' : undefined;
  }

  /** Why an object of `size` bytes for somebody else is refused; `known` is what is remembered of it. */
  ofCustody(
    from: NodeId,
    header: CompactHeader,
    size: number,
    known: Holding | undefined,
    comesBack: boolean,
  ): RefusalReason | undefined {
    const { counters, holdings, isContact, maxBytes } = this.#o;
    const [recipient] = header.recipients;
    const isMail = recipient !== undefined && this.#isMail(from, recipient);
    if (!comesBack && !isMail && !this.#hasNextHop(from, header, known)) return 'no-route';
    if (known && !known.from) return undefined; // our own, whose bytes are here
    const stranger = known?.stranger ?? !isContact(from);
    if (isMail && stranger && holdings.heldCount(nodeIdKey(recipient)) >= MOST_MAIL) {
      counters.count('store.full.mailbox');
      return 'full';
    }
    const full = holdings.shares.refusal(nodeIdKey(known?.from ?? from), stranger, size, maxBytes);
    if (full) counters.count(`store.full.${full}`);
    return full && 'full';
  }

  /** A new object for one recipient, taken from a neighbour. */
  holdingOf(from: NodeId, header: CompactHeader, object: DataObject, id: ObjectId): Holding {
    const { lock, minBandwidth, recipients, travel, ttl } = header;
    const [recipient] = recipients;
    if (!recipient) throw new Error('custody is for somebody');
    const expiresAt = this.#o.ownTime() + Math.max(0, (minutesOf(ttl) ?? 0) - ageOf(travel.age)) * MINUTE;
    const stranger = !this.#o.isContact(from);
    const { mailboxes } = this.#o;
    const pending =
      !mailboxes.serves(recipient) && mailboxes.serves(from) && !this.#hasNextHop(from, header, undefined);
    return {
      ...{ id, lock, recipient, from, stranger, pending, ttl, minBandwidth, expiresAt },
      size: object.bytes.length,
      keptUntil: this.keptUntil({ expiresAt, pending, recipient, stranger }),
      trace: freshTrace(travel, travel.hopsLeft, nodeIdKey(from)),
    };
  }

  /** Until when (own time) custody lasts that begins now. */
  keptUntil({ expiresAt, pending, recipient, stranger }: Terms): number {
    const isBounded = stranger && !pending && !this.#o.mailboxes.serves(recipient);
    return isBounded ? Math.min(expiresAt, this.#o.ownTime() + STRANGERS_KEEP_MS) : expiresAt;
  }

  /** A mailbox keeps what comes for those it serves, and what they do not know a way for. */
  #isMail(from: NodeId, recipient: NodeId): boolean {
    const { mailboxes } = this.#o;
    return mailboxes.serves(recipient) || mailboxes.serves(from);
  }

  /** A relay takes only what it can hand on at this moment (rule 2). */
  #hasNextHop(
    from: NodeId,
    { minBandwidth, recipients, travel }: CompactHeader,
    known: Holding | undefined,
  ): boolean {
    const [recipient] = recipients;
    if (!recipient) return false;
    const givers = new Set([...(known?.trace.givers ?? []), nodeIdKey(from)]);
    return this.#o.routing
      .candidates(recipient, minBandwidth)
      .some((c) => !givers.has(nodeIdKey(c.neighbour)) && (c.direct || travel.hopsLeft > 0));
  }
}
