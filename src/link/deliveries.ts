/**
 * What opened frames carry: each record goes to its handler, fragments become transfers, and what the handlers say
 * goes back in the answer to the frame, or after it (docs/protocol/link.md, "Records").
 */
import type { Clock } from '../core/clock.ts';
import type { NodeId } from '../identity/node-id.ts';
import { FrameAnswer } from './answer.ts';
import type { Conversation } from './conversation.ts';
import { bitmapRecord, readBitmap, readFragment } from './fragments.ts';
import type { IncomingTransfers } from './incoming.ts';
import {
  type Answer,
  arrives,
  type IncomingRecord,
  type IncomingTransfer,
  type Neighbour,
  type Rec,
} from './link.ts';
import type { Destination, Medium, Submission } from './medium.ts';
import { ACK_FRAME_LENGTH } from './owed-records.ts';
import { decodeRecords, RECORD, readAck } from './records.ts';
import type { Live } from './sessions.ts';
import type { StrangersAir } from './strangers-air.ts';

export type RecordHandler = (incoming: IncomingRecord) => void | Promise<void>;
export type TransferHandler = (incoming: IncomingTransfer) => void | Promise<void>;

export interface DeliveriesOptions {
  readonly medium: Medium;
  readonly incoming: IncomingTransfers;
  readonly conversationWith: (id: NodeId) => Conversation;
  readonly neighbour: (id: NodeId) => Neighbour;
  readonly sendLoose: (frame: Uint8Array, to: Destination) => Promise<Submission>;
  /** What may be sent to answer strangers; undefined where nothing is spent on anybody. */
  readonly strangers: StrangersAir | undefined;
  readonly refused: (reason: string) => void;
  /** An answer that found no window did not arrive later either. */
  readonly answerLost: () => void;
  /** An answer was longer than a frame of this medium holds. */
  readonly answerTooLong: () => void;
  readonly clock: Clock;
}

/** A frame that was opened. */
export interface Opened {
  readonly live: Live;
  readonly counter: number;
  readonly content: Uint8Array;
  /** `Clock.monotonic()` of the frame, where its sender waits for the answer. */
  readonly askedAt: number | undefined;
  readonly via: string | undefined;
}

export class Deliveries {
  readonly #o: DeliveriesOptions;
  readonly #recordHandlers = new Map<number, RecordHandler>();
  #transferHandler: TransferHandler | undefined;

  constructor(options: DeliveriesOptions) {
    this.#o = options;
  }

  onRecord(type: number, handler: RecordHandler): void {
    if (this.#recordHandlers.has(type)) throw new Error(`record type ${type} has a handler`);
    this.#recordHandlers.set(type, handler);
  }

  onTransfer(handler: TransferHandler): void {
    if (this.#transferHandler) throw new Error('transfers have a handler');
    this.#transferHandler = handler;
  }

  handle({ askedAt, content, counter, live, via }: Opened): void {
    const { clock, conversationWith, medium, neighbour, strangers } = this.#o;
    const records = decodeRecords(content);
    if (!records) {
      this.#o.refused('records');
      return;
    }
    const conversation = conversationWith(live.peer);
    const isAnswered = strangers?.mayAnswer(live.peer) ?? true;
    if (!isAnswered) this.#o.refused('unanswered-stranger');
    const answer = new FrameAnswer({
      ...{ medium, clock, live, counter, isAnswered, askedAt, via },
      lateAck: () => {
        conversation.owe(live, counter);
        // as if it went alone
        strangers?.answered(live.peer, medium.airtime(ACK_FRAME_LENGTH) ?? 0);
      },
      lateRecord: (record) => this.#deliverLate(live.peer, record),
      lateLoose: (frame) => void this.#deliverLoose(live.peer, frame, { medium: medium.name, via }),
      tooLong: () => this.#o.answerTooLong(),
      spent: (airtimeMs) => strangers?.answered(live.peer, airtimeMs),
    });
    // a bitmap comes before an `ack` of the same frame: an `ack` alone says that the transfer is not known
    for (const { type, body } of records) if (type === RECORD.bitmap) this.#bitmap(conversation, live, body);
    const handled: (void | Promise<void>)[] = [];
    for (const { type, body } of records) {
      if (type === RECORD.bitmap || type === RECORD.hello) continue;
      if (type === RECORD.ack) this.#ack(conversation, live, body);
      else if (type === RECORD.fragment) handled.push(this.#fragment(live, body, answer));
      else {
        const handler = this.#recordHandlers.get(type);
        if (!handler) this.#o.refused('record-type');
        else handled.push(handler({ from: neighbour(live.peer), body, ...answer.request() }));
      }
    }
    answer.send(Promise.all(handled));
  }

  #ack(conversation: Conversation, live: Live, body: Uint8Array): void {
    const counter = readAck(body);
    if (counter === undefined) this.#o.refused('records');
    else conversation.acknowledged(live, counter);
  }

  #bitmap(conversation: Conversation, live: Live, body: Uint8Array): void {
    const bitmap = readBitmap(body);
    if (!bitmap) this.#o.refused('records');
    else if (!conversation.bitmap(live, bitmap)) this.#o.refused('bitmap');
  }

  /** A fragment that belongs to nothing is left to the bare `ack`, which tells its sender so. */
  async #fragment(live: Live, body: Uint8Array, answer: FrameAnswer): Promise<void> {
    const fragment = readFragment(body);
    if (!fragment) {
      this.#o.refused('records');
      return;
    }
    const result = this.#o.incoming.fragment(live.peer, live.index, fragment, this.#o.clock.monotonic());
    if (result.is === 'unknown') {
      this.#o.refused('transfer');
      return;
    }
    if (result.is === 'refused') this.#o.refused('fragment');
    const reply = answer.request(bitmapRecord(result.bitmap));
    if (result.is === 'repeated' && result.reply) repeat(result.reply, reply);
    if (result.is !== 'complete') return;
    await this.#transferHandler?.({
      from: this.#o.neighbour(live.peer),
      id: fragment.id,
      pushed: fragment.pushed,
      bytes: result.bytes,
      reply: (record) => {
        result.answered({ record });
        reply.reply(record);
      },
      replyLoose: (frame) => {
        result.answered({ loose: frame });
        reply.replyLoose(frame);
      },
    });
  }

  async #deliverLoose(from: NodeId, frame: Uint8Array, to: Destination): Promise<void> {
    const submission = await this.#o.sendLoose(frame, to);
    if (submission.sent) this.#o.strangers?.answered(from, submission.airtimeMs);
  }

  /** An answer that found no window: sent like anything else that must arrive. */
  async #deliverLate(to: NodeId, record: Rec): Promise<void> {
    const { answerLost, conversationWith, strangers } = this.#o;
    const spent = (_bytes: number, airtimeMs: number) => strangers?.answered(to, airtimeMs);
    if (!(await arrives(conversationWith(to).send(record, { priority: 0, spent })))) answerLost();
  }
}

function repeat(reply: { readonly record: Rec } | { readonly loose: Uint8Array }, answer: Answer): void {
  if ('record' in reply) answer.reply(reply.record);
  else answer.replyLoose(reply.loose);
}
