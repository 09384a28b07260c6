/** The link as routing uses it: everything within the budget, and what fails is only counted, for it will come again. */
import type { Clock } from '../core/clock.ts';
import type { Counters } from '../core/counters.ts';
import type { NodeId } from '../identity/node-id.ts';
import { SEALED_OVERHEAD } from '../link/frame.ts';
import { arrives, isWired, type Link, type Reach, type Rec } from '../link/link.ts';
import type { Destination } from '../link/medium.ts';
import { ACK_FRAME_LENGTH } from '../link/owed-records.ts';
import { BudgetLine, type Waiting } from './budget-line.ts';
import type { RoutingBudget } from './routing-budget.ts';

/** Whoever is not there is told at the next occasion. */
const TRIES = 3;

/** What may wait for the budget, and on whose behalf. */
interface Said extends Pick<Waiting, 'trusted' | 'need'> {
  /** Of two with the same key, the later one counts. */
  readonly key: string;
}

/** One for a neighbour. */
export interface Telling extends Said {
  readonly to: NodeId;
  /** Of the record's body as of now; undefined where it is of no use any more. */
  readonly bytes: () => number | undefined;
  /** Made when it goes. */
  readonly record: () => Rec | undefined | Promise<Rec | undefined>;
}

/** A loose frame for whoever hears it on one medium, made when it goes. */
export interface Calling extends Said {
  readonly medium: string;
  readonly frame: () => Uint8Array | undefined;
}

export interface PacedLinkOptions {
  readonly link: Link;
  readonly budget: RoutingBudget;
  readonly clock: Clock;
  /** Whether a neighbour is there, as far as is known. */
  readonly isUp: (id: NodeId) => boolean;
  readonly counters: Counters;
}

export class PacedLink {
  readonly #link: Link;
  readonly #budget: RoutingBudget;
  readonly #isUp: (id: NodeId) => boolean;
  readonly #counters: Counters;
  readonly #line: BudgetLine;

  constructor({ budget, clock, counters, isUp, link }: PacedLinkOptions) {
    this.#link = link;
    this.#budget = budget;
    this.#isUp = isUp;
    this.#counters = counters;
    this.#line = new BudgetLine(budget, clock, counters);
  }

  stop(): void {
    this.#line.stop();
  }

  /** Takes so much airtime for a link, or counts that there is none. */
  payForLink(trusted: boolean, airtimeMs: number): boolean {
    return this.#counted(this.#budget.takeForLink(airtimeMs, trusted));
  }

  /** Whether what can wait need not: much of the budget is left, or the neighbour is reached without airtime. */
  isAmple(to: NodeId): boolean {
    return isWired(this.#link.neighbour(to)) || this.#budget.isAmple;
  }

  /** Counts what routing takes within sealed frames, ms of both sides: nobody who overhears them can tell. */
  sealed(airtimeMs: number): void {
    // what goes by a wire takes none
    if (airtimeMs > 0) this.#counters.count('mesh.sealed-ms', Math.round(airtimeMs));
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
    const paid = media.filter((m) => this.#counted(this.#budget.take(m.airtime(frame.length) ?? 0, trusted)));
    for (const { name } of paid) void this.#link.broadcast(frame, 0, to ?? { medium: name });
    return paid.length > 0;
  }

  /** A digest to all linked neighbours that are reached so; true once it is out. */
  async share(record: Rec, reach: Reach): Promise<boolean> {
    const { shared } = this.#link;
    if (!this.#budget.takeForDigest(shared.airtime(record.body.length, reach))) {
      this.#counters.count('mesh.digest-over-budget');
      return false;
    }
    return (await shared.send(record, 0, reach)).sent;
  }

  /**
   * A record to one neighbour, once the budget has room, where it is up then; true once it is known to have arrived. By
   * a wire at once: that is nobody's air.
   */
  tell({ bytes, key, need, record, to, trusted }: Telling): Promise<boolean> {
    if (isWired(this.#link.neighbour(to))) {
      const isOfUse = bytes() !== undefined && this.#isUp(to);
      return isOfUse ? this.#send(to, 0, record) : Promise.resolve(false);
    }
    let paid = 0;
    const price = () => {
      const length = bytes();
      if (length === undefined || !this.#isUp(to)) return undefined;
      const neighbour = this.#link.neighbour(to);
      // whoever asks for the answer pays for it
      const [there, back] = [SEALED_OVERHEAD + 1 + length, ACK_FRAME_LENGTH];
      paid = (neighbour.airtime(there) ?? 0) + (neighbour.airtime(back) ?? 0);
      return paid;
    };
    return new Promise((resolve, reject) => {
      this.#line.add(key, {
        ...{ trusted, need, price },
        go: () => this.#send(to, paid, record).then(resolve, reject),
        dropped: () => resolve(false),
      });
    });
  }

  /** A loose frame, once the budget has room, by a wire at once; true once it was handed to its medium. */
  call({ frame, key, medium, need, trusted }: Calling): Promise<boolean> {
    const facts = this.#link.media.find((m) => m.name === medium);
    let made: Uint8Array | undefined;
    const make = () => {
      made = frame();
      return made;
    };
    const go = () => {
      if (made) void this.#link.broadcast(made, 0, { medium });
    };
    if (facts && isWired(facts)) {
      const isOfUse = make() !== undefined;
      go();
      return Promise.resolve(isOfUse);
    }
    return new Promise((resolve) => {
      this.#line.add(key, {
        ...{ trusted, need },
        price: () => {
          const bytes = make()?.length;
          return bytes === undefined ? undefined : facts?.airtime(bytes);
        },
        go: () => {
          go();
          resolve(true);
        },
        dropped: () => resolve(false),
      });
    });
  }

  #counted(isPaid: boolean): boolean {
    if (!isPaid) this.#counters.count('mesh.over-budget');
    return isPaid;
  }

  async #send(to: NodeId, price: number, make: Telling['record']): Promise<boolean> {
    const record = await make();
    if (!record) return false;
    this.sealed(price);
    const spent = this.beyond(price, (owed) => this.sealed(owed));
    const how = { priority: 0, tries: TRIES, spent, paysHandshake: true } as const;
    return arrives(this.#link.neighbour(to).send(record, how));
  }
}
