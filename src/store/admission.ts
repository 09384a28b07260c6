/** What this box takes into custody for others, and on what terms (docs/protocol/store.md, "Bounds"). */
import type { Counters } from '../core/counters.ts';
import { minutesOf } from '../core/log-byte.ts';
import type { Db } from '../db/db.ts';
import { type NodeId, nodeIdKey } from '../identity/node-id.ts';
import type { Routing } from '../mesh/routing.ts';
import type { RefusalReason } from './exchange-records.ts';
import { ageOf } from './forwarding.ts';
import type { Garbage } from './garbage.ts';
import type { Holding } from './holding.ts';
import type { Holdings } from './holdings.ts';
import { lineOf } from './line.ts';
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
  readonly garbage: Garbage;
  readonly routing: Routing;
  readonly counters: Counters;
  /** The most that objects of others may fill, bytes. */
  readonly maxBytes: () => number;
  /** Whose traffic is free; all others are strangers. */
  readonly isContact: (id: NodeId) => boolean;
  readonly mailboxes: Mailboxes;
  /** Whether this neighbour, a stranger, is served now. */
  readonly servesStrangers: (id: NodeId) => boolean;
  readonly ownTime: () => number;
}

export class Admission {
  readonly #o: AdmissionOptions;

  constructor(options: AdmissionOptions) {
    this.#o = options;
  }

  /** Why an object is refused, whomever it is for. */
  ofHeader({ contentType, recipients, travel, ttl }: CompactHeader): RefusalReason | undefined {
    if (contentType !== CONTENT_TYPE.immutable || recipients.length > 1) return 'policy';
    if (ageOf(travel.age) >= (minutesOf(ttl) ?? 0)) return 'policy';
    return undefined;
  }

  /** Why an object of `size` bytes for somebody else is refused; `known` is what is remembered of it. */
  ofCustody(
    from: NodeId,
    header: CompactHeader,
    size: number,
    known: Holding | undefined,
    comesBack: boolean,
  ): RefusalReason | undefined {
    const { counters, db, garbage, holdings, isContact, maxBytes, servesStrangers } = this.#o;
    const [recipient] = header.recipients;
    const isMail = recipient !== undefined && this.#isMail(from, recipient);
    if (!comesBack && !isMail && !this.#hasNextHop(from, header, known)) return 'no-route';
    if (known && !known.from) return undefined; // our own, whose bytes are here
    const stranger = known?.stranger ?? !isContact(from);
    if (stranger && !comesBack && !servesStrangers(from)) return 'busy';
    const disk = db.disk;
    if (disk === 'full' || disk === 'failed' || (disk === 'tight' && stranger)) {
      counters.count(`store.full.disk-${disk}`);
      return 'full';
    }
    if (isMail && stranger && holdings.countIn(lineOf({ recipient, stranger })) >= MOST_MAIL) {
      counters.count('store.full.mailbox');
      return 'full';
    }
    const neighbour = nodeIdKey(known?.from ?? from);
    const part = holdings.shares.refusal(neighbour, stranger, size, maxBytes());
    if (!part) return undefined;
    counters.count(`store.full.${part}`);
    garbage.want({ part, neighbour });
    return 'full';
  }

  /** A new object for one recipient, taken from a neighbour. */
  holdingOf(from: NodeId, header: CompactHeader, object: DataObject, id: ObjectId): Holding {
    const { lock, minBandwidth, priority, recipients, travel, ttl } = header;
    const [recipient] = recipients;
    if (!recipient) throw new Error('custody is for somebody');
    const { isContact, mailboxes, ownTime } = this.#o;
    const since = ownTime();
    const isSent = mailboxes.serves(from) && !mailboxes.serves(recipient);
    return {
      ...{ id, lock, recipient, from, ttl, priority, minBandwidth, since },
      stranger: !isContact(from),
      pending: isSent && !this.#hasNextHop(from, header, undefined),
      size: object.bytes.length,
      heldMs: 0,
      expiresAt: since + Math.max(0, (minutesOf(ttl) ?? 0) - ageOf(travel.age)) * MINUTE,
      trace: freshTrace(travel, travel.hopsLeft, nodeIdKey(from)),
    };
  }

  /** A mailbox keeps what comes for those it serves, and what they do not know a way for. */
  #isMail(from: NodeId, recipient: NodeId): boolean {
    const { mailboxes } = this.#o;
    return mailboxes.serves(recipient) || mailboxes.serves(from);
  }

  /** A relay takes only what it can hand on now, or once a neighbour is back (rule 2). */
  #hasNextHop(
    from: NodeId,
    { minBandwidth, recipients, travel }: CompactHeader,
    known: Holding | undefined,
  ): boolean {
    const [recipient] = recipients;
    if (!recipient) return false;
    const givers = new Set([...(known?.trace.givers ?? []), nodeIdKey(from)]);
    const { routing } = this.#o;
    const there = routing.candidates(recipient, minBandwidth).map((c) => c.neighbour);
    const target = nodeIdKey(recipient);
    return [...there, ...routing.awaited(recipient, minBandwidth)]
      .map(nodeIdKey)
      .some((hop) => !givers.has(hop) && (hop === target || travel.hopsLeft > 0));
  }
}
