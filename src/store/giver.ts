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
import type { Routing } from '../mesh/routing.ts';
import { Backoff, firstPause } from './backoff.ts';
import { ageByteOf, UNCERTAIN_MS } from './forwarding.ts';
import type { Answer, HandOvers, Parcelled } from './hand-over.ts';
import type { Holding } from './holding.ts';
import type { Holdings } from './holdings.ts';
import { lineOf, linesTo, recipientOf } from './line.ts';
import type { Mailboxes } from './mailboxes.ts';
import { type Hop, NextSteps, type Wait } from './next-steps.ts';
import type { ObjectId } from './object.ts';
import { FRESH_TRAVEL } from './parcel.ts';
import { Reminders } from './reminders.ts';
import type { Stamp } from './stamp.ts';
import type { TraceEvent, TriedReason } from './trace.ts';
import type { Transfers } from './transfers.ts';
import { WaitingLines } from './waiting-lines.ts';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
/** After `busy`, both sides wait a random time between. */
const BUSY_LEAST_MS = 20 * SECOND;
const BUSY_MOST_MS = 120 * SECOND;
/** What waits for a neighbour in a pause after failures, which lasts hours, is looked at again so often. */
const STRANDED_EVERY_MS = 5 * MINUTE;

export interface GiverOptions {
  readonly db: Db;
  readonly holdings: Holdings;
  readonly routing: Routing;
  readonly mailboxes: Mailboxes;
  readonly clock: Clock;
  readonly random: Random;
  readonly transfers: Transfers;
  readonly handOvers: HandOvers;
  /** Whether strangers' objects may go to this neighbour now. */
  readonly servesStrangers: (to: NodeId) => boolean;
  readonly ownTime: () => number;
  /** The interval of route refreshes, ms. */
  readonly t0Ms: () => number;
  /** For people: why an own object waits. */
  readonly note: (id: ObjectId, detail: string) => void;
  /** Changes a trace; resolves when durable. */
  readonly settle: (n: number, event: TraceEvent) => Promise<unknown>;
}

/** Objects on their way to one neighbour. */
interface Lane {
  readonly key: string;
  /** Own objects and those of contacts; strangers' go when there are none, for there is no end to them. */
  readonly queue: Set<number>;
  readonly strangers: Set<number>;
  /** What failed last, and is to go before what came after it. */
  failed: number | undefined;
  busy: boolean;
  timer: Cancel | undefined;
}

type Refused = Extract<Answer, { readonly kind: 'refuse' }>;

export class Giver {
  readonly #o: GiverOptions;
  readonly #lines: WaitingLines;
  readonly #lanes = new Map<string, Lane>();
  readonly #backoff = new Backoff();
  readonly #reminders: Reminders;
  readonly #steps: NextSteps;
  #strandedAt = Number.NEGATIVE_INFINITY;
  #stopped = false;

  constructor(options: GiverOptions) {
    this.#o = options;
    this.#reminders = new Reminders(options.ownTime());
    this.#steps = new NextSteps({ ...options, backoff: this.#backoff });
    const { holdings, routing } = options;
    this.#lines = new WaitingLines(options.clock, {
      after: (recipient, n) => holdings.heldAfter(recipient, n),
      look: (n) => this.#place(n, this.#steps.decide(n)),
    });
    holdings.onNoneHeld.on((line) => {
      this.#lines.close(line);
      const recipient = recipientOf(line);
      const isWanted = linesTo(recipient).some((l) => holdings.heldAfter(l, 0) !== undefined);
      if (!isWanted) routing.unwant(nodeIdFromKey(recipient));
    });
  }

  /** Begins with everything that is held. */
  start(): void {
    for (const line of this.#o.holdings.lines()) this.#lines.open(line);
  }

  stop(): void {
    this.#stopped = true;
    this.#lines.stop();
    for (const lane of this.#lanes.values()) lane.timer?.();
  }

  /** An object has come into custody here. */
  took(n: number, holding: Pick<Holding, 'recipient' | 'stranger'>): void {
    this.#lines.add(lineOf(holding), n);
  }

  /** It is held no longer. */
  settled(n: number): void {
    const { handOvers, transfers } = this.#o;
    handOvers.settled(n);
    transfers.end(n);
    this.#reminders.clear(n);
    this.#steps.forget(n);
    this.#lines.remove(n);
  }

  /** There may be a way to this recipient that was not there, or a newer sequence. */
  wake(recipient: NodeId): void {
    // it is there, and asks when it likes: every frame of it would have all of its mail looked at
    if (!this.#o.mailboxes.waitsForPull(recipient)) this.reconsider(recipient);
  }

  /** Its recipient is there and has said that it does not want it yet. */
  isUnwelcome(n: number): boolean {
    return this.#steps.isUnwelcome(n);
  }

  /** Its recipient, who is there, has asked for it; what it asked for first goes first. */
  release(n: number): void {
    this.#lines.again(n);
  }

  /** All that is held for a recipient is looked at again. */
  reconsider(recipient: NodeId): void {
    for (const line of linesTo(nodeIdKey(recipient))) this.#lines.wake(line);
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
    const { clock, ownTime } = this.#o;
    for (const n of this.#reminders.takeDue(ownTime())) this.#lines.again(n);
    if (clock.monotonic() < this.#strandedAt + STRANDED_EVERY_MS) return;
    this.#strandedAt = clock.monotonic();
    this.#relookStranded();
  }

  /** What waits for a neighbour in its pause: another one may have come out of its own meanwhile. */
  #relookStranded(): void {
    const now = this.#o.clock.monotonic();
    const paused = [...this.#lanes.values()].filter((l) => this.#backoff.waitMs(l.key, now) > 0);
    const stranded = paused.flatMap((l) => [...l.queue, ...l.strangers]);
    for (const line of new Set(stranded.map((n) => this.#lines.recipientOf(n))))
      if (line !== undefined) this.#lines.wake(line);
  }

  #place(n: number, step: Hop | Wait | undefined): void {
    if (!step) {
      this.#lines.remove(n);
      return;
    }
    const line = lineOf(step.holding);
    if (step.kind === 'wait') {
      this.#lines.park(line, n);
      if (step.until !== Infinity) this.#reminders.set(n, step.until);
      if (step.why === 'no-way') this.#note(step.holding, 'Waiting for a way to the recipient.');
    } else {
      const lane = this.#laneTo(step.to);
      const queue = step.holding.stranger ? lane.strangers : lane.queue;
      // looked at in vain, it keeps its turn
      if (!queue.has(n)) this.#lines.line(line, n, queue);
      this.#kick(lane);
    }
  }

  #laneTo(key: string): Lane {
    const known = this.#lanes.get(key);
    if (known) return known;
    const lane: Lane = {
      ...{ key, queue: new Set<number>(), strangers: new Set<number>() },
      ...{ failed: undefined, busy: false, timer: undefined },
    };
    this.#lanes.set(key, lane);
    return lane;
  }

  /** Sets a lane going, now or after its pause. */
  #kick(lane: Lane): void {
    const { clock } = this.#o;
    if (this.#stopped || lane.busy) return;
    lane.timer?.();
    lane.timer = undefined;
    if (lane.queue.size + lane.strangers.size === 0) {
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
      if (db.refusalOf({ housekeeping: true })) {
        this.#backoff.fail(lane.key, 'full', clock.monotonic());
        break;
      }
      const n = nextOf(lane);
      if (n === undefined) break;
      const step = this.#steps.decide(n);
      if (!step || step.kind === 'wait' || step.to !== lane.key) {
        this.#place(n, step);
        continue;
      }
      this.#lines.inHand(n);
      const answer = await this.#hand(n, step);
      if (this.#stopped) break;
      if (answer === 'lost') await this.#lost(n, step.holding);
      else await this.#answered(n, step, answer);
      lane.failed = n;
      this.#lines.again(n);
    }
    lane.busy = false;
    if (this.#stopped) return;
    if (this.#backoff.failures(lane.key) > 0)
      for (const n of [...lane.queue, ...lane.strangers]) this.#lines.again(n);
    this.#kick(lane);
  }

  async #hand(n: number, { direct, holding, kind, to, trace }: Hop): Promise<Answer | 'lost'> {
    const { db, handOvers, holdings, ownTime, random, transfers } = this.#o;
    const object = db.read((tx) => holdings.object(tx, n));
    if (!object) return 'lost';
    const { attempt, hopsLeft, sequence } = trace;
    const minutes = (minutesOf(holding.ttl) ?? 0) - (holding.expiresAt - ownTime()) / MINUTE;
    const age = ageByteOf(Math.max(0, minutes), uniform(random));
    const travel = { attempt, sequence, age, hopsLeft: Math.max(0, hopsLeft - 1) };
    const { from, id, recipient, stranger } = holding;
    const whose = !from ? 'own' : stranger ? 'stranger' : 'contact';
    const what = { n, id, whose, object } as const;
    const parcelled: Parcelled = direct
      ? { ...what, recipients: [], travel: FRESH_TRAVEL }
      : { ...what, recipients: [recipient], travel };
    transfers.begin(n, to, trace);
    const neighbour = nodeIdFromKey(to);
    return kind === 'give' ? handOvers.give(parcelled, neighbour) : handOvers.giveBack(parcelled, neighbour);
  }

  /** The disk has not kept it. Its sender asks after it, and sends it again. */
  async #lost(n: number, holding: Holding): Promise<void> {
    this.#note(holding, 'The disk or card has lost it: send it again.');
    await this.#o.settle(n, { kind: 'dropped' });
  }

  /** Rule 4. */
  async #answered(n: number, step: Hop, answer: Answer): Promise<void> {
    const { handOvers, transfers } = this.#o;
    const { to, trace } = step;
    const silent = () => {
      const first = firstPause(handOvers.exchangeMs(nodeIdFromKey(to)));
      return this.#backoff.fail(to, 'silent', this.#o.clock.monotonic(), first);
    };
    switch (answer.kind) {
      case 'settled':
        this.#backoff.clear(to);
        return;
      case 'refuse':
        transfers.end(n);
        return this.#refused(n, step, answer);
      case 'accept':
      case 'silent': {
        transfers.uncertain(n);
        const pause = silent();
        const why = answer.kind === 'silent' ? answer.why : 'The neighbour asked for it twice.';
        this.#note(step.holding, `${why} Next try in ${spell(pause)}.`);
        return this.#tried(n, to, 'uncertain', UNCERTAIN_MS, trace);
      }
      case 'unsent': {
        transfers.uncertain(n);
        const pause = silent();
        this.#note(step.holding, `${answer.why} Next try in ${spell(pause)}.`);
        return;
      }
    }
  }

  async #refused(n: number, hop: Hop, { reason, until }: Refused): Promise<void> {
    const { clock, random, t0Ms } = this.#o;
    const { direct, holding, kind, to, trace } = hop;
    const pause = reason === 'full' && direct && until !== undefined ? minutesOf(until) : undefined;
    if (pause !== undefined) {
      // of others' mail it may take more: neither that nor another way to it has to wait for this
      this.#note(holding, 'The recipient has no more room for mail of those it does not know.');
      this.#backoff.clear(to);
      this.#steps.unwelcome(n, pause * MINUTE);
      return;
    }
    this.#note(holding, `The neighbour refused it (${reason}).`);
    if (reason === 'full') {
      this.#backoff.fail(to, 'full', clock.monotonic());
      return;
    }
    this.#backoff.clear(to);
    if (reason === 'busy') {
      const ms = BUSY_LEAST_MS + (BUSY_MOST_MS - BUSY_LEAST_MS) * uniform(random);
      this.#steps.busy(n, ms);
      clock.after(ms, () => {
        if (!this.#stopped) this.#lines.again(n);
      });
    } else if (kind === 'return') {
      this.#steps.returnRefused(n, trace);
    } else if (reason === 'no-route') {
      this.#steps.noRoute(hop);
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

/** What failed last goes again before what came after it. */
function nextOf({ failed, queue, strangers }: Lane): number | undefined {
  const first = (set: Set<number>) =>
    failed !== undefined && set.has(failed) ? failed : set.values().next().value;
  return first(queue) ?? first(strangers);
}

function spell(ms: number): string {
  return ms < MINUTE ? `${Math.round(ms / SECOND)} s` : `${Math.round(ms / MINUTE)} min`;
}
