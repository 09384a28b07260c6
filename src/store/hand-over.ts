/**
 * Handing one object to one neighbour, pushed or offered, and waiting for what its store answers
 * (docs/protocol/store.md, "Handing over").
 */
import type { Clock } from '../core/clock.ts';
import { type NodeId, nodeIdKey } from '../identity/node-id.ts';
import { type Link, LinkFailed, type Neighbour, type SendOptions, type Sent } from '../link/link.ts';
import { RECORD } from '../link/records.ts';
import { exchangeMs } from '../mesh/link-meter.ts';
import { type Accept, encodeOffer, type RefusalReason } from './exchange-records.ts';
import { type DataObject, type ObjectId, shortIdOf } from './object.ts';
import { type CompactHeader, compactOf, encodeParcel, type Travel } from './parcel.ts';

/** An acknowledged hand-over whose answer does not come is taken for lost after this long. */
const ANSWER_WAIT_MS = 60_000;

export type Answer =
  /** A record has settled the trace, or the trace has moved on otherwise. */
  | { readonly kind: 'settled' }
  | { readonly kind: 'accept'; readonly accept: Accept }
  | { readonly kind: 'refuse'; readonly reason: RefusalReason; readonly until: number | undefined }
  /** It may have it. */
  | { readonly kind: 'silent'; readonly why: string }
  /** It cannot have it: nothing went out. */
  | { readonly kind: 'unsent'; readonly why: string };

/** Who pays: it was written here, or came from a contact, or from a stranger. */
export type Whose = 'own' | 'contact' | 'stranger';

export interface Parcelled {
  readonly n: number;
  readonly id: ObjectId;
  readonly whose: Whose;
  readonly object: DataObject;
  /** Left out of what travels where the neighbour is the recipient. */
  readonly recipients: readonly NodeId[];
  readonly travel: Travel;
}

export interface HandOversOptions {
  readonly link: Link;
  readonly clock: Clock;
  readonly spent: (whose: Whose, id: ObjectId, bytes: number, airtimeMs: number) => void;
}

interface Waiting {
  readonly from: string;
  answered(answer: Answer): void;
}

/** At most one for each object (by number) at a time. */
export class HandOvers {
  readonly #o: HandOversOptions;
  readonly #waiting = new Map<number, Waiting>();
  /** Objects that somebody was given before. */
  readonly #tried = new Set<number>();

  constructor(options: HandOversOptions) {
    this.#o = options;
  }

  /**
   * Gives it to a neighbour. Pushed is what fits two frames, and to its recipient, the first time, what fits a burst:
   * the recipient wants it for certain. A relay is offered what was tried before: it may have it, or not want it.
   */
  async give(parcelled: Parcelled, to: NodeId): Promise<Answer> {
    const { n, object } = parcelled;
    const header = headerOf(parcelled);
    const parcel = encodeParcel({ header, bytes: object.bytes });
    const neighbour = this.#o.link.neighbour(to);
    const first = !this.#tried.has(n);
    this.#tried.add(n);
    const direct = header.recipients.length === 0;
    const room = direct && first ? neighbour.burstRoom : neighbour.twoFrameRoom;
    if (parcel.length > room || !(direct || first))
      return this.#offer(RECORD.offer, parcelled, neighbour, header);
    if (parcel.length <= neighbour.recordRoom)
      return this.#say(parcelled, to, (o) => neighbour.send({ type: RECORD.push, body: parcel }, o));
    const id = neighbour.nextTransferId();
    if (id === undefined) return CROWDED;
    return this.#say(parcelled, to, (o) =>
      neighbour.transfer({ id, pushed: true, bytes: parcel, held: [] }, o),
    );
  }

  /** Gives it back to a giver, who may still remember it but has no bytes. */
  async giveBack(parcelled: Parcelled, to: NodeId): Promise<Answer> {
    return this.#offer(RECORD.return, parcelled, this.#o.link.neighbour(to), headerOf(parcelled));
  }

  /** What a message of 100 bytes and its answer take to a neighbour, ms; undefined where there is no airtime. */
  exchangeMs(to: NodeId): number | undefined {
    return exchangeMs(this.#o.link.neighbour(to));
  }

  /** A neighbour's store has answered. */
  answered(n: number, from: NodeId, answer: Answer): void {
    const waiting = this.#waiting.get(n);
    if (waiting?.from === nodeIdKey(from)) waiting.answered(answer);
  }

  /** The trace has moved on: nothing more is said for this object. */
  settled(n: number): void {
    this.#tried.delete(n);
    this.#waiting.get(n)?.answered({ kind: 'settled' });
  }

  async #offer(
    type: number,
    parcelled: Parcelled,
    neighbour: Neighbour,
    header: CompactHeader,
  ): Promise<Answer> {
    const { object } = parcelled;
    const id = neighbour.nextTransferId();
    if (id === undefined) return CROWDED;
    const objectId = shortIdOf(parcelled.id);
    const offer = encodeOffer({ transferId: id, objectId, size: object.bytes.length, header });
    const answer = await this.#say(parcelled, neighbour.id, (o) => neighbour.send({ type, body: offer }, o));
    if (answer.kind !== 'accept') return answer;
    const { held } = answer.accept;
    return this.#say(parcelled, neighbour.id, (o) =>
      neighbour.transfer({ id, pushed: false, bytes: object.bytes, held }, o),
    );
  }

  async #say(
    { n, id, whose }: Parcelled,
    to: NodeId,
    say: (options: SendOptions) => Promise<Sent>,
  ): Promise<Answer> {
    const { clock, spent } = this.#o;
    const settled = new AbortController();
    let answer: Answer | undefined;
    this.#waiting.set(n, {
      from: nodeIdKey(to),
      answered: (a) => {
        answer ??= a;
        settled.abort();
      },
    });
    try {
      await say({
        priority: 1,
        settled: settled.signal,
        spent: (bytes, airtimeMs) => spent(whose, id, bytes, airtimeMs),
      });
      if (!answer) await clock.sleep(ANSWER_WAIT_MS, settled.signal).catch(() => {});
      return answer ?? { kind: 'silent', why: 'The neighbour took it but did not answer.' };
    } catch (e) {
      if (!(e instanceof LinkFailed)) throw e;
      return answer ?? failed(e.reason);
    } finally {
      this.#waiting.delete(n);
    }
  }
}

const CROWDED: Answer = { kind: 'unsent', why: 'Too many transfers to this neighbour are under way.' };

function failed(reason: LinkFailed['reason']): Answer {
  switch (reason) {
    case 'no-answer':
      return { kind: 'silent', why: 'The neighbour did not answer.' };
    case 'forgotten':
      return { kind: 'silent', why: 'The neighbour has just been started again.' };
    case 'no-key':
      return { kind: 'unsent', why: "The neighbour's key is not known yet." };
    case 'queue-full':
      return { kind: 'unsent', why: 'The radio has too much to send.' };
    case 'law':
      return { kind: 'unsent', why: "The region's airtime allowance is spent." };
    case 'over-budget':
      return { kind: 'unsent', why: 'Too many handshakes have gone unanswered lately.' };
    case 'disk':
      return { kind: 'unsent', why: 'The disk takes no more handshakes: check the disk or card.' };
    case 'radio':
      return { kind: 'unsent', why: 'The radio failed.' };
    case 'unconnected':
      return { kind: 'unsent', why: 'There is no connection to the neighbour.' };
    case 'stopped':
      return { kind: 'unsent', why: 'The box is stopping.' };
  }
}

function headerOf({ object, recipients, travel }: Parcelled): CompactHeader {
  return compactOf(object.header, recipients, travel);
}
