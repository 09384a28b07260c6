/**
 * The giving side of custody: hands what is held to its recipient whenever that is a neighbour, one object at a
 * time and in order, and pays off owed receipts (docs/protocol/store.md, "Handing over").
 */
import type { Clock } from '../core/clock.ts';
import type { Db } from '../db/db.ts';
import { type NodeId, nodeIdFromKey, nodeIdKey } from '../identity/node-id.ts';
import { type IncomingRecord, type Link, LinkFailed, type SendOptions, type Sent } from '../link/link.ts';
import { RECORD } from '../link/records.ts';
import type { Discovery } from '../mesh/discovery.ts';
import { Backoff, type Failure } from './backoff.ts';
import { type Accept, decodeAccept, decodeRefuse, encodeOffer } from './exchange-records.ts';
import type { Holding, Holdings } from './holdings.ts';
import { type DataObject, type ObjectId, shortIdOf } from './object.ts';
import { encodeParcel, FRESH_TRAVEL } from './parcel.ts';
import type { TraceEvent } from './trace.ts';
import { decodeUnreadable, isGenuine } from './unreadable.ts';

/** An acknowledged hand-over whose answer does not come is taken for lost after this long. */
const ANSWER_WAIT_MS = 60_000;

export interface GiverOptions {
  readonly db: Db;
  readonly holdings: Holdings;
  readonly link: Link;
  readonly discovery: Discovery;
  readonly clock: Clock;
  /** For people: why an object waits. */
  readonly note: (id: ObjectId, detail: string) => void;
  readonly spent: (id: ObjectId, bytes: number, airtimeMs: number) => void;
  readonly settle: (n: number, event: TraceEvent) => Promise<void>;
}

type Answer =
  | { readonly kind: 'settled' }
  | { readonly kind: 'accept'; readonly accept: Accept }
  | (Failure & { readonly why: string });

interface Waiting {
  readonly from: string;
  readonly id: ObjectId;
  answered(answer: Answer): void;
}

interface Found {
  readonly n: number;
  readonly holding: Holding;
  readonly object: DataObject;
}

export class Giver {
  readonly #o: GiverOptions;
  readonly #backoff = new Backoff();
  /** Recipients for whom a round of hand-overs runs. */
  readonly #rounds = new Set<string>();
  readonly #waiting = new Map<number, Waiting>();
  /** Objects that were pushed before: the next time they are offered where they are long. */
  readonly #tried = new Set<number>();
  #stopped = false;

  constructor(options: GiverOptions) {
    this.#o = options;
  }

  stop(): void {
    this.#stopped = true;
  }

  /** Whether this object is being handed over right now. */
  underway(n: number): boolean {
    return this.#waiting.has(n);
  }

  /**
   * Hands over what is held for `recipient`, if it is there and no pause holds. Nothing is handed over while the
   * receipt could not be written down: it would be handed over for ever.
   */
  step(recipient: NodeId): void {
    const key = nodeIdKey(recipient);
    const { clock, db, discovery, holdings } = this.#o;
    if (this.#stopped || this.#rounds.has(key) || this.#backoff.waits(key, clock.monotonic())) return;
    if (holdings.heldFor(recipient).length === 0) {
      discovery.unwant(recipient);
    } else if (db.refusal) {
      const pause = this.#backoff.fail(key, { kind: 'refuse', reason: 'full' }, clock.monotonic());
      clock.after(pause, () => this.step(recipient));
    } else if (!discovery.reachable(recipient)) {
      discovery.want(recipient);
      for (const n of holdings.heldFor(recipient)) this.#note(n, 'Waiting until the recipient is heard.');
    } else if (this.#next(recipient)) {
      this.#rounds.add(key);
      void this.#round(recipient).finally(() => {
        this.#rounds.delete(key);
        this.step(recipient);
      });
    }
  }

  /** A sign of life: what waits for that node goes, and so do receipts owed to it. */
  heard(id: NodeId): void {
    const { clock, db, holdings } = this.#o;
    const key = nodeIdKey(id);
    this.#backoff.heard(key, clock.monotonic());
    this.step(id);
    const owed = db.read((tx) => [...holdings.owed(tx)].filter((o) => o.givers.includes(key)));
    for (const { n } of owed) void this.pay(n);
  }

  accepted({ from, body }: IncomingRecord): void {
    const accept = decodeAccept(body);
    if (accept) this.#answered(from.id, accept.objectId, { kind: 'accept', accept });
  }

  refused({ from, body }: IncomingRecord): void {
    const refuse = decodeRefuse(body);
    if (!refuse) return;
    const { objectId, reason } = refuse;
    this.#answered(from.id, objectId, {
      kind: 'refuse',
      reason,
      why: `The neighbour refused it (${reason}).`,
    });
  }

  /** A signed word of the recipient that it cannot open the object. */
  async unreadable({ body }: IncomingRecord): Promise<void> {
    const { db, discovery, holdings, settle } = this.#o;
    const word = decodeUnreadable(body);
    const publicKey = word && discovery.keyOf(word.recipient);
    if (!publicKey || !isGenuine(word, publicKey)) return;
    for (const n of holdings.byShortId(shortIdOf(word.objectId))) {
      const holding = db.read((tx) => holdings.get(tx, n));
      const meant = holding && nodeIdKey(holding.recipient) === nodeIdKey(word.recipient);
      if (meant) await settle(n, { kind: 'unreadable' });
    }
  }

  /** The trace has moved on: nothing more is said for this object. */
  settled(n: number): void {
    this.#tried.delete(n);
    this.#waiting.get(n)?.answered({ kind: 'settled' });
  }

  /** Tells the givers of an object its receipt, each until it says that it has it. */
  async pay(n: number): Promise<void> {
    const { db, discovery, holdings, link } = this.#o;
    const holding = db.read((tx) => holdings.get(tx, n));
    if (holding?.trace.state !== 'receipted' || this.#waiting.has(n)) return;
    const { givers, secret } = holding.trace;
    for (const key of givers) {
      const giver = nodeIdFromKey(key);
      if (!discovery.reachable(giver)) continue;
      const neighbour = link.neighbour(giver);
      await this.#ask(n, holding, giver, (o) =>
        neighbour.send({ type: RECORD.receipt, body: secret }, { ...o, priority: 0 }),
      );
    }
  }

  /** One object after the other, until none is left or one did not get across. */
  async #round(recipient: NodeId): Promise<void> {
    const { clock, db, discovery } = this.#o;
    const key = nodeIdKey(recipient);
    while (!this.#stopped && !db.refusal && discovery.reachable(recipient)) {
      const found = this.#next(recipient);
      if (!found) return;
      const answer = await this.#handOver(found, recipient);
      if (answer.kind === 'settled' || answer.kind === 'accept') {
        this.#backoff.clear(key);
        continue;
      }
      // silence and a full disk concern the neighbour; any other refusal only this object
      const whole = answer.kind === 'silent' || answer.reason === 'full' || answer.reason === 'busy';
      const pause = this.#backoff.fail(whole ? key : objectKey(found.n), answer, clock.monotonic());
      this.#note(found.n, `${answer.why} Next try in ${spell(pause)}.`);
      clock.after(pause, () => this.step(recipient));
      if (whole) return;
    }
  }

  /** The oldest held object for which no pause holds. */
  #next(recipient: NodeId): Found | undefined {
    const { clock, db, holdings } = this.#o;
    const now = clock.monotonic();
    return db.read((tx) => {
      for (const n of holdings.heldFor(recipient)) {
        const holding = holdings.get(tx, n);
        const object = holdings.object(tx, n);
        if (holding?.trace.state === 'held' && object && !this.#backoff.waits(objectKey(n), now))
          return { n, holding, object };
      }
      return undefined;
    });
  }

  async #handOver({ n, holding, object }: Found, to: NodeId): Promise<Answer> {
    const { link } = this.#o;
    const { contentType, priority, minBandwidth, ttl } = object.header;
    const properties = { contentType, priority, minBandwidth, ttl };
    const header = { ...properties, lock: holding.lock, recipients: [], travel: FRESH_TRAVEL };
    const parcel = encodeParcel({ header, bytes: object.bytes });
    const neighbour = link.neighbour(to);
    const first = !this.#tried.has(n);
    this.#tried.add(n);
    if (parcel.length <= neighbour.recordRoom)
      return this.#ask(n, holding, to, (o) => neighbour.send({ type: RECORD.push, body: parcel }, o));
    const id = neighbour.nextTransferId();
    if (id === undefined)
      return { kind: 'silent', why: 'Too many transfers to this neighbour are under way.' };
    if (parcel.length <= (first ? neighbour.burstRoom : neighbour.twoFrameRoom))
      return this.#ask(n, holding, to, (o) =>
        neighbour.transfer({ id, pushed: true, bytes: parcel, held: [] }, o),
      );
    const objectId = shortIdOf(holding.id);
    const offer = encodeOffer({ transferId: id, objectId, size: object.bytes.length, header });
    const answer = await this.#ask(n, holding, to, (o) =>
      neighbour.send({ type: RECORD.offer, body: offer }, o),
    );
    if (answer.kind !== 'accept') return answer;
    const { held } = answer.accept;
    return this.#ask(n, holding, to, (o) =>
      neighbour.transfer({ id, pushed: false, bytes: object.bytes, held }, o),
    );
  }

  /** Says something and waits for what the neighbour's store answers. */
  async #ask(
    n: number,
    { id }: Holding,
    to: NodeId,
    say: (options: SendOptions) => Promise<Sent>,
  ): Promise<Answer> {
    const { clock, spent } = this.#o;
    const settled = new AbortController();
    let answer: Answer | undefined;
    const answered = (a: Answer) => {
      answer ??= a;
      settled.abort();
    };
    this.#waiting.set(n, { from: nodeIdKey(to), id, answered });
    try {
      await say({
        priority: 1,
        settled: settled.signal,
        spent: (bytes, airtimeMs) => spent(id, bytes, airtimeMs),
      });
      if (!answer) await clock.sleep(ANSWER_WAIT_MS, settled.signal).catch(() => {});
      return answer ?? { kind: 'silent', why: 'The neighbour took it but did not answer.' };
    } catch (e) {
      if (!(e instanceof LinkFailed)) throw e;
      return answer ?? { kind: 'silent', why: FAILED[e.reason] };
    } finally {
      this.#waiting.delete(n);
    }
  }

  #answered(from: NodeId, shortId: Uint8Array, answer: Answer): void {
    for (const n of this.#o.holdings.byShortId(shortId)) {
      const waiting = this.#waiting.get(n);
      if (waiting?.from === nodeIdKey(from)) waiting.answered(answer);
    }
  }

  #note(n: number, detail: string): void {
    const { db, holdings, note } = this.#o;
    const holding = db.read((tx) => holdings.get(tx, n));
    if (holding?.own) note(holding.id, detail);
  }
}

const FAILED: Record<LinkFailed['reason'], string> = {
  'no-key': "The recipient's key is not known yet.",
  'no-answer': 'The recipient did not answer.',
  forgotten: 'The recipient has just been started again.',
  'queue-full': 'The radio has too much to send.',
  law: "The region's airtime allowance is spent.",
  radio: 'The radio failed.',
  unconnected: 'There is no connection to the recipient.',
  stopped: 'The box is stopping.',
};

function objectKey(n: number): string {
  return `object ${n}`;
}

function spell(ms: number): string {
  return ms < 60_000 ? `${Math.round(ms / 1000)} s` : `${Math.round(ms / 60_000)} min`;
}
