/**
 * What is owed to givers: the receipt of what they handed over, or the recipient's word that it cannot be opened. Paid
 * until they acknowledge it, again at their signs of life; past a giver that is not there once to whoever hears it
 * (docs/protocol/store.md, "Receipts").
 */
import type { Cancel, Clock } from '../core/clock.ts';
import type { Db } from '../db/db.ts';
import { type NodeId, nodeIdFromKey, nodeIdKey } from '../identity/node-id.ts';
import { type Link, LinkFailed, type Rec } from '../link/link.ts';
import { RECORD } from '../link/records.ts';
import type { StrangersAir } from '../link/strangers-air.ts';
import type { Routing } from '../mesh/routing.ts';
import { Backoff } from './backoff.ts';
import type { Holding } from './holding.ts';
import type { Holdings } from './holdings.ts';
import { encodeReceiptFrame } from './receipt-frame.ts';
import { encodeUnreadable } from './unreadable.ts';

const ANSWER_WAIT_MS = 60_000;

export interface DebtsOptions {
  readonly db: Db;
  readonly holdings: Holdings;
  readonly link: Link;
  readonly routing: Routing;
  readonly strangers: StrangersAir;
  readonly clock: Clock;
}

export class Debts {
  readonly #o: DebtsOptions;
  readonly #backoff = new Backoff();
  /** Givers that are just being told something: which object, and how to end the wait. */
  readonly #telling = new Map<string, { n: number; settled: AbortController }>();
  readonly #timers = new Map<string, Cancel>();
  /** Receipts that went out to whoever hears them. */
  readonly #calledOut = new Set<number>();
  #stopped = false;

  constructor(options: DebtsOptions) {
    this.#o = options;
  }

  /** Goes on with what was owed before. */
  start(): void {
    for (const giver of this.#o.holdings.creditors()) void this.#pay(giver);
  }

  stop(): void {
    this.#stopped = true;
    for (const cancel of this.#timers.values()) cancel();
  }

  /** A receipt, or the word that it is unreadable, is known now. */
  owe(n: number, { trace }: Holding): void {
    for (const giver of trace.givers) {
      if (!this.#isThere(giver)) this.#callOut(n);
      void this.#pay(giver);
    }
  }

  /** That giver has it, durably noted here. */
  acknowledged(n: number, by: NodeId): void {
    const key = nodeIdKey(by);
    const telling = this.#telling.get(key);
    if (telling?.n === n) telling.settled.abort();
    else void this.#pay(key);
  }

  /** A sign of life of a neighbour. Comes with every frame. */
  heard(id: NodeId): void {
    const key = nodeIdKey(id);
    this.#backoff.heard(key, this.#o.clock.monotonic());
    if (this.#o.holdings.owedTo(key) !== undefined) void this.#pay(key);
  }

  /** The object is forgotten. */
  forget(n: number): void {
    this.#calledOut.delete(n);
  }

  #isThere(giver: string): boolean {
    return this.#o.routing.candidates(nodeIdFromKey(giver), 0).some((c) => c.direct);
  }

  /** All that is owed to one giver, one after the other, unless a pause holds. */
  async #pay(giver: string): Promise<void> {
    const { clock, db, holdings } = this.#o;
    if (this.#telling.has(giver)) return;
    this.#timers.get(giver)?.();
    this.#timers.delete(giver);
    while (!this.#stopped) {
      const n = holdings.owedTo(giver);
      const holding = n === undefined ? undefined : db.read((tx) => holdings.get(tx, n));
      if (n === undefined || !holding?.trace.givers.includes(giver)) return;
      if (!this.#isThere(giver)) return this.#o.routing.want(nodeIdFromKey(giver));
      const wait = this.#backoff.waitMs(giver, clock.monotonic());
      if (wait > 0) {
        this.#timers.set(
          giver,
          clock.after(wait, () => void this.#pay(giver)),
        );
        return;
      }
      const isTold = await this.#tell(n, holding, giver);
      if (this.#stopped) return;
      if (isTold) this.#backoff.clear(giver);
      else {
        this.#backoff.fail(giver, 'silent', clock.monotonic());
        this.#callOut(n);
      }
    }
  }

  /** Whether the giver has acknowledged it. */
  async #tell(n: number, holding: Holding, giver: string): Promise<boolean> {
    const { clock, link, strangers } = this.#o;
    const settled = new AbortController();
    const { signal } = settled;
    const to = nodeIdFromKey(giver);
    const spent = (_bytes: number, airtimeMs: number) => strangers.answered(to, airtimeMs);
    this.#telling.set(giver, { n, settled });
    try {
      await link.neighbour(to).send(wordOf(holding), { priority: 0, settled: signal, spent });
      if (!signal.aborted) await clock.sleep(ANSWER_WAIT_MS, signal).catch(() => {});
    } catch (e) {
      if (!(e instanceof LinkFailed)) throw e;
    } finally {
      this.#telling.delete(giver);
    }
    return signal.aborted;
  }

  #callOut(n: number): void {
    const { db, holdings } = this.#o;
    const holding = db.read((tx) => holdings.get(tx, n));
    if (holding?.trace.state !== 'receipted' || this.#calledOut.has(n)) return;
    this.#calledOut.add(n);
    void this.#sayToAll(holding.trace.secret, holding.stranger);
  }

  async #sayToAll(secret: Uint8Array, stranger: boolean): Promise<void> {
    const { link, strangers } = this.#o;
    const submission = await link.broadcast(encodeReceiptFrame(secret), 0);
    if (stranger && submission.sent) strangers.spend(submission.airtimeMs);
  }
}

function wordOf({ id, recipient, trace }: Holding): Rec {
  if (trace.state === 'receipted') return { type: RECORD.receipt, body: trace.secret };
  if (trace.state !== 'unreadable') throw new Error(`nothing is owed for what is ${trace.state}`);
  const { signature } = trace;
  return { type: RECORD.unreadable, body: encodeUnreadable({ objectId: id, recipient, signature }) };
}
