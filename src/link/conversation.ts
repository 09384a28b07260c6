/**
 * Reliable delivery to one neighbour (docs/protocol/link.md, "Records"): one frame or burst at a time asks for an
 * answer and is tried again under new counters; where a handshake is due, it comes first.
 */
import { equal } from '../core/bytes.ts';
import type { Clock } from '../core/clock.ts';
import type { Counters } from '../core/counters.ts';
import type { Random } from '../core/random.ts';
import { StorageFailed } from '../db/db.ts';
import { type NodeId, nodeIdKey, nodeIdOf } from '../identity/node-id.ts';
import { type Asked, burst } from './burst.ts';
import { account, type Errand, type ErrandContent, Errands } from './errands.ts';
import { failed } from './failures.ts';
import type { Bitmap } from './fragments.ts';
import { MESSAGE_1_LENGTH, MESSAGE_2_LENGTH, SEALED_OVERHEAD } from './frame.ts';
import type { KeyOf, LinkFailed, OutgoingTransfer, Rec, SendOptions, Sent } from './link.ts';
import type { Medium, Priority, Submission } from './medium.ts';
import { OutgoingFragments } from './outgoing.ts';
import { ACK_FRAME_LENGTH, OwedRecords } from './owed-records.ts';
import { ackRecord, contentLength } from './records.ts';
import type { Live, Sessions } from './sessions.ts';
import {
  answerTimeout,
  HANDSHAKES_IN_DOUBT,
  MOST_HANDSHAKES,
  MOST_TRIES,
  retryDelay,
  TRIES_BEFORE_HANDSHAKE,
} from './timing.ts';
import { Turn } from './turn.ts';
import { Waiter } from './waiter.ts';

/** Tries whose answers are still recognised: those of one frame, and as many before. */
const REMEMBERED_TRIES = 2 * MOST_TRIES;
/** The neighbour has begun a handshake: its first frame is waited for as long as so many full frames last. */
const PATIENCE_FRAMES = 8;

export interface ConversationOptions {
  readonly peer: NodeId;
  readonly medium: Medium;
  readonly sessions: Sessions;
  readonly keyOf: KeyOf;
  readonly clock: Clock;
  readonly random: Random;
  readonly counters: Counters;
  /** The connection that is known to be this neighbour's, where the medium has such. */
  readonly via: () => string | undefined;
  /** Told of every handshake that was begun, unless what it is for pays for it: ms on air of both sides. */
  readonly onHandshake: (airtimeMs: number) => void;
  /** Whether one may begin that nothing pays for: ms on air of both sides. */
  readonly mayBegin: (airtimeMs: number) => boolean;
  /** Told of every try that went without an answer. */
  readonly onUnanswered: () => void;
}

/** A frame or burst that is out and asks for an answer. */
interface Try extends Asked {
  answered: boolean;
}

/** What is waited for, ms; what joins the conversation meanwhile may be worth more tries. */
interface Awaiting {
  readonly isAnswered: () => boolean;
  /** `Clock.monotonic()` of the end of the frame or burst. */
  readonly endedAt: number;
  readonly answerAirtime: number;
  readonly exchangeAirtime: number;
  readonly mostTries: () => number;
  readonly onTimeout?: () => void;
}

type Refusal = (Submission & { sent: false })['refused'];

export class Conversation {
  /** Frames or bursts that asked for an answer, how many of them were answered, and the mean frame lengths of the latter, bytes. */
  asked = 0;
  answered = 0;
  answeredBytes = 0;
  /** The last tries all went unanswered, and nothing has opened since. */
  silent = false;
  readonly #options: ConversationOptions;
  readonly #errands = new Errands();
  readonly #owed = new OwedRecords();
  readonly #waiter: Waiter;
  #tries: Try[] = [];
  /** Tries in a row, of frames and of message 1; and of frames only. */
  #unanswered = 0;
  #unansweredFrames = 0;
  #turn: Turn | undefined;
  #running = false;
  #stopped = false;
  /** The counter of the handshake that was already given the time to go on. */
  #patientWith: bigint | undefined;

  constructor(options: ConversationOptions) {
    this.#options = options;
    this.#waiter = new Waiter(options.clock);
  }

  /** Whether nothing waits and nothing is under way. */
  get idle(): boolean {
    return !this.#running;
  }

  /** Delivers a record; rejects with `LinkFailed`. Throws `RangeError` for one that no frame holds. */
  send(record: Rec, options: SendOptions): Promise<Sent> {
    if (!this.#fits(record)) throw new RangeError(`a record of ${record.body.length} bytes`);
    return this.#add({ kind: 'record', record }, options);
  }

  /** Delivers a transfer; rejects with `LinkFailed`. Throws `RangeError` for one that cannot be. */
  transfer(transfer: OutgoingTransfer, options: SendOptions): Promise<Sent> {
    const fragments = new OutgoingFragments(transfer, this.#options.medium.mtu);
    if (this.isTransferring(transfer.id)) throw new RangeError(`transfer ${transfer.id} is under way`);
    return this.#add({ kind: 'transfer', fragments, pushed: transfer.pushed }, options);
  }

  /** Whether a transfer with this id is under way. */
  isTransferring(id: number): boolean {
    return this.#errands.transfer(id) !== undefined;
  }

  /** An acknowledgement is due and found no window. */
  owe(live: Live, counter: number): void {
    this.#owed.add(live, ackRecord(counter));
    this.#turn?.raise(0);
    this.#start();
  }

  /** Says a record once, without asking for an answer; false where no session is there to say it in, or no frame holds it. */
  mention(record: Rec): boolean {
    const { peer, sessions } = this.#options;
    const live = sessions.current(peer, this.#now());
    if (this.#stopped || !live || !this.#fits(record)) return false;
    this.#owed.add(live, record);
    this.#turn?.raise(0);
    this.#start();
    return true;
  }

  /** An `ack` came under `live`. */
  acknowledged(live: Live, counter: number): void {
    const known = this.#tries.find((t) => t.live === live && Number(t.n & 0xffffn) === counter);
    if (!known) return;
    const answered = known.answered;
    known.answered = true;
    live.session.acknowledged(known.n);
    for (const errand of known.errands) {
      // a burst is answered by a bitmap, unless the receiver does not know what it belongs to
      if (errand.kind === 'record') errand.finish('acknowledged');
      else if (!answered) errand.finish(failed('forgotten'));
    }
    this.#waiter.wake();
  }

  /** A bitmap came under `live`; whether there is such a transfer. */
  bitmap(live: Live, bitmap: Bitmap): boolean {
    const errand = this.#errands.transfer(bitmap.id);
    if (!errand) return false;
    // of a pushed transfer it speaks of what that session carried
    if (errand.pushed && errand.live !== live) return true;
    this.#openedFirst(errand);
    for (const t of this.#tries) if (t.errands.includes(errand)) t.answered = true;
    errand.tries = 0;
    errand.barren = errand.fragments.apply(bitmap) ? 0 : errand.barren + 1;
    if (errand.fragments.complete) errand.finish('acknowledged');
    else if (errand.barren >= MOST_TRIES) errand.finish(failed('no-answer'));
    this.#waiter.wake();
    return true;
  }

  /** A frame of the neighbour has opened, or its sessions have changed. */
  sessionsChanged(): void {
    this.silent = false;
    this.#waiter.wake();
  }

  /** The neighbour's connection has ended: rejects everything that waits. */
  disconnected(): void {
    this.#owed.clear();
    this.#giveUp('unconnected');
    this.#waiter.wake();
  }

  /** Rejects everything that waits. */
  stop(): void {
    this.#stopped = true;
    this.#errands.fail('stopped');
    this.#waiter.wake();
  }

  #add(content: ErrandContent, options: SendOptions): Promise<Sent> {
    if (this.#stopped) return Promise.reject(failed('stopped'));
    const sent = this.#errands.add(content, options, (errand, how) => {
      if (how === 'answered') this.#openedFirst(errand);
      this.#waiter.wake();
    });
    this.#turn?.raise(options.priority);
    this.#start();
    return sent;
  }

  /** An answer to an errand shows that the first of its frames, or a later one under the same keys, has opened. */
  #openedFirst({ first }: Errand): void {
    first?.live.session.acknowledged(first.n);
  }

  async #start(): Promise<void> {
    if (this.#running) return;
    this.#running = true;
    while (!this.#stopped && (!this.#errands.empty || this.#owed.session)) {
      if (this.#errands.empty || this.#hasSession()) await this.#exchange();
      else await this.#handshake();
    }
    this.#running = false;
  }

  async #exchange(): Promise<void> {
    let asked: Asked | undefined;
    let lead: Errand | undefined;
    const { submission, priority } = await this.#takeTurn(this.#estimate(), () => {
      lead = this.#errands.first;
      return burst({ ...this.#options, errands: this.#errands, owed: this.#owed }, (a) => {
        asked = a;
      });
    });
    if (!submission.sent) return this.#refused(submission.refused, priority, asked?.errands);
    // a burst that the law has cut asks for nothing yet, and has cost as much
    const carried = asked?.errands ?? (lead ? [lead] : []);
    if (carried.length > 0) account(carried, submission.bytes, submission.airtimeMs);
    if (asked) await this.#awaitAnswerTo({ ...asked, answered: false }, submission);
  }

  async #awaitAnswerTo(
    tried: Try,
    { airtimeMs, bytes, endedAt, frames }: Submission & { sent: true },
  ): Promise<void> {
    this.asked++;
    this.#tries = [...this.#tries, tried].slice(-REMEMBERED_TRIES);
    const ack = this.#airtime(ACK_FRAME_LENGTH);
    const isAnswered = () => tried.answered || tried.errands.every((e) => e.done);
    await this.#awaitAnswer({
      ...{ isAnswered, endedAt, answerAirtime: ack, exchangeAirtime: airtimeMs / frames + ack },
      mostTries: () => this.#errands.mostTries,
      onTimeout: () => {
        this.#unansweredFrames++;
        for (const errand of tried.errands) errand.tries++;
        if (this.#unanswered >= TRIES_BEFORE_HANDSHAKE) tried.live.suspect = true;
      },
    });
    if (isAnswered()) {
      this.answered++;
      this.answeredBytes += bytes / frames;
    }
    for (const errand of tried.errands)
      if (errand.tries >= errand.mostTries) errand.finish(failed('no-answer'));
  }

  async #handshake(): Promise<void> {
    const { peer, sessions, keyOf } = this.#options;
    const publicKey = keyOf(peer) ?? sessions.of(peer)[0]?.publicKey;
    if (!publicKey || !equal(nodeIdOf(publicKey), peer)) return this.#errands.fail('no-key');
    if (await this.#theyGoOn()) return;
    const [there, back] = [this.#airtime(MESSAGE_1_LENGTH), this.#airtime(MESSAGE_2_LENGTH)];
    if (!this.#errands.first?.paysHandshake && !this.#options.mayBegin(there + back))
      return this.#errands.fail('over-budget');
    const message1 = this.#message1(publicKey);
    if (typeof message1 === 'string') return this.#errands.fail(message1);
    const { submission, priority } = await this.#takeTurn(MESSAGE_1_LENGTH, () => this.#once(message1));
    if (!submission.sent) return this.#refused(submission.refused, priority, undefined);
    const lead = this.#errands.first;
    if (lead) account([lead], submission.bytes, submission.airtimeMs);
    await this.#awaitAnswer({
      ...{ endedAt: submission.endedAt, answerAirtime: back, exchangeAirtime: there + back },
      isAnswered: () => this.#hasSession(),
      mostTries: () => this.#mostHandshakes,
    });
    if (!lead?.paysHandshake)
      this.#options.onHandshake(submission.airtimeMs + (this.#hasSession() ? back : 0));
    if (this.#hasSession()) sessions.abandon(peer);
  }

  /** Of the handshake under way, or of one that is begun now; or why none can be. */
  #message1(publicKey: Uint8Array): Uint8Array | 'no-key' | 'disk' {
    const { counters, peer, sessions } = this.#options;
    try {
      return sessions.begin(peer, publicKey, this.#now())?.message1 ?? 'no-key';
    } catch (e) {
      if (!(e instanceof StorageFailed)) throw e;
      counters.count('link.handshake-unnumbered');
      return 'disk';
    }
  }

  *#once(message1: Uint8Array): Generator<Uint8Array> {
    if (!this.#errands.empty && !this.#hasSession()) yield message1;
  }

  /** They have begun a handshake and it was answered: what they have to say comes first. Waited for once each. */
  async #theyGoOn(): Promise<boolean> {
    const { sessions, peer, medium } = this.#options;
    const awaited = sessions.awaitedFrom(peer);
    if (!awaited || awaited.stale || this.#patientWith === awaited.counter) return false;
    this.#patientWith = awaited.counter;
    const patience = answerTimeout(PATIENCE_FRAMES * this.#airtime(medium.mtu));
    await this.#waiter.until(() => this.#stopped || this.#hasSession(), awaited.begunAt + patience);
    return this.#stopped || this.#hasSession();
  }

  async #takeTurn(
    estimatedBytes: number,
    frames: () => Generator<Uint8Array>,
  ): Promise<{ submission: Submission; priority: Priority }> {
    const { medium, peer, via } = this.#options;
    const priority = this.#owed.session ? 0 : (this.#errands.first?.priority ?? 0);
    const fairnessKey = nodeIdKey(peer);
    const turn = new Turn({ medium, fairnessKey, via: via(), estimatedBytes, frames }, priority);
    this.#turn = turn;
    const submission = await turn.done;
    this.#turn = undefined;
    return { submission, priority: turn.priority };
  }

  /** With how many tries in a row handshakes end. */
  get #mostHandshakes(): number {
    const { mostTries } = this.#errands;
    if (this.#options.medium.connections) return mostTries;
    const most = this.#unansweredFrames > 0 ? this.#unansweredFrames + HANDSHAKES_IN_DOUBT : MOST_HANDSHAKES;
    return Math.min(mostTries, most);
  }

  /** Waits for an answer, and without one for the random time before the next try; reports up after the last. */
  async #awaitAnswer(awaited: Awaiting): Promise<void> {
    const { answerAirtime, endedAt, exchangeAirtime, isAnswered, mostTries, onTimeout } = awaited;
    const done = () => this.#stopped || isAnswered();
    await this.#waiter.until(done, endedAt + answerTimeout(answerAirtime));
    if (!done()) {
      this.#unanswered++;
      this.#options.onUnanswered();
      onTimeout?.();
      await this.#waiter.until(done, this.#now() + this.#pause(exchangeAirtime, mostTries()));
    }
    if (isAnswered()) this.#startAnew();
    else if (this.#unanswered >= mostTries()) this.#giveUp('no-answer');
  }

  #startAnew(): void {
    this.#unanswered = 0;
    this.#unansweredFrames = 0;
  }

  /** After the last try a late answer still has a moment. */
  #pause(exchangeAirtime: number, mostTries: number): number {
    if (this.#unanswered >= mostTries) return 2 * exchangeAirtime;
    return retryDelay(this.#unanswered, exchangeAirtime, this.#options.random);
  }

  /** The channel was not had, or the radio failed on the way. */
  async #refused(why: Refusal, priority: Priority, errands: readonly Errand[] | undefined): Promise<void> {
    if (why === 'nothing') return;
    if (why !== 'radio') {
      this.#owed.clear();
      this.#errands.fail(why === 'late' ? 'queue-full' : why, priority);
      return;
    }
    for (const errand of errands ?? []) errand.tries++;
    this.#unanswered++;
    const { mostTries } = this.#errands;
    if (this.#unanswered >= mostTries) return this.#giveUp('radio');
    const exchange = this.#airtime(this.#options.medium.mtu) + this.#airtime(ACK_FRAME_LENGTH);
    await this.#waiter.until(() => this.#stopped, this.#now() + this.#pause(exchange, mostTries));
  }

  #giveUp(reason: LinkFailed['reason']): void {
    this.#startAnew();
    if (reason === 'no-answer') this.silent = true;
    this.#options.sessions.abandon(this.#options.peer);
    this.#errands.fail(reason);
  }

  /** Expected bytes of the next frame. */
  #estimate(): number {
    const lead = this.#errands.first;
    if (!lead) return ACK_FRAME_LENGTH;
    return lead.kind === 'record' ? SEALED_OVERHEAD + contentLength([lead.record]) : this.#options.medium.mtu;
  }

  #fits(record: Rec): boolean {
    return contentLength([record]) <= this.#options.medium.mtu - SEALED_OVERHEAD;
  }

  #hasSession(): boolean {
    return this.#options.sessions.current(this.#options.peer, this.#now()) !== undefined;
  }

  #airtime(bytes: number): number {
    return this.#options.medium.airtime(bytes) ?? 0;
  }

  #now(): number {
    return this.#options.clock.monotonic();
  }
}
