/**
 * The answer to one frame (docs/protocol/link.md, "Records"): what the handlers reply, or a bare `ack`, within the
 * window; what comes later goes its own way.
 */
import type { Clock } from '../core/clock.ts';
import { FOLLOWS, SEALED_OVERHEAD } from './frame.ts';
import type { Answer, Rec } from './link.ts';
import type { Medium } from './medium.ts';
import { ackRecord, byLength, contentLength, encodeRecords } from './records.ts';
import type { Live } from './sessions.ts';
import { ANSWER_HOLD, ANSWER_WINDOW, earliestAnswer } from './timing.ts';

export interface FrameAnswerOptions {
  readonly medium: Medium;
  readonly clock: Clock;
  /** Under which the frame came, and its counter. */
  readonly live: Live;
  readonly counter: number;
  /** `Clock.monotonic()` at the end of the frame that asks; undefined where it does not. */
  readonly askedAt: number | undefined;
  /** False: whatever it asks, nothing is said to it. */
  readonly isAnswered: boolean;
  /** The connection by which it came. */
  readonly via: string | undefined;
  /** What found no window. */
  readonly lateAck: () => void;
  readonly lateRecord: (record: Rec) => void;
  readonly lateLoose: (frame: Uint8Array) => void;
  /** A reply was longer than a frame of the medium holds, and is said neither in time nor late. */
  readonly tooLong: () => void;
  /** Told what the answer took of the air. */
  readonly spent: (airtimeMs: number) => void;
}

/** One record of the frame that wants an answer. */
interface Request {
  readonly records: Rec[];
  readonly loose: Uint8Array[];
  readonly fallback: Rec | undefined;
}

export class FrameAnswer {
  readonly #options: FrameAnswerOptions;
  readonly #requests: Request[] = [];
  #closed: boolean;
  #allReplied: () => void = () => {};

  constructor(options: FrameAnswerOptions) {
    this.#options = options;
    this.#closed = options.askedAt === undefined && options.isAnswered;
  }

  /** The answer to one more record of the frame; `fallback` stands in for it, in the place of an `ack`. */
  request(fallback?: Rec): Answer {
    const request: Request = { records: [], loose: [], fallback };
    this.#requests.push(request);
    return {
      reply: (record) => {
        // what fits one medium may be asked for by another
        if (contentLength([record]) > this.#room) return this.#options.tooLong();
        if (this.#closed) this.#options.lateRecord(record);
        else request.records.push(record);
        this.#allReplied();
      },
      replyLoose: (frame) => {
        if (this.#closed) this.#options.lateLoose(frame);
        else request.loose.push(frame);
        this.#allReplied();
      },
    };
  }

  /** Answers once all have replied, or `handled` has resolved, or that has taken too long. */
  async send(handled: Promise<unknown>): Promise<void> {
    const { askedAt, clock, isAnswered, medium } = this.#options;
    if (askedAt !== undefined && isAnswered) {
      await this.#ready(handled, askedAt + ANSWER_HOLD - clock.monotonic());
      const pause = askedAt + earliestAnswer(medium) - clock.monotonic();
      if (pause > 0) await clock.sleep(pause);
      this.#closed = true;
      await this.#submit(askedAt + ANSWER_WINDOW);
    }
    await handled;
  }

  #ready(handled: Promise<unknown>, ms: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const cancel = this.#options.clock.after(ms, resolve);
      const ready = () => {
        cancel();
        resolve();
      };
      this.#allReplied = () => {
        if (this.#requests.every(hasReply)) ready();
      };
      if (this.#requests.length > 0) this.#allReplied();
      handled.then(ready, reject);
    });
  }

  async #submit(answerUntil: number): Promise<void> {
    const { medium, live, via, clock, counter, lateAck, lateRecord, lateLoose, spent } = this.#options;
    const loose = this.#requests.flatMap((r) => r.loose);
    const { records, left, needsAck } = this.#compose();
    for (const record of left) lateRecord(record);
    const all = needsAck ? [ackRecord(counter), ...records] : records;
    const content = all.length > 0 ? encodeRecords(all.sort(byLength)) : undefined;
    const frames = loose.map((frame) => () => frame);
    if (content) frames.push(() => live.session.seal(content, FOLLOWS.nothing, clock.monotonic()).frame);
    const submission = await medium.submit({
      priority: 0,
      fairnessKey: undefined,
      via,
      estimatedBytes: loose[0]?.length ?? SEALED_OVERHEAD + (content?.length ?? 0),
      answerUntil,
      next: () => (live.session.ended ? undefined : frames.shift()?.()),
    });
    if (submission.sent) return spent(submission.airtimeMs);
    if (submission.refused !== 'late' && submission.refused !== 'queue-full') return;
    for (const frame of loose) lateLoose(frame);
    for (const record of records) lateRecord(record);
    if (needsAck) lateAck();
  }

  /**
   * One request with its reply says by it that the frame has arrived. Of several, a reply speaks for its own only, so
   * an `ack` speaks for the frame.
   */
  #compose(): { records: Rec[]; left: Rec[]; needsAck: boolean } {
    const needsAck = this.#requests.length !== 1 || this.#requests.some((r) => !hasReply(r) && !r.fallback);
    const ack = needsAck ? [ackRecord(this.#options.counter)] : [];
    const records: Rec[] = [];
    const left: Rec[] = [];
    for (const record of this.#requests.flatMap(repliesOf)) {
      const fits = contentLength([...ack, ...records, record].sort(byLength)) <= this.#room;
      (fits ? records : left).push(record);
    }
    return { records, left, needsAck };
  }

  get #room(): number {
    return this.#options.medium.mtu - SEALED_OVERHEAD;
  }
}

function hasReply(request: Request): boolean {
  return request.records.length > 0 || request.loose.length > 0;
}

function repliesOf(request: Request): readonly Rec[] {
  return hasReply(request) || !request.fallback ? request.records : [request.fallback];
}
