/** The link as routing uses it: everything within the budget, and what fails is only counted, for it will come again. */
import type { Counters } from '../core/counters.ts';
import type { NodeId } from '../identity/node-id.ts';
import { SEALED_OVERHEAD } from '../link/frame.ts';
import { arrives, type Link, type Reach, type Rec } from '../link/link.ts';
import type { Destination } from '../link/medium.ts';
import type { RoutingBudget } from './routing-budget.ts';

/** A sealed frame around an `ack`: whoever asks for it pays. */
const ACK_FRAME = 25;
/** Whoever is not there is told at the next occasion. */
const TRIES = 3;

export interface PacedLinkOptions {
  readonly link: Link;
  readonly budget: RoutingBudget;
  /** Whether a neighbour is there, as far as is known. */
  readonly isUp: (id: NodeId) => boolean;
  readonly counters: Counters;
}

export class PacedLink {
  readonly #link: Link;
  readonly #budget: RoutingBudget;
  readonly #isUp: (id: NodeId) => boolean;
  readonly #counters: Counters;

  constructor({ budget, counters, isUp, link }: PacedLinkOptions) {
    this.#link = link;
    this.#budget = budget;
    this.#isUp = isUp;
    this.#counters = counters;
  }

  /** Takes so much airtime, or counts that there is none. */
  pay(trusted: boolean, airtimeMs: number): boolean {
    if (this.#budget.take(airtimeMs, trusted)) return true;
    this.#counters.count('mesh.over-budget');
    return false;
  }

  /** Whether what can wait need not: much of the budget is left, or the neighbour is reached without airtime. */
  isAmple(to: NodeId): boolean {
    return this.#link.neighbour(to).airtime(ACK_FRAME) === undefined || this.#budget.isAmple;
  }

  /** Counts what routing takes within sealed frames, ms of both sides: nobody who overhears them can tell. */
  sealed(airtimeMs: number): void {
    this.#counters.count('mesh.sealed-ms', Math.round(airtimeMs));
  }

  /** For an exchange that was paid for with `paidMs`: what it takes beyond that, in tries, is owed. */
  beyond(paidMs: number, onOwed?: (ms: number) => void): (bytes: number, airtimeMs: number) => void {
    let left = paidMs;
    return (_bytes, airtimeMs) => {
      const owed = Math.max(0, airtimeMs - left);
      left = Math.max(0, left - airtimeMs);
      if (owed === 0) return;
      this.#budget.owe(owed);
      onOwed?.(owed);
    };
  }

  /** A loose frame to whoever hears it, on each medium or where `to` says; true where one was handed it. */
  broadcast(frame: Uint8Array, trusted: boolean, to?: Destination): boolean {
    const media = this.#link.media.filter((m) => to === undefined || m.name === to.medium);
    const paid = media.filter((m) => this.pay(trusted, m.airtime(frame.length) ?? 0));
    for (const { name } of paid) void this.#link.broadcast(frame, 0, to ?? { medium: name });
    return paid.length > 0;
  }

  /** A digest to all linked neighbours that are reached so; true once it is out. */
  async share(record: Rec, trusted: boolean, reach: Reach): Promise<boolean> {
    const { shared } = this.#link;
    if (!this.#budget.takeForDigest(shared.airtime(record.body.length, reach), trusted)) {
      this.#counters.count('mesh.digest-over-budget');
      return false;
    }
    return (await shared.send(record, 0, reach)).sent;
  }

  /** A record to one neighbour that is up; true once it is known to have arrived. */
  async tell(to: NodeId, record: Rec, trusted: boolean): Promise<boolean> {
    if (!this.#isUp(to)) return false;
    const neighbour = this.#link.neighbour(to);
    const [there, back] = [SEALED_OVERHEAD + 1 + record.body.length, ACK_FRAME];
    const price = (neighbour.airtime(there) ?? 0) + (neighbour.airtime(back) ?? 0);
    if (!this.pay(trusted, price)) return false;
    this.sealed(price);
    const spent = this.beyond(price, (owed) => this.sealed(owed));
    return arrives(neighbour.send(record, { priority: 0, tries: TRIES, spent, paysHandshake: true }));
  }
}
