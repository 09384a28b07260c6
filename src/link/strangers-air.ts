/**
 * What strangers may make this box send (docs/protocol/link.md, "The law"). Keys are free to make, so all strangers
 * together have one share: whatever is left while the box is on air for less than half of what the law allows, and a
 * tenth of that beyond. So a crowd of them never takes the air of those who live here.
 */
import type { Clock } from '../core/clock.ts';
import type { NodeId } from '../identity/node-id.ts';
import { HOUR_MS, Ledger, microsOf } from './lora/ledger.ts';

/** Of the legal airtime: below this much in the last hour nothing is scarce. */
const UNCONTENDED = 1 / 2;
const STRANGERS = 1 / 10;

export interface StrangersAirOptions {
  /** ms on air in the last hour, and what the law allows; without a duty cycle, all of it. */
  readonly law: () => { readonly usedMs: number; readonly allowedMs: number | undefined };
  readonly isContact: (id: NodeId) => boolean;
  readonly clock: Clock;
}

export class StrangersAir {
  readonly #o: StrangersAirOptions;
  readonly #spent = new Ledger();

  constructor(options: StrangersAirOptions) {
    this.#o = options;
  }

  /** Whether something may be sent now on a stranger's behalf. */
  get isOpen(): boolean {
    const { clock, law } = this.#o;
    const { allowedMs = HOUR_MS, usedMs } = law();
    if (usedMs < UNCONTENDED * allowedMs) return true;
    return this.#spent.spent(clock.monotonic()) < STRANGERS * allowedMs * 1000;
  }

  isStranger(id: NodeId): boolean {
    return !this.#o.isContact(id);
  }

  /** Whether this node may be answered now. */
  mayAnswer(id: NodeId): boolean {
    return !this.isStranger(id) || this.isOpen;
  }

  /** So much was sent to answer this node. */
  answered(id: NodeId, airtimeMs: number): void {
    if (this.isStranger(id)) this.spend(airtimeMs);
  }

  /** So much was sent on a stranger's behalf. */
  spend(airtimeMs: number): void {
    this.#spent.add({ at: this.#o.clock.monotonic(), micros: microsOf(airtimeMs) });
  }
}
