/**
 * What to do with a held object at this moment: rules 2 and 3 over its trace, the routes, and what neighbours have
 * lately said (docs/protocol/store.md, "Forwarding"). What is remembered here is forgotten by a restart.
 */

import type { Clock } from '../core/clock.ts';
import { minutesOf } from '../core/log-byte.ts';
import type { Db } from '../db/db.ts';
import { type NodeId, nodeIdFromKey, nodeIdKey } from '../identity/node-id.ts';
import type { Candidate, Routing } from '../mesh/routing.ts';
import type { Backoff } from './backoff.ts';
import { holdTimeMs, openTo } from './forwarding.ts';
import type { Holding } from './holding.ts';
import type { Holdings } from './holdings.ts';
import type { Mailboxes } from './mailboxes.ts';
import { NumberMap } from './number-map.ts';
import { newerSequence, type Stamp, sameStamp } from './stamp.ts';
import { type Held, underSequence } from './trace.ts';

const MINUTE = 60_000;
/** By priority of the object: critical, normal, lazy. */
const POLICY = ['fastest', 'balanced', 'cheapest'] as const;
/** Where the giver to whom it would be returned is not there. */
const RETURN_AGAIN_MS = 30 * MINUTE;
/** After so long without a way, or an answer to a solicit, an own object goes to an own mailbox. */
const PENDING_AFTER_MS = 10 * MINUTE;
/** Whoever had a copy before and was found to have lost it gets another only after so long: a newer way may be found. */
const DOUBTED_AFTER_MS = 3 * MINUTE;
/** Strangers' objects whose part of the air is spent are looked at again after so long. */
const SHARE_AGAIN_MS = 5 * MINUTE;
/** Remembered; past ones are forgotten when there are more. */
const MOST_NO_ROUTES = 1_000;

export interface Hop {
  readonly kind: 'give' | 'return';
  /** NodeId in hex. */
  readonly to: string;
  /** It is the recipient. */
  readonly direct: boolean;
  readonly holding: Holding;
  /** As it goes out: under the newest sequence known. */
  readonly trace: Held;
}

/** Nothing until own time `until`, or news of a route. */
export interface Wait {
  readonly kind: 'wait';
  readonly until: number;
  readonly holding: Holding;
  /** `unasked`: the recipient is told that it waits, and asks for it when it likes. */
  readonly why: 'busy' | 'no-way' | 'unasked';
}

export interface NextStepsOptions {
  readonly db: Db;
  readonly holdings: Holdings;
  readonly routing: Routing;
  readonly mailboxes: Mailboxes;
  /** Whether strangers' objects may go to this neighbour now. */
  readonly servesStrangers: (to: NodeId) => boolean;
  /** Of neighbours that failed, by NodeId in hex. */
  readonly backoff: Backoff;
  readonly clock: Clock;
  readonly ownTime: () => number;
  /** The interval of route refreshes, ms. */
  readonly t0Ms: () => number;
}

export class NextSteps {
  readonly #o: NextStepsOptions;
  /** Since when (own time) an object has had no next hop. */
  readonly #waitingSince = new NumberMap();
  /** Until when (own time) an object is left alone after `busy`. */
  readonly #busyUntil = new Map<number, number>();
  /** Until when (own time) its recipient does not want an object. */
  readonly #unwelcomeUntil = new Map<number, number>();
  /** Neighbours without a way to a recipient: until when (own time), and under which sequence of it. */
  readonly #noRoute = new Map<string, { readonly until: number; readonly sequence: number }>();
  /** The stamp under which the giver would not take it back. */
  readonly #returnRefused = new Map<number, Stamp>();

  constructor(options: NextStepsOptions) {
    this.#o = options;
  }

  /** What to do with an object now; undefined where it is not held. */
  decide(n: number): Hop | Wait | undefined {
    const { backoff, clock, db, holdings, mailboxes, ownTime, routing, servesStrangers } = this.#o;
    const holding = db.read((tx) => holdings.get(tx, n));
    if (holding?.trace.state !== 'held') return undefined;
    const now = ownTime();
    const busyUntil = Math.max(this.#busyUntil.get(n) ?? 0, this.#unwelcomeUntil.get(n) ?? 0);
    if (busyUntil > now) return { kind: 'wait', until: busyUntil, holding, why: 'busy' };
    const { minBandwidth, recipient } = holding;
    const sequence = routing.sequenceOf(recipient) ?? 0;
    const fresh = newerSequence(sequence, holding.trace.sequence);
    const trace = fresh ? underSequence(holding.trace, sequence) : holding.trace;
    const candidates = routing.candidates(recipient, minBandwidth, POLICY[holding.priority]);
    const { knowing, again } = this.#knowing(candidates, recipient, trace.sequence, now);
    const hop = this.#choose(openTo(trace, knowing, keyOf, now));
    if (hop && isDoubted(trace, hop)) {
      routing.want(recipient);
      const since = this.#waitingSince.get(n) ?? now;
      this.#waitingSince.set(n, since);
      const until = since + DOUBTED_AFTER_MS;
      if (now < until) return { kind: 'wait', until, holding, why: 'no-way' };
    }
    if (hop) {
      this.#waitingSince.delete(n);
      if (hop.direct && !mailboxes.mayPush(n, recipient))
        return { kind: 'wait', until: Infinity, holding, why: 'unasked' };
      if (holding.stranger && !servesStrangers(hop.neighbour))
        return { kind: 'wait', until: now + SHARE_AGAIN_MS, holding, why: 'busy' };
      // only the last choice is left: there may be a newer way
      const isPaused = backoff.waitMs(keyOf(hop), clock.monotonic()) > 0;
      if (isPaused || isUncertain(trace, hop, now)) routing.want(recipient);
      return { kind: 'give', to: keyOf(hop), direct: hop.direct, holding, trace };
    }
    const giver = trace.givers.at(-1);
    routing.want(recipient, giver === undefined ? undefined : nodeIdFromKey(giver));
    if (this.#leadsBack(n, holding, trace, candidates))
      return { kind: 'return', to: trace.givers.at(-1) ?? '', direct: false, holding, trace };
    return this.#noWay(n, holding, trace, now, again);
  }

  /** It is held no longer. */
  forget(n: number): void {
    for (const map of [this.#waitingSince, this.#busyUntil, this.#unwelcomeUntil, this.#returnRefused])
      map.delete(n);
  }

  /** Its recipient has no room for it, whoever hands it over: it waits for so long. */
  unwelcome(n: number, ms: number): void {
    this.#unwelcomeUntil.set(n, this.#o.ownTime() + ms);
  }

  isUnwelcome(n: number): boolean {
    const until = this.#unwelcomeUntil.get(n);
    return until !== undefined && until > this.#o.ownTime();
  }

  /** The neighbour has a transfer of its own of this object: it is left alone for so long. */
  busy(n: number, ms: number): void {
    this.#busyUntil.set(n, this.#o.ownTime() + ms);
  }

  /** The neighbour has no way to the recipient; believed of its other objects too. */
  noRoute({ holding, to, trace }: Hop): void {
    const { ownTime, t0Ms } = this.#o;
    const now = ownTime();
    if (this.#noRoute.size >= MOST_NO_ROUTES)
      for (const [key, { until }] of this.#noRoute) if (until <= now) this.#noRoute.delete(key);
    const key = `${to} ${nodeIdKey(holding.recipient)}`;
    this.#noRoute.set(key, { until: now + t0Ms(), sequence: trace.sequence });
  }

  /** The giver does not take it back. */
  returnRefused(n: number, stamp: Stamp): void {
    this.#returnRefused.set(n, stamp);
  }

  /** Those that have not said that they know no way, and when the first of the others may be asked again. */
  #knowing(candidates: readonly Candidate[], recipient: NodeId, sequence: number, now: number) {
    let again = Infinity;
    const knowing = candidates.filter((c) => {
      const known = this.#noRoute.get(`${keyOf(c)} ${nodeIdKey(recipient)}`);
      if (!known || known.until <= now || newerSequence(sequence, known.sequence)) return true;
      again = Math.min(again, known.until);
      return false;
    });
    return { knowing, again };
  }

  /** The best that is not in a pause after failures, where there is such a one. */
  #choose(open: readonly Candidate[]): Candidate | undefined {
    const { backoff, clock } = this.#o;
    const now = clock.monotonic();
    return open.find((c) => backoff.waitMs(keyOf(c), now) === 0) ?? open[0];
  }

  /** A mailbox holds what is for those it serves, and what it took as pending, until its time is over. */
  #keeps({ pending, recipient }: Holding): boolean {
    return pending || this.#o.mailboxes.serves(recipient);
  }

  /** The recipient of what a mailbox keeps has been heard of elsewhere, behind the giver, who is there. */
  #leadsBack(n: number, holding: Holding, trace: Held, candidates: readonly Candidate[]): boolean {
    const { givers } = trace;
    const giver = givers.at(-1);
    const refused = this.#returnRefused.get(n);
    if (giver === undefined || (refused && sameStamp(refused, trace))) return false;
    if (!this.#keeps(holding)) return false;
    return candidates.some((c) => keyOf(c) === giver) && candidates.every((c) => givers.includes(keyOf(c)));
  }

  /** An own mailbox that is there and may be given the object. */
  #ownMailbox(trace: Held, now: number): string | undefined {
    const { mailboxes, routing } = this.#o;
    const there = mailboxes.own
      .flatMap((id) => routing.candidates(id, 0).filter((c) => c.direct))
      .map((c) => ({ ...c, direct: false }));
    const hop = this.#choose(openTo(trace, there, keyOf, now));
    return hop && keyOf(hop);
  }

  #noWay(n: number, holding: Holding, trace: Held, now: number, again: number): Hop | Wait {
    const { routing, t0Ms } = this.#o;
    const since = this.#waitingSince.get(n) ?? now;
    this.#waitingSince.set(n, since);
    const tried = Math.min(again, ...trace.tried.map((t) => (t.until > now ? t.until : Infinity)));
    const wait = (until: number): Wait => ({ kind: 'wait', until, holding, why: 'no-way' });
    if (this.#keeps(holding)) return wait(tried);
    if (!holding.from) {
      const mailbox = this.#ownMailbox(trace, now);
      if (!mailbox) return wait(tried);
      if (now < since + PENDING_AFTER_MS) return wait(Math.min(tried, since + PENDING_AFTER_MS));
      return { kind: 'give', to: mailbox, direct: false, holding, trace };
    }
    const giver = trace.givers.at(-1);
    const refused = this.#returnRefused.get(n);
    if (giver === undefined || (refused && sameStamp(refused, trace))) return wait(tried);
    const returnAt = since + holdTimeMs((minutesOf(holding.ttl) ?? 0) * MINUTE, t0Ms());
    if (now < returnAt) return wait(Math.min(tried, returnAt));
    const isThere = routing.candidates(nodeIdFromKey(giver), 0).some((c) => c.direct);
    return isThere
      ? { kind: 'return', to: giver, direct: false, holding, trace }
      : wait(Math.min(tried, now + RETURN_AGAIN_MS));
  }
}

function keyOf({ neighbour }: Candidate): string {
  return nodeIdKey(neighbour);
}

function isUncertain({ tried }: Held, hop: Candidate, now: number): boolean {
  return tried.some((t) => t.reason === 'uncertain' && t.until > now && t.neighbour === keyOf(hop));
}

/** It had the object before, and was asked for it in vain. */
function isDoubted({ tried }: Held, hop: Candidate): boolean {
  return tried.some((t) => t.reason === 'uncertain' && t.until === Infinity && t.neighbour === keyOf(hop));
}
