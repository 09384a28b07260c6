/**
 * Reliable delivery to one neighbour (docs/protocol/link.md, "Records"): one frame or burst at a time asks for an
 * answer, is tried again under new counters, and a handshake comes first where one is due.
 */
import { equal } from '../core/bytes.ts';
import type { Clock } from '../core/clock.ts';
import type { Random } from '../core/random.ts';
import { type NodeId, nodeIdKey, nodeIdOf } from '../identity/node-id.ts';
import { byLength, type Errand, Errands, type RecordErrand, type TransferErrand } from './errands.ts';
import type { Bitmap } from './fragments.ts';
import { FOLLOWS, MESSAGE_1_LENGTH, MESSAGE_2_LENGTH, SEALED_OVERHEAD } from './frame.ts';
import {
  type KeyOf,
  LinkFailed,
  type OutgoingTransfer,
  type Rec,
  type SendOptions,
  type Sent,
} from './link.ts';
import type { Medium, Priority, Submission } from './medium.ts';
import { OutgoingFragments } from './outgoing.ts';
import { ackRecord, contentLength, encodeRecords } from './records.ts';
import type { Live, Sessions } from './sessions.ts';
import { answerTimeout, burstLength, MOST_TRIES, retryDelay, TRIES_BEFORE_HANDSHAKE } from './timing.ts';
import { Turn } from './turn.ts';

/** Bytes of a frame that holds one `ack`. */
export const ACK_FRAME_LENGTH = SEALED_OVERHEAD + 3;
/** Tries whose answers are still recognised: those of one frame, and as many before. */
const REMEMBERED_ATTEMPTS = 2 * MOST_TRIES;
/** Answers that are owed and found no window. */
const MOST_OWED_ACKS = 8;
/** The neighbour has begun a handshake: its first frame is waited for as long as so many full frames last. */
const PATIENCE_FRAMES = 8;

export interface ConversationOptions {
  readonly peer: NodeId;
  readonly medium: Medium;
  readonly sessions: Sessions;
  readonly keyOf: KeyOf;
  readonly clock: Clock;
  readonly random: Random;
}

interface OwedAck {
  readonly live: Live;
  readonly counter: number;
}

/** One frame or burst that asked for an answer. */
interface Attempt {
  live: Live | undefined;
  /** Of the frame that asks; undefined until it is built. */
  n: bigint | undefined;
  errands: Errand[];
  answered: boolean;
}

export class Conversation {
  /** Frames that asked for an answer, and how many of them were answered. */
  asked = 0;
  answered = 0;
  readonly #options: ConversationOptions;
  readonly #errands = new Errands();
  #attempts: Attempt[] = [];
  #owedAcks: OwedAck[] = [];
  /** Tries in a row, of frames and of message 1. */
  #unanswered = 0;
  #turn: Turn | undefined;
  #wake: () => void = () => {};
  #running = false;
  #stopped = false;
  /** Whose message 1 was already given the time to go on. */
  #patientWith: bigint | undefined;

  constructor(options: ConversationOptions) {
    this.#options = options;
  }

  /** Whether nothing waits and nothing is under way. */
  get idle(): boolean {
    return !this.#running;
  }

  /** Delivers a record; rejects with `LinkFailed`. */
  send(record: Rec, options: SendOptions): Promise<Sent> {
    const room = this.#options.medium.mtu - SEALED_OVERHEAD;
    if (contentLength([record]) > room) throw new RangeError(`a record of ${record.body.length} bytes`);
    return this.#add({ kind: 'record', record }, options);
  }

  /** Delivers a transfer; rejects with `LinkFailed`. */
  transfer(transfer: OutgoingTransfer, options: SendOptions): Promise<Sent> {
    const fragments = new OutgoingFragments(transfer, this.#options.medium.mtu);
    if (this.#errands.transfer(transfer.id)) throw new RangeError(`transfer ${transfer.id} is under way`);
    return this.#add({ kind: 'transfer', fragments, pushed: transfer.pushed }, options);
  }

  /** Whether a transfer with this id is under way. */
  isTransferring(id: number): boolean {
    return this.#errands.transfer(id) !== undefined;
  }

  /** An acknowledgement that is due and missed its window: it goes with the next frame, or alone. */
  owe(live: Live, counter: number): void {
    this.#owedAcks = [...this.#owedAcks, { live, counter }].slice(-MOST_OWED_ACKS);
    this.#turn?.raise(0);
    this.#start();
  }

  /** An `ack` came under `live`. */
  acknowledged(live: Live, counter: number): void {
    const attempt = this.#attempts.find(
      (a) => a.live === live && a.n !== undefined && Number(a.n & 0xffffn) === counter,
    );
    if (attempt?.n === undefined) return;
    const answered = attempt.answered;
    attempt.answered = true;
    live.session.acknowledged(attempt.n);
    for (const errand of attempt.errands) {
      // a burst is answered by a bitmap, unless the receiver does not know what it belongs to
      if (errand.kind === 'record') errand.finish('acknowledged');
      else if (!answered)
        errand.finish(new LinkFailed('forgotten', 'the neighbour does not expect this transfer any more'));
    }
    this.#wake();
  }

  /** A bitmap came under `live`; whether there is such a transfer. */
  bitmap(live: Live, bitmap: Bitmap): boolean {
    const errand = this.#errands.transfer(bitmap.id);
    if (!errand) return false;
    // of a pushed transfer it speaks of what this session carried
    if (errand.live !== live && errand.pushed) return true;
    if (errand.first) errand.first.live.session.acknowledged(errand.first.n);
    for (const attempt of this.#attempts) if (attempt.errands.includes(errand)) attempt.answered = true;
    errand.tries = 0;
    errand.barren = errand.fragments.apply(bitmap) ? 0 : errand.barren + 1;
    if (errand.fragments.complete) errand.finish('acknowledged');
    else if (errand.barren >= MOST_TRIES)
      errand.finish(
        new LinkFailed('no-answer', 'the neighbour answers, but nothing of the transfer arrives'),
      );
    this.#wake();
    return true;
  }

  /** The neighbour's sessions have changed. */
  sessionsChanged(): void {
    this.#wake();
  }

  /** Rejects everything that waits. */
  stop(): void {
    this.#stopped = true;
    this.#errands.fail('stopped', 'the link was stopped');
    this.#owedAcks = [];
    this.#wake();
  }

  #add(content: Parameters<Errands['add']>[0], options: SendOptions): Promise<Sent> {
    if (this.#stopped) return Promise.reject(new LinkFailed('stopped', 'the link was stopped'));
    const sent = this.#errands.add(content, options, (errand, how) => {
      if (how === 'answered' && errand.first) errand.first.live.session.acknowledged(errand.first.n);
      this.#wake();
    });
    this.#turn?.raise(options.priority);
    this.#start();
    return sent;
  }

  async #start(): Promise<void> {
    if (this.#running) return;
    this.#running = true;
    while (!this.#stopped && (!this.#errands.empty || this.#hasOwedAcks())) {
      const live = this.#options.sessions.current(this.#options.peer, this.#now());
      if (this.#errands.empty || live) await this.#exchange();
      else await this.#handshake();
    }
    this.#running = false;
  }

  // ── one frame or burst ─────────────────────────────────────────────────────────────────────────────────────────

  async #exchange(): Promise<void> {
    const attempt: Attempt = { live: undefined, n: undefined, errands: [], answered: false };
    const lead = this.#errands.first;
    const estimate = lead?.kind === 'record' ? SEALED_OVERHEAD + contentLength([lead.record]) : undefined;
    const length = lead ? (estimate ?? this.#options.medium.mtu) : ACK_FRAME_LENGTH;
    const { submission, priority } = await this.#takeTurn(length, () => this.#frames(attempt));
    if (!submission.sent) return this.#refused(submission.refused, priority, attempt);
    this.#account(attempt.errands, submission);
    if (attempt.n === undefined) return;
    this.asked++;
    this.#attempts = [...this.#attempts, attempt].slice(-REMEMBERED_ATTEMPTS);
    const exchangeAirtime = submission.airtimeMs / submission.frames + this.#airtime(ACK_FRAME_LENGTH);
    await this.#awaitAnswer(() => isAnswered(attempt), {
      endedAt: submission.endedAt,
      answerAirtime: this.#airtime(ACK_FRAME_LENGTH),
      exchangeAirtime,
      onTimeout: () => {
        for (const errand of attempt.errands) errand.tries++;
        if (this.#unanswered >= TRIES_BEFORE_HANDSHAKE && attempt.live) attempt.live.suspect = true;
      },
    });
    if (isAnswered(attempt)) this.answered++;
    for (const errand of attempt.errands)
      if (errand.tries >= MOST_TRIES)
        errand.finish(new LinkFailed('no-answer', 'the neighbour does not answer'));
  }

  *#frames(attempt: Attempt): Generator<Uint8Array> {
    const lead = this.#errands.first;
    const live = lead && this.#options.sessions.current(this.#options.peer, this.#now());
    if (!lead) yield* this.#ackFrame();
    else if (live && lead.kind === 'record') yield this.#recordFrame(attempt, live, lead);
    else if (live && lead.kind === 'transfer') yield* this.#fragmentFrames(attempt, live, lead);
  }

  #recordFrame(attempt: Attempt, live: Live, lead: RecordErrand): Uint8Array {
    const errands = this.#errands.pack(lead, this.#contentRoom());
    return this.#sealAsking(
      attempt,
      live,
      errands,
      errands.map((e) => e.record),
    );
  }

  *#fragmentFrames(attempt: Attempt, live: Live, errand: TransferErrand): Generator<Uint8Array> {
    if (errand.pushed && errand.live && errand.live !== live) {
      errand.fragments.restart();
      errand.first = undefined;
    }
    errand.live = live;
    const { medium } = this.#options;
    const burst = errand.fragments.burst(burstLength(medium.airtime(medium.mtu)));
    for (const [i, index] of burst.entries()) {
      // between two frames the errand may be done, and the session at its end
      if (errand.done || live.session.ended) return;
      const record = errand.fragments.record(index);
      if (i < burst.length - 1)
        yield live.session.seal(encodeRecords([record]), FOLLOWS.burst, this.#now()).frame;
      else yield this.#sealAsking(attempt, live, [errand], [record]);
    }
  }

  /** A frame that asks for an answer, with the acknowledgements that are owed as far as there is room. */
  #sealAsking(attempt: Attempt, live: Live, errands: Errand[], records: Rec[]): Uint8Array {
    const all = this.#withOwedAcks(live, records);
    const { frame, n } = live.session.seal(encodeRecords(all), FOLLOWS.answer, this.#now());
    for (const errand of errands) if (errand.first?.live !== live) errand.first = { live, n };
    attempt.live = live;
    attempt.n = n;
    attempt.errands = errands;
    live.usedAt = this.#now();
    return frame;
  }

  /** Owed acknowledgements alone, which ask for nothing. */
  *#ackFrame(): Generator<Uint8Array> {
    if (!this.#hasOwedAcks()) return;
    const live = this.#owedAcks[0]?.live;
    if (live)
      yield live.session.seal(encodeRecords(this.#withOwedAcks(live, [])), FOLLOWS.nothing, this.#now())
        .frame;
  }

  #withOwedAcks(live: Live, records: Rec[]): Rec[] {
    const room = this.#contentRoom();
    let all = records;
    const left: OwedAck[] = [];
    for (const owed of this.#owedAcks) {
      const more = [ackRecord(owed.counter), ...all];
      if (owed.live === live && contentLength(more) <= room) all = more;
      else left.push(owed);
    }
    this.#owedAcks = left;
    return [...all].sort(byLength);
  }

  #hasOwedAcks(): boolean {
    this.#owedAcks = this.#owedAcks.filter((a) => !a.live.session.ended);
    return this.#owedAcks.length > 0;
  }

  // ── handshake ──────────────────────────────────────────────────────────────────────────────────────────────────

  async #handshake(): Promise<void> {
    const { peer, sessions } = this.#options;
    const publicKey = this.#options.keyOf(peer) ?? sessions.of(peer)[0]?.publicKey;
    if (!publicKey || !equal(nodeIdOf(publicKey), peer))
      return this.#errands.fail('no-key', 'the key of this node is not known');
    if (await this.#theyBegan()) return;
    const initiation = sessions.begin(peer, publicKey, this.#now());
    if (!initiation) return this.#errands.fail('no-key', 'the key of this node is not valid');
    const message1 = initiation.message1;
    const { submission, priority } = await this.#takeTurn(message1.length, () => this.#messageOnce(message1));
    if (!submission.sent) return this.#refused(submission.refused, priority, undefined);
    const first = this.#errands.first;
    if (first) this.#account([first], submission);
    const answerAirtime = this.#airtime(MESSAGE_2_LENGTH);
    await this.#awaitAnswer(() => this.#hasSession(), {
      endedAt: submission.endedAt,
      answerAirtime,
      exchangeAirtime: this.#airtime(MESSAGE_1_LENGTH) + answerAirtime,
      onTimeout: () => {},
    });
    if (this.#hasSession()) sessions.abandon(peer);
  }

  *#messageOnce(message1: Uint8Array): Generator<Uint8Array> {
    if (!this.#errands.empty && !this.#hasSession()) yield message1;
  }

  /** They have begun a handshake and it was answered: what they have to say comes first. Waited for once each. */
  async #theyBegan(): Promise<boolean> {
    const { sessions, peer, medium } = this.#options;
    const awaited = sessions.awaitedFrom(peer);
    if (!awaited || awaited.stale || this.#patientWith === awaited.counter) return false;
    this.#patientWith = awaited.counter;
    const patience = answerTimeout(PATIENCE_FRAMES * this.#airtime(medium.mtu));
    await this.#until(() => this.#hasSession(), awaited.begunAt + patience);
    return this.#hasSession();
  }

  #hasSession(): boolean {
    return this.#options.sessions.current(this.#options.peer, this.#now()) !== undefined;
  }

  // ── waiting ────────────────────────────────────────────────────────────────────────────────────────────────────

  async #takeTurn(
    estimatedBytes: number,
    frames: () => Generator<Uint8Array>,
  ): Promise<{ submission: Submission; priority: Priority }> {
    const { medium, peer } = this.#options;
    const first = this.#hasOwedAcks() ? 0 : (this.#errands.first?.priority ?? 0);
    const turn = new Turn({ medium, fairnessKey: nodeIdKey(peer), estimatedBytes, frames }, first);
    this.#turn = turn;
    const submission = await turn.done;
    this.#turn = undefined;
    return { submission, priority: turn.priority };
  }

  /** Waits for an answer, and after it for the random time before the next try; reports up after the last. */
  async #awaitAnswer(
    answered: () => boolean,
    times: { endedAt: number; answerAirtime: number; exchangeAirtime: number; onTimeout: () => void },
  ): Promise<void> {
    await this.#until(answered, times.endedAt + answerTimeout(times.answerAirtime));
    if (!answered() && !this.#stopped) {
      this.#unanswered++;
      times.onTimeout();
      // after the last try a late answer still has a moment
      const pause =
        this.#unanswered < MOST_TRIES
          ? retryDelay(this.#unanswered, times.exchangeAirtime, this.#options.random)
          : 2 * times.exchangeAirtime;
      await this.#until(answered, this.#now() + pause);
    }
    if (answered()) this.#unanswered = 0;
    else if (this.#unanswered >= MOST_TRIES) this.#giveUp('no-answer', 'the neighbour does not answer');
  }

  /** The channel was not had, or the radio failed on the way. */
  async #refused(
    why: (Submission & { sent: false })['refused'],
    priority: Priority,
    attempt: Attempt | undefined,
  ): Promise<void> {
    if (why === 'nothing') return;
    if (why === 'radio') {
      for (const errand of attempt?.errands ?? []) errand.tries++;
      this.#unanswered++;
      if (this.#unanswered >= MOST_TRIES) return this.#giveUp('radio', 'the radio does not send');
      const exchange = this.#airtime(this.#options.medium.mtu) + this.#airtime(ACK_FRAME_LENGTH);
      return this.#until(
        () => false,
        this.#now() + retryDelay(this.#unanswered, exchange, this.#options.random),
      );
    }
    this.#owedAcks = [];
    const reason = why === 'late' ? 'queue-full' : why;
    this.#errands.fail(reason, REFUSALS[reason], priority);
  }

  #giveUp(reason: LinkFailed['reason'], message: string): void {
    this.#unanswered = 0;
    this.#options.sessions.abandon(this.#options.peer);
    this.#errands.fail(reason, message);
  }

  /** Resolves once `done()` holds after something happened, or at `deadline`. */
  async #until(done: () => boolean, deadline: number): Promise<void> {
    while (!this.#stopped && !done() && this.#now() < deadline) {
      await new Promise<void>((resolve) => {
        const cancel = this.#options.clock.after(deadline - this.#now(), resolve);
        this.#wake = () => {
          cancel();
          resolve();
        };
      });
    }
    this.#wake = () => {};
  }

  /** Tells each errand its share of what went out, by length. */
  #account(errands: readonly Errand[], { bytes, airtimeMs }: Submission & { sent: true }): void {
    const lengthOf = (e: Errand) => (e.kind === 'record' ? e.record.body.length + 1 : 1);
    const total = errands.reduce((n, e) => n + lengthOf(e), 0);
    for (const e of errands) {
      const share = lengthOf(e) / total;
      e.spent?.(Math.round(bytes * share), airtimeMs * share);
    }
  }

  #contentRoom(): number {
    return this.#options.medium.mtu - SEALED_OVERHEAD;
  }

  #airtime(bytes: number): number {
    return this.#options.medium.airtime(bytes) ?? 0;
  }

  #now(): number {
    return this.#options.clock.monotonic();
  }
}

const REFUSALS = {
  'queue-full': 'too much waits for the channel already',
  law: 'the allowance on the air is used up for now',
  stopped: 'the medium was stopped',
};

/** Whether an attempt has its answer: an `ack` or bitmap, or from the rooms above for all it carried. */
function isAnswered(attempt: Attempt): boolean {
  return attempt.answered || attempt.errands.every((e) => e.done);
}
