/**
 * Asks along the takers what became of an object: the sender's question after an hour and more without a receipt, passed on by
 * each taker at most hourly, and the answer back (docs/protocol/store.md, "Asking"). In memory only: what a crash
 * forgets is asked again.
 */
import type { Clock } from '../core/clock.ts';
import type { Counters } from '../core/counters.ts';
import { type Random, uniform } from '../core/random.ts';
import type { Db } from '../db/db.ts';
import { nodeIdFromKey, nodeIdKey } from '../identity/node-id.ts';
import { type IncomingRecord, type Link, LinkFailed, type Rec } from '../link/link.ts';
import { RECORD } from '../link/records.ts';
import type { StrangersAir } from '../link/strangers-air.ts';
import type { Routing } from '../mesh/routing.ts';
import { decodeAsk, encodeAsk, type Verdict } from './exchange-records.ts';
import { askAfterMs, HOP_LIMIT } from './forwarding.ts';
import type { Holding } from './holding.ts';
import type { Holdings } from './holdings.ts';
import { type ObjectId, shortIdOf } from './object.ts';
import { Reminders } from './reminders.ts';
import type { TraceEvent } from './trace.ts';
import { encodeUnreadable } from './unreadable.ts';

const MINUTE = 60_000;
/** Each hop passes a question about one object on so often at most. */
const PASS_EVERY_MS = 60 * MINUTE;
/** The takers' word is waited for so long; then they are silent. */
const PATIENCE_MS = 30 * MINUTE;
/** From this one on (two days and a half), that it is still held is no longer believed. */
const DOUBT_FROM_ASK = 6;

export interface InquiriesOptions {
  readonly db: Db;
  readonly holdings: Holdings;
  readonly link: Link;
  readonly routing: Routing;
  readonly strangers: StrangersAir;
  readonly clock: Clock;
  readonly random: Random;
  readonly counters: Counters;
  readonly ownTime: () => number;
  readonly note: (id: ObjectId, detail: string) => void;
  /** True where the trace is another one now, and durably. */
  readonly settle: (n: number, event: TraceEvent) => Promise<boolean>;
}

interface Inquiry {
  readonly askedAt: number;
  readonly taker: string;
  /** Aborted once there is an answer, or none is needed: the question is not sent again. */
  readonly settled: AbortController;
  /** Neighbours who wait for the answer. */
  readonly askers: Set<string>;
  verdict: Verdict | undefined;
}

export class Inquiries {
  readonly #o: InquiriesOptions;
  readonly #open = new Map<number, Inquiry>();
  readonly #reminders: Reminders;
  #stopped = false;

  constructor(options: InquiriesOptions) {
    this.#o = options;
    this.#reminders = new Reminders(options.ownTime());
  }

  /** Goes on asking for all own objects that takers have. */
  start(): void {
    const { db, holdings } = this.#o;
    for (const n of holdings.asking()) {
      const holding = db.read((tx) => holdings.get(tx, n));
      if (holding) this.watch(n, holding);
    }
  }

  stop(): void {
    this.#stopped = true;
  }

  /** A taker has an object of our own: it is asked for when its time comes. */
  watch(n: number, { from, trace }: Holding): void {
    if (from || trace.state !== 'handed-on') return;
    this.#reminders.set(n, trace.askAt);
  }

  /** It is no longer with a taker. */
  settled(n: number): void {
    this.#open.get(n)?.settled.abort();
    this.#open.delete(n);
    this.#reminders.clear(n);
  }

  /** Asks for those whose time has come; to be called every minute. */
  tick(): void {
    for (const n of this.#reminders.takeDue(this.#o.ownTime())) void this.#askOwn(n);
    const now = this.#o.clock.monotonic();
    for (const [n, inquiry] of this.#open) {
      if (now - inquiry.askedAt < PASS_EVERY_MS) return; // the rest is younger
      this.#open.delete(n);
    }
  }

  /** A question of one of our givers, or an answer of our taker. */
  asked(incoming: IncomingRecord): void {
    const { counters, db, holdings } = this.#o;
    const ask = decodeAsk(incoming.body);
    if (!ask) {
      counters.count('store.refused.malformed-record');
      return;
    }
    const { objectId, verdict } = ask;
    const from = nodeIdKey(incoming.from.id);
    const [n] = holdings.byShortId(objectId);
    const holding = n === undefined ? undefined : db.read((tx) => holdings.get(tx, n));
    if (verdict) {
      const inquiry = n === undefined ? undefined : this.#open.get(n);
      if (n !== undefined && inquiry?.taker === from) this.#concluded(n, inquiry, verdict);
      return;
    }
    const answer = n === undefined || !holding ? 'lost' : this.#answer(n, holding, from);
    if (!answer) return;
    incoming.reply(typeof answer === 'string' ? answerOf(objectId, answer) : answer);
  }

  /** What can be said at once; undefined where the taker is asked first. */
  #answer(n: number, holding: Holding, from: string): Rec | Verdict | undefined {
    const { id, recipient, trace } = holding;
    if (trace.state === 'receipted') return { type: RECORD.receipt, body: trace.secret };
    if (trace.state === 'unreadable') {
      const { signature } = trace;
      return { type: RECORD.unreadable, body: encodeUnreadable({ objectId: id, recipient, signature }) };
    }
    if (!trace.givers.includes(from)) {
      this.#o.counters.count('store.refused.ask');
      return undefined;
    }
    if (trace.state !== 'handed-on') return trace.state === 'held' ? 'held' : 'lost';
    const inquiry = this.#open.get(n);
    if (inquiry?.taker === trace.taker && this.#isRecent(inquiry)) {
      if (!inquiry.verdict) inquiry.askers.add(from);
      return inquiry.verdict;
    }
    // to be asked by a stranger costs this box more than it costs the stranger
    if (holding.stranger && !this.#o.strangers.isOpen) this.#o.counters.count('store.refused.ask-busy');
    else void this.#ask(n, holding, trace.taker, [from]);
    return undefined;
  }

  async #askOwn(n: number): Promise<void> {
    const { db, holdings, settle } = this.#o;
    const get = () => db.read((tx) => holdings.get(tx, n));
    const holding = get();
    if (holding?.trace.state !== 'handed-on') return;
    const next = this.nextAsk(holding.trace.asks + 1);
    const isNoted = await settle(n, { kind: 'asked', next });
    const now = get();
    if (now?.trace.state !== 'handed-on') return;
    // a disk that takes nothing now does not make it ask any sooner
    if (isNoted) this.watch(n, now);
    else this.#reminders.set(n, next);
    await this.#ask(n, now, now.trace.taker, []);
  }

  async #ask(n: number, holding: Holding, taker: string, askers: readonly string[]): Promise<void> {
    const { clock, link, routing } = this.#o;
    const inquiry: Inquiry = {
      askedAt: clock.monotonic(),
      taker,
      settled: new AbortController(),
      askers: new Set(askers),
      verdict: undefined,
    };
    this.#open.delete(n); // kept in the order asked
    this.#open.set(n, inquiry);
    const to = nodeIdFromKey(taker);
    if (!routing.candidates(to, 0).some((c) => c.direct)) return this.#concluded(n, inquiry, 'lost');
    const body = encodeAsk({ objectId: shortIdOf(holding.id), verdict: undefined });
    const how = { priority: 2, settled: inquiry.settled.signal, spent: this.#paying(holding) } as const;
    try {
      await link.neighbour(to).send({ type: RECORD.ask, body }, how);
    } catch (e) {
      if (!(e instanceof LinkFailed)) throw e;
      if (e.reason === 'no-answer') this.#concluded(n, inquiry, 'lost');
      return;
    }
    clock.after(PATIENCE_MS, () => {
      if (this.#open.get(n) === inquiry) this.#concluded(n, inquiry, 'lost');
    });
  }

  /** Tells those who asked; a lost object of our own is sent once more. */
  #concluded(n: number, inquiry: Inquiry, verdict: Verdict): void {
    const { db, holdings, link } = this.#o;
    if (this.#stopped || inquiry.verdict) return;
    inquiry.verdict = verdict;
    inquiry.settled.abort();
    const holding = db.read((tx) => holdings.get(tx, n));
    if (holding?.trace.state !== 'handed-on' || holding.trace.taker !== inquiry.taker) return;
    const answer = answerOf(shortIdOf(holding.id), verdict);
    for (const asker of inquiry.askers)
      link
        .neighbour(nodeIdFromKey(asker))
        .send(answer, { priority: 2, spent: this.#paying(holding) })
        .catch(() => {}); // it asks again
    inquiry.askers.clear();
    if (holding.from || (verdict === 'held' && holding.trace.asks < DOUBT_FROM_ASK)) return;
    void this.#raise(n, holding.id, verdict);
  }

  async #raise(n: number, id: ObjectId, verdict: Verdict): Promise<void> {
    const { note, random, settle } = this.#o;
    if (!(await settle(n, { kind: 'raised', hopsLeft: firstHopsLeft(random) }))) return;
    note(
      id,
      verdict === 'held'
        ? 'It has not arrived for days: sent once more.'
        : 'A relay that had it is silent or has lost it: sent once more.',
    );
  }

  /** What is asked and said of a stranger's object comes off what strangers may make this box send. */
  #paying({ stranger }: Holding): (bytes: number, airtimeMs: number) => void {
    return (_bytes, airtimeMs) => {
      if (stranger) this.#o.strangers.spend(airtimeMs);
    };
  }

  #isRecent({ askedAt }: Inquiry): boolean {
    return this.#o.clock.monotonic() - askedAt < PASS_EVERY_MS;
  }

  /** Own time of the question after so many; within a tenth, so that a question's time does not say whose it is. */
  nextAsk(asks: number): number {
    const { ownTime, random } = this.#o;
    return ownTime() + askAfterMs(asks) * (0.9 + 0.2 * uniform(random));
  }
}

/** Fewer than the limit by chance: a relay cannot tell from them that its giver is the author. */
export function firstHopsLeft(random: Random): number {
  return HOP_LIMIT - Math.floor(16 * uniform(random));
}

function answerOf(objectId: Uint8Array, verdict: Verdict): Rec {
  return { type: RECORD.ask, body: encodeAsk({ objectId, verdict }) };
}
