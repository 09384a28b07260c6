/**
 * The giving side of custody: finds the next hop of everything held and hands it over, to each neighbour one object at
 * a time (docs/protocol/store.md, "Forwarding"). Most of what a box holds waits for a route and costs nothing until
 * there is news of one: an object is looked at when it comes, when its recipient's routes change, and when its time is
 * due.
 */
import type { Cancel, Clock } from '../core/clock.ts';
import { minutesOf } from '../core/log-byte.ts';
import { type Random, uniform } from '../core/random.ts';
import type { Db } from '../db/db.ts';
import { type NodeId, nodeIdFromKey, nodeIdKey } from '../identity/node-id.ts';
import type { Candidate, Routing } from '../mesh/routing.ts';
import { Backoff } from './backoff.ts';
import type { RefusalReason } from './exchange-records.ts';
import { ageByteOf, holdTimeMs, openTo, UNCERTAIN_MS } from './forwarding.ts';
import type { Answer, HandOvers, Parcelled } from './hand-over.ts';
import type { Holding } from './holding.ts';
import type { Holdings } from './holdings.ts';
import type { ObjectId } from './object.ts';
import { FRESH_TRAVEL } from './parcel.ts';
import { Reminders } from './reminders.ts';
import { newerSequence, type Stamp } from './stamp.ts';
import { type Held, type TraceEvent, type TriedReason, underSequence } from './trace.ts';
import type { Transfers } from './transfers.ts';
import { WaitingLines } from './waiting-lines.ts';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
/** After `busy`, both sides wait a random time between. */
const BUSY_LEAST_MS = 20 * SECOND;
const BUSY_MOST_MS = 120 * SECOND;
/** A neighbour that failed so often in a row is passed over while its pause lasts, where there is another. */
const UNPROMISING_FAILURES = 2;
/** Remembered; past ones are forgotten when there are more. */
const MOST_NO_ROUTES = 1_000;
/** Where the giver to whom it would be returned is not there. */
const RETURN_AGAIN_MS = 30 * MINUTE;

export interface GiverOptions {
  readonly db: Db;
  readonly holdings: Holdings;
  readonly routing: Routing;
  readonly clock: Clock;
  readonly random: Random;
  readonly transfers: Transfers;
  readonly handOvers: HandOvers;
  readonly ownTime: () => number;
  /** The interval of route refreshes, ms. */
  readonly t0Ms: () => number;
  /** For people: why an own object waits. */
  readonly note: (id: ObjectId, detail: string) => void;
  /** Changes a trace; resolves when durable. */
  readonly settle: (n: number, event: TraceEvent) => Promise<void>;
}

/** Objects on their way to one neighbour. */
interface Lane {
  readonly key: string;
  readonly queue: Set<number>;
  /** What failed last, and is to go before what came after it. */
  failed: number | undefined;
  busy: boolean;
  timer: Cancel | undefined;
}

interface Hop {
  readonly kind: 'give' | 'return';
  readonly to: string;
  /** It is the recipient. */
  readonly direct: boolean;
  readonly holding: Holding;
  /** As it goes out: under the newest sequence known. */
  readonly trace: Held;
}

type Step =
  | Hop
  /** Until own time `until`, or news of a route. */
  | { readonly kind: 'wait'; readonly until: number; readonly holding: Holding };

export class Giver {
  readonly #o: GiverOptions;
  readonly #lines: WaitingLines;
  readonly #lanes = new Map<string, Lane>();
  readonly #backoff = new Backoff();
  readonly #reminders: Reminders;
  /** Since when (own time) an object has had no next hop. */
  readonly #waitingSince = new Map<number, number>();
  /** Until when (own time) an object is left alone after `busy`. */
  readonly #busyUntil = new Map<number, number>();
  /** Hand-overs of an object to one neighbour without an answer, in a row. */
  readonly #silent = new Map<number, { to: string; count: number }>();
  /** Neighbours without a way to a recipient: until when (own time), and under which sequence of it. */
  readonly #noRoute = new Map<string, { until: number; sequence: number }>();
  /** The stamp under which the giver would not take it back. */
  readonly #returnRefused = new Map<number, Stamp>();
  #stopped = false;

  constructor(options: GiverOptions) {
    this.#o = options;
    this.#reminders = new Reminders(options.ownTime());
    this.#lines = new WaitingLines(options.clock, {
      look: (n) => this.#place(n, this.#decide(n)),
      empty: (recipient) => options.routing.unwant(nodeIdFromKey(recipient)),
    });
  }

  /** Begins with everything that is held. */
  start(): void {
    const { holdings } = this.#o;
    for (const recipient of holdings.recipients())
      for (const n of holdings.heldFor(recipient)) this.#lines.add(recipient, n);
  }

  stop(): void {
    this.#stopped = true;
    this.#lines.stop();
    for (const lane of this.#lanes.values()) lane.timer?.();
  }

  /** An object has come into custody here. */
  took(n: number, recipient: NodeId): void {
    this.#lines.add(nodeIdKey(recipient), n);
  }

  /** It is held no longer. */
  settled(n: number): void {
    const { handOvers, transfers } = this.#o;
    handOvers.settled(n);
    transfers.end(n);
    this.#reminders.clear(n);
    this.#waitingSince.delete(n);
    this.#busyUntil.delete(n);
    this.#silent.delete(n);
    this.#returnRefused.delete(n);
    this.#lines.remove(n);
  }

  /** There may be a way to this recipient that was not there, or a newer sequence. */
  wake(recipient: NodeId): void {
    this.#lines.wake(nodeIdKey(recipient));
  }

  /** A sign of life of a neighbour. Comes with every frame. */
  heard(id: NodeId): void {
    const key = nodeIdKey(id);
    this.#backoff.heard(key, this.#o.clock.monotonic());
    const lane = this.#lanes.get(key);
    if (lane) this.#kick(lane);
  }

  /** Looks at those whose time has come; to be called every minute. */
  tick(): void {
    for (const n of this.#reminders.takeDue(this.#o.ownTime())) this.#lines.again(n);
  }

  /** What to do with an object now; undefined where it is not held. */
  #decide(n: number): Step | undefined {
    const { db, holdings, ownTime, routing } = this.#o;
    const holding = db.read((tx) => holdings.get(tx, n));
    if (holding?.trace.state !== 'held') return undefined;
    const now = ownTime();
    const busyUntil = this.#busyUntil.get(n) ?? 0;
    if (busyUntil > now) return { kind: 'wait', until: busyUntil, holding };
    const { minBandwidth, recipient } = holding;
    const sequence = routing.sequenceOf(recipient) ?? 0;
    const fresh = newerSequence(sequence, holding.trace.sequence);
    const trace = fresh ? underSequence(holding.trace, sequence) : holding.trace;
    const candidates = routing.candidates(recipient, minBandwidth);
    let again = Infinity;
    const knowing = candidates.filter((c) => {
      const until = this.#knowsNoRouteUntil(keyOf(c), recipient, trace.sequence);
      if (until > now) again = Math.min(again, until);
      return until <= now;
    });
    const hop = this.#choose(n, openTo(trace, knowing, keyOf, now));
    if (hop) {
      this.#waitingSince.delete(n);
      return { kind: 'give', to: keyOf(hop), direct: hop.direct, holding, trace };
    }
    if (candidates.length === 0) routing.want(recipient);
    return this.#waiting(n, holding, trace, now, again);
  }

  /** The neighbour to whom it may have gone already, then the best that is not in a pause after failures. */
  #choose(n: number, open: readonly Candidate[]): Candidate | undefined {
    const { clock, transfers } = this.#o;
    const now = clock.monotonic();
    const uncertain = transfers.uncertainTo(n);
    const first = this.#silent.has(n) ? open.find((c) => keyOf(c) === uncertain) : undefined;
    const promising = (c: Candidate) =>
      this.#backoff.failures(keyOf(c)) < UNPROMISING_FAILURES || this.#backoff.waitMs(keyOf(c), now) === 0;
    return [...(first ? [first] : []), ...open].find(promising) ?? open[0];
  }

  /** It has said so of another object for this recipient. */
  #knowsNoRouteUntil(neighbour: string, recipient: NodeId, sequence: number): number {
    const known = this.#noRoute.get(`${neighbour} ${nodeIdKey(recipient)}`);
    return known && !newerSequence(sequence, known.sequence) ? known.until : 0;
  }

  /** Rule 3: nobody to give it to. */
  #waiting(n: number, holding: Holding, trace: Held, now: number, again: number): Step {
    const { routing, t0Ms } = this.#o;
    const since = this.#waitingSince.get(n) ?? now;
    this.#waitingSince.set(n, since);
    const tried = Math.min(again, ...trace.tried.map((t) => (t.until > now ? t.until : Infinity)));
    const giver = trace.givers.at(-1);
    const refused = this.#returnRefused.get(n);
    const stays = refused?.attempt === trace.attempt && refused.sequence === trace.sequence;
    if (!holding.from || giver === undefined || stays) return { kind: 'wait', until: tried, holding };
    const returnAt = since + holdTimeMs((minutesOf(holding.ttl) ?? 0) * MINUTE, t0Ms());
    if (now < returnAt) return { kind: 'wait', until: Math.min(tried, returnAt), holding };
    if (routing.candidates(nodeIdFromKey(giver), 0).some((c) => c.direct))
      return { kind: 'return', to: giver, direct: false, holding, trace };
    return { kind: 'wait', until: Math.min(tried, now + RETURN_AGAIN_MS), holding };
  }

  #place(n: number, step: Step | undefined): void {
    if (!step) {
      this.#lines.remove(n);
    } else if (step.kind === 'wait') {
      this.#lines.park(n);
      if (step.until !== Infinity) this.#reminders.set(n, step.until);
      this.#note(step.holding, 'Waiting for a way to the recipient.');
    } else {
      const lane = this.#laneTo(step.to);
      this.#lines.line(n, lane.queue);
      this.#kick(lane);
    }
  }

  #laneTo(key: string): Lane {
    const known = this.#lanes.get(key);
    if (known) return known;
    const lane: Lane = { key, queue: new Set(), failed: undefined, busy: false, timer: undefined };
    this.#lanes.set(key, lane);
    return lane;
  }

  /** Sets a lane going, now or after its pause. */
  #kick(lane: Lane): void {
    const { clock } = this.#o;
    if (this.#stopped || lane.busy) return;
    lane.timer?.();
    lane.timer = undefined;
    if (lane.queue.size === 0) {
      this.#lanes.delete(lane.key);
      return;
    }
    const wait = this.#backoff.waitMs(lane.key, clock.monotonic());
    if (wait > 0) lane.timer = clock.after(wait, () => this.#kick(lane));
    else void this.#run(lane);
  }

  /**
   * One object after the other, until none is left or a pause begins. Nothing is handed over while the receipt could
   * not be written down: it would be handed over for ever.
   */
  async #run(lane: Lane): Promise<void> {
    const { clock, db } = this.#o;
    lane.busy = true;
    while (!this.#stopped && this.#backoff.waitMs(lane.key, clock.monotonic()) === 0) {
      if (db.refusal) {
        this.#backoff.fail(lane.key, 'full', clock.monotonic());
        break;
      }
      const { failed, queue } = lane;
      const [n] = failed !== undefined && queue.has(failed) ? [failed] : queue;
      if (n === undefined) break;
      const step = this.#decide(n);
      if (!step || step.kind === 'wait' || step.to !== lane.key) {
        this.#place(n, step);
        continue;
      }
      this.#lines.inHand(n);
      const answer = await this.#hand(n, step);
      if (this.#stopped) break;
      await this.#answered(n, step, answer);
      lane.failed = n;
      this.#lines.again(n);
    }
    lane.busy = false;
    if (this.#backoff.failures(lane.key) >= UNPROMISING_FAILURES)
      for (const n of [...lane.queue]) this.#lines.again(n);
    this.#kick(lane);
  }

  async #hand(n: number, { direct, holding, kind, to, trace }: Hop): Promise<Answer> {
    const { db, handOvers, holdings, ownTime, random, transfers } = this.#o;
    const object = db.read((tx) => holdings.object(tx, n));
    if (!object) throw new Error(`object ${n} is held without its bytes`);
    const { attempt, hopsLeft, sequence } = trace;
    const minutes = (minutesOf(holding.ttl) ?? 0) - (holding.expiresAt - ownTime()) / MINUTE;
    const age = ageByteOf(Math.max(0, minutes), uniform(random));
    const travel = { attempt, sequence, age, hopsLeft: Math.max(0, hopsLeft - 1) };
    const { from, id, recipient } = holding;
    const what = { n, id, own: !from, object };
    const parcelled: Parcelled = direct
      ? { ...what, recipients: [], travel: FRESH_TRAVEL }
      : { ...what, recipients: [recipient], travel };
    transfers.begin(n, to, trace);
    const neighbour = nodeIdFromKey(to);
    return kind === 'give' ? handOvers.give(parcelled, neighbour) : handOvers.giveBack(parcelled, neighbour);
  }

  /** Rule 4. */
  async #answered(n: number, step: Hop, answer: Answer): Promise<void> {
    const { clock, transfers } = this.#o;
    const { to, trace } = step;
    const now = clock.monotonic();
    switch (answer.kind) {
      case 'settled':
        this.#backoff.clear(to);
        return;
      case 'refuse':
        transfers.end(n);
        this.#silent.delete(n);
        return this.#refused(n, step, answer.reason);
      case 'accept':
      case 'silent': {
        transfers.uncertain(n);
        const pause = this.#backoff.fail(to, 'silent', now);
        const why = answer.kind === 'silent' ? answer.why : 'The neighbour asked for it twice.';
        this.#note(step.holding, `${why} Next try in ${spell(pause)}.`);
        const before = this.#silent.get(n);
        const count = before?.to === to ? before.count + 1 : 1;
        this.#silent.set(n, { to, count });
        if (count < UNPROMISING_FAILURES) return;
        this.#silent.delete(n);
        return this.#tried(n, to, 'uncertain', UNCERTAIN_MS, trace);
      }
      case 'unsent': {
        transfers.uncertain(n);
        const pause = this.#backoff.fail(to, 'silent', now);
        this.#note(step.holding, `${answer.why} Next try in ${spell(pause)}.`);
        return;
      }
    }
  }

  async #refused(n: number, { holding, kind, to, trace }: Hop, reason: RefusalReason): Promise<void> {
    const { clock, ownTime, random, t0Ms } = this.#o;
    this.#note(holding, `The neighbour refused it (${reason}).`);
    if (reason === 'full') {
      this.#backoff.fail(to, 'full', clock.monotonic());
      return;
    }
    this.#backoff.clear(to);
    if (reason === 'busy') {
      const ms = BUSY_LEAST_MS + (BUSY_MOST_MS - BUSY_LEAST_MS) * uniform(random);
      this.#busyUntil.set(n, ownTime() + ms);
      clock.after(ms, () => this.#lines.again(n));
    } else if (kind === 'return') {
      this.#returnRefused.set(n, trace);
    } else if (reason === 'no-route') {
      const now = ownTime();
      if (this.#noRoute.size >= MOST_NO_ROUTES)
        for (const [key, { until }] of this.#noRoute) if (until <= now) this.#noRoute.delete(key);
      const { sequence } = trace;
      this.#noRoute.set(`${to} ${nodeIdKey(holding.recipient)}`, { until: now + t0Ms(), sequence });
      await this.#tried(n, to, 'no-route', t0Ms(), trace);
    } else {
      await this.#tried(n, to, reason === 'seen' ? 'seen' : 'policy', Infinity, trace);
    }
  }

  async #tried(
    n: number,
    to: string,
    reason: TriedReason,
    ms: number,
    { attempt, sequence }: Stamp,
  ): Promise<void> {
    const { ownTime, settle } = this.#o;
    const tried = { neighbour: to, reason, until: ownTime() + ms };
    await settle(n, { kind: 'refused', tried, stamp: { attempt, sequence } });
  }

  #note({ from, id }: Holding, detail: string): void {
    if (!from) this.#o.note(id, detail);
  }
}

function keyOf({ neighbour }: Candidate): string {
  return nodeIdKey(neighbour);
}

function spell(ms: number): string {
  return ms < MINUTE ? `${Math.round(ms / SECOND)} s` : `${Math.round(ms / MINUTE)} min`;
}
