/**
 * The forwarding rules as pure decisions (docs/protocol/store.md, "Forwarding"): what an offer or a return meets, to
 * whom an object may go next, how long it waits, when its sender asks.
 */
import { LONGEST_LOG_BYTE, minutesOf } from '../core/log-byte.ts';
import type { Candidate } from '../mesh/routing.ts';
import type { Holding } from './holding.ts';
import { newer, type Stamp, sameStamp } from './stamp.ts';
import { type Held, MOST_GIVERS, type Trace } from './trace.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

export const HOP_LIMIT = 64;
/** Of an own object: nobody else leaves it fewer. */
const LEAST_OWN_HOPS = 16;
/** How long a neighbour whose answers were lost is passed over. */
export const UNCERTAIN_MS = HOUR;
/** After 1 h, 3 h, 6 h, 12 h, and then daily. */
const FIRST_ASKS_AFTER_H = [1, 2, 3, 6];

/** How an offer of an object with this trace is answered; `take`: it is wanted. */
export type Meeting = 'take' | 'have' | 'seen' | 'busy' | 'crowded' | 'receipt' | 'unreadable';

/** Rule 1. `transferring`: an own transfer of it is unanswered. */
export function meetOffer(
  trace: Trace | undefined,
  by: string,
  stamp: Stamp,
  transferring: boolean,
): Meeting {
  if (!trace) return 'take';
  if (trace.state === 'receipted') return 'receipt';
  if (trace.state === 'unreadable') return 'unreadable';
  if (transferring) return 'busy';
  if (trace.state !== 'held' && !newer(stamp, trace)) return 'seen';
  if (trace.givers.length >= MOST_GIVERS && !trace.givers.includes(by)) return 'crowded';
  return trace.state === 'held' ? 'have' : 'take';
}

/**
 * What a return meets: `take` where it is our taker's, or newer than what we handed on; `have` where a copy is held
 * here as well.
 */
export function meetReturn(
  trace: Trace | undefined,
  by: string,
  stamp: Stamp,
  transferring: boolean,
): Exclude<Meeting, 'crowded'> {
  if (!trace || trace.state === 'dropped') return 'seen';
  if (trace.state === 'receipted') return 'receipt';
  if (trace.state === 'unreadable') return 'unreadable';
  if (transferring) return 'busy';
  if (trace.state === 'held') return 'have';
  const ours = trace.taker === by && sameStamp(stamp, trace);
  return ours || newer(stamp, trace) ? 'take' : 'seen';
}

/** Whether an own object comes under an attempt that was never made: only its author, this node, raises it. */
export function isFalseAttempt({ from, trace }: Holding, { attempt }: Stamp): boolean {
  return !from && 'attempt' in trace && attempt > trace.attempt;
}

/**
 * Hops left of what is offered again. An own object goes on with those that it comes with, as at any relay, so that they
 * do not say whose it is; but not with so few that whoever offered it has spent them.
 */
export function hopsLeftOf(isOwn: boolean, offered: number): number {
  return isOwn ? Math.max(offered, LEAST_OWN_HOPS) : offered;
}

/**
 * Rule 2: those of `candidates` that may be offered it now, best first; relays only while hops are left. Those whose
 * answers were lost come last.
 */
export function openTo(
  trace: Held,
  candidates: readonly Candidate[],
  keyOf: (c: Candidate) => string,
  ownTime: number,
): Candidate[] {
  const reasons = new Map(trace.tried.filter((t) => t.until > ownTime).map((t) => [t.neighbour, t.reason]));
  const open = candidates.filter((c) => {
    const key = keyOf(c);
    const reason = reasons.get(key);
    const refused = reason !== undefined && reason !== 'uncertain';
    return !refused && !trace.givers.includes(key) && (c.direct || trace.hopsLeft > 0);
  });
  const certain = open.filter((c) => !reasons.has(keyOf(c)));
  return [...certain, ...open.filter((c) => reasons.has(keyOf(c)))];
}

/** Rule 3: how long an object without a next hop is kept before it is returned, ms. */
export function holdTimeMs(ttlMs: number, t0Ms: number): number {
  return Math.min(6 * HOUR, Math.max(2 * HOUR, 3 * t0Ms), ttlMs / 8);
}

/** Rule 5: ms from the `asks`-th time that the takers were asked (0: from the first hand-over) to the next. */
export function askAfterMs(asks: number): number {
  return (FIRST_ASKS_AFTER_H[asks] ?? 24) * HOUR;
}

/** The log byte for an age in minutes: of its two neighbours one at random, so that on average hops add nothing. */
export function ageByteOf(minutes: number, draw: number): number {
  let x = 0;
  while (x < LONGEST_LOG_BYTE && (minutesOf(x + 1) ?? Infinity) <= minutes) x++;
  const low = x === 0 ? 0 : (minutesOf(x) ?? 0);
  const high = minutesOf(x + 1);
  if (high === undefined || high === low) return x;
  return draw < (minutes - low) / (high - low) ? x + 1 : x;
}

/** Minutes of an age's log byte: 0 is no age at all. */
export function ageOf(logByte: number): number {
  return logByte === 0 ? 0 : (minutesOf(logByte) ?? 0);
}
