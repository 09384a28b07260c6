/**
 * What became of one object for one recipient: one union, one transition table (docs/protocol/store.md, "Trace").
 * Recovery after a crash starts from the stored trace. Nodes are NodeIds in hex; times are own time, ms.
 */
import { newer, newestOf, type Stamp } from './stamp.ts';

/**
 * Why a neighbour is not offered the object (again): `policy` for good, `no-route` for a while, `seen` until the
 * stamp is newer, `uncertain` (its answers were lost) for a while, and then only where there is nobody else.
 */
export const TRIED_REASONS = ['policy', 'no-route', 'seen', 'uncertain'] as const;
export type TriedReason = (typeof TRIED_REASONS)[number];

export interface Tried {
  readonly neighbour: string;
  readonly reason: TriedReason;
  /** Infinity: as long as the reason says. */
  readonly until: number;
}

/** While no receipt is known. */
interface Underway extends Stamp {
  /** Who handed it to us, the newest last; empty where it is our own. To them a receipt will be owed. */
  readonly givers: readonly string[];
  /** Hand-overs to relays that are left. */
  readonly hopsLeft: number;
  readonly tried: readonly Tried[];
  /** Of an own object: how often its takers were asked, and when next, at the earliest. */
  readonly asks: number;
  readonly askAt: number;
}

export type Held = Underway & { readonly state: 'held' };
export type HandedOn = Underway & { readonly state: 'handed-on'; readonly taker: string };

export type Trace =
  /** We have it and are answerable for it. */
  | Held
  /** A neighbour has taken custody; no receipt yet. */
  | HandedOn
  /** Given up after the time that a stranger's object may stay; what is left lets a receipt pass. */
  | (Underway & { readonly state: 'dropped' })
  /** The recipient's secret is known; it is still owed to `givers`. */
  | { readonly state: 'receipted'; readonly givers: readonly string[]; readonly secret: Uint8Array }
  /** The recipient has said, signed, that it cannot open it; that word is still owed to `givers`. */
  | { readonly state: 'unreadable'; readonly givers: readonly string[]; readonly signature: Uint8Array };

export type TraceEvent =
  /** A neighbour's offer is accepted: it is here now, or was already. */
  | { readonly kind: 'offered'; readonly by: string; readonly stamp: Stamp; readonly hopsLeft: number }
  /** A neighbour has said `custody` or `have`, or has taken it back: the transfer under this stamp. */
  | { readonly kind: 'given'; readonly to: string; readonly stamp: Stamp; readonly askAt: number }
  /** The taker gives it back, and it is here. */
  | { readonly kind: 'returned'; readonly by: string; readonly stamp: Stamp }
  /** A neighbour did not take it under this stamp. */
  | { readonly kind: 'refused'; readonly tried: Tried; readonly stamp: Stamp }
  /** The takers of an own object are being asked; the next time at `next`. */
  | { readonly kind: 'asked'; readonly next: number }
  /** An own object is sent once more. */
  | { readonly kind: 'raised'; readonly hopsLeft: number }
  | { readonly kind: 'dropped' }
  | { readonly kind: 'receipt'; readonly secret: Uint8Array }
  | { readonly kind: 'unreadable'; readonly signature: Uint8Array }
  /** A giver has the receipt, or the word that it is unreadable. */
  | { readonly kind: 'acknowledged'; readonly by: string };

/** More givers than any honest object meets; the next one is refused. */
export const MOST_GIVERS = 16;
const MOST_TRIED = 64;
const LAST_ATTEMPT = 255;

/** The trace of an object that is new here. */
export function freshTrace(stamp: Stamp, hopsLeft: number, giver: string | undefined): Held {
  const givers = giver === undefined ? [] : [giver];
  const { attempt, sequence } = stamp;
  return { state: 'held', attempt, sequence, givers, hopsLeft, tried: [], asks: 0, askAt: 0 };
}

/** The trace after `event`; undefined where it changes nothing. */
export function transition(trace: Trace, event: TraceEvent): Trace | undefined {
  switch (trace.state) {
    case 'held':
      return held(trace, event);
    case 'handed-on':
      return handedOn(trace, event);
    case 'dropped':
      return dropped(trace, event);
    case 'receipted':
    case 'unreadable':
      return finished(trace, event);
  }
}

/** A held trace as it is once a newer sequence of its recipient is known: who refused because of the old one is forgotten. */
export function underSequence(trace: Held, sequence: number): Held {
  return renewed(trace, { attempt: trace.attempt, sequence });
}

function held(trace: Held, event: TraceEvent): Trace | undefined {
  switch (event.kind) {
    case 'offered': {
      const givers = withGiver(trace.givers, event.by);
      if (!newer(event.stamp, trace)) return { ...trace, givers };
      return { ...renewed(trace, event.stamp), givers, hopsLeft: event.hopsLeft };
    }
    case 'given':
      return {
        ...trace,
        ...newestOf(trace, event.stamp),
        state: 'handed-on',
        taker: event.to,
        askAt: Math.max(trace.askAt, event.askAt),
      };
    case 'returned':
      return tookBack(trace, event.by, event.stamp);
    case 'refused': {
      const now = renewed(trace, event.stamp);
      return { ...now, tried: withTried(now.tried, event.tried) };
    }
    case 'dropped':
      return { ...trace, state: 'dropped' };
    case 'receipt':
    case 'unreadable':
      return ended(trace, event);
    case 'asked':
    case 'raised':
    case 'acknowledged':
      return undefined;
  }
}

function handedOn(trace: HandedOn, event: TraceEvent): Trace | undefined {
  switch (event.kind) {
    case 'offered':
      return entered(trace, event);
    case 'returned': {
      const { taker: _, ...rest } = trace;
      return tookBack({ ...rest, state: 'held' }, event.by, event.stamp);
    }
    case 'asked':
      return { ...trace, asks: trace.asks + 1, askAt: event.next };
    case 'raised': {
      if (trace.attempt === LAST_ATTEMPT) return undefined;
      const { taker, ...rest } = trace;
      const stamp = { attempt: trace.attempt + 1, sequence: trace.sequence };
      const now = renewed({ ...rest, state: 'held' }, stamp);
      // whoever had it, lost it, or has only said so: from now on the last choice
      const tried = withTried(now.tried, { neighbour: taker, reason: 'uncertain', until: Infinity });
      return { ...now, tried, hopsLeft: event.hopsLeft };
    }
    case 'receipt':
    case 'unreadable':
      return ended(trace, event);
    case 'given':
    case 'refused':
    case 'dropped':
    case 'acknowledged':
      return undefined;
  }
}

function dropped(trace: Extract<Trace, { state: 'dropped' }>, event: TraceEvent): Trace | undefined {
  if (event.kind === 'offered') return entered(trace, event);
  if (event.kind === 'receipt' || event.kind === 'unreadable') return ended(trace, event);
  return undefined;
}

type Finished = Extract<Trace, { state: 'receipted' | 'unreadable' }>;

function finished(trace: Finished, event: TraceEvent): Trace | undefined {
  if (event.kind === 'receipt' && trace.state === 'unreadable')
    return { state: 'receipted', givers: trace.givers, secret: event.secret };
  if (event.kind !== 'acknowledged' || !trace.givers.includes(event.by)) return undefined;
  return { ...trace, givers: trace.givers.filter((g) => g !== event.by) };
}

function ended({ givers }: Underway, event: Extract<TraceEvent, { kind: 'receipt' | 'unreadable' }>): Trace {
  return event.kind === 'receipt'
    ? { state: 'receipted', givers, secret: event.secret }
    : { state: 'unreadable', givers, signature: event.signature };
}

/** It comes in again, under a newer stamp than it went out. */
function entered(
  trace: Exclude<Trace, Held | Finished>,
  event: Extract<TraceEvent, { kind: 'offered' }>,
): Held | undefined {
  if (!newer(event.stamp, trace)) return undefined;
  const { attempt, sequence, hopsLeft, tried, asks, askAt } = trace;
  const before: Held = {
    state: 'held',
    attempt,
    sequence,
    givers: trace.givers,
    hopsLeft,
    tried,
    asks,
    askAt,
  };
  return {
    ...renewed(before, event.stamp),
    givers: withGiver(trace.givers, event.by),
    hopsLeft: event.hopsLeft,
  };
}

function tookBack(trace: Held, by: string, stamp: Stamp): Held {
  const now = renewed(trace, stamp);
  return { ...now, tried: withTried(now.tried, { neighbour: by, reason: 'seen', until: Infinity }) };
}

/** A newer stamp gives those a new chance who refused because of the older one. */
function renewed(trace: Held, stamp: Stamp): Held {
  if (!newer(stamp, trace)) return trace;
  const { attempt, sequence } = stamp;
  const tried = trace.tried.filter((t) => t.reason === 'policy' || t.reason === 'uncertain');
  return { ...trace, attempt, sequence, tried };
}

function withGiver(givers: readonly string[], by: string): readonly string[] {
  return [...givers.filter((g) => g !== by), by].slice(-MOST_GIVERS);
}

function withTried(tried: readonly Tried[], one: Tried): readonly Tried[] {
  return [...tried.filter((t) => t.neighbour !== one.neighbour), one].slice(-MOST_TRIED);
}
