/** What routing may use of the air (docs/protocol/mesh.md, "Budget"). */
import type { Clock } from '../core/clock.ts';

/** Of 3 %: what is left over is spent by those who are out of earshot of the fullest spot, and yet heard there. */
const CHANNEL_SHARE = 0.028;
const LEGAL_SHARE = 0.2;
const HOUR_MS = 3_600_000;
/** The part of it for digests: the rest is for what is asked for, and for links. */
export const DIGEST_PART = 0.4;

const AMPLE_PART = 0.9;

export interface BudgetOptions {
  readonly clock: Clock;
  /** How many others share the channel where it is fullest: here, or around any neighbour. */
  readonly neighbours: () => number;
  /** ms on air in an hour; undefined where the region sets no duty cycle. */
  readonly legalMs: number | undefined;
}

/**
 * Two token buckets of airtime, together an hour deep: that of the digests, whose overflow the other one gets, and the
 * one for all else. The lower half of the latter is there for trusted peers and this box's own needs only. A frame
 * longer than all there is may go when nothing else has for an hour.
 */
export class RoutingBudget {
  readonly #o: BudgetOptions;
  #left: number;
  #leftForDigests: number;
  #at: number;

  constructor(options: BudgetOptions) {
    this.#o = options;
    this.#at = options.clock.monotonic();
    this.#left = (1 - DIGEST_PART) * this.#hourly;
    this.#leftForDigests = DIGEST_PART * this.#hourly;
  }

  /** The part of time that this box may spend: of the channel's, what is left to it by its neighbours' equal shares. */
  get share(): number {
    const { legalMs, neighbours } = this.#o;
    const ofChannel = CHANNEL_SHARE / (neighbours() + 1);
    return legalMs === undefined ? ofChannel : Math.min(ofChannel, (LEGAL_SHARE * legalMs) / HOUR_MS);
  }

  /** Whether next to nothing of an hour's is spent on anything but digests. */
  get isAmple(): boolean {
    const depth = this.#refill();
    return this.#left > AMPLE_PART * depth;
  }

  /** Takes `airtimeMs` from what is not for digests, or says that it is spent. */
  take(airtimeMs: number, trusted: boolean): boolean {
    if (this.#lacking(airtimeMs, trusted) > 0) return false;
    this.#left -= airtimeMs;
    return true;
  }

  /** ms within which `take` would say yes, were nothing else taken meanwhile. */
  waitMs(airtimeMs: number, trusted: boolean): number {
    const lacking = Math.max(this.#lacking(airtimeMs, trusted), 0);
    const rate = (1 - DIGEST_PART) * this.share;
    return lacking === 0 || rate === 0 ? 0 : lacking / rate;
  }

  /** Takes it from what is for digests: they leave the rest to whoever looks for a route, and lose nothing to them. */
  takeForDigest(airtimeMs: number): boolean {
    this.#refill();
    if (this.#leftForDigests < Math.min(airtimeMs, DIGEST_PART * this.#hourly)) return false;
    this.#leftForDigests -= airtimeMs;
    return true;
  }

  /** Takes what was spent beyond what was asked for: tries that nobody answered. An hour's airtime may be owed at most. */
  owe(airtimeMs: number): void {
    this.#refill();
    this.#left = Math.max(-this.#hourly, this.#left - airtimeMs);
  }

  #lacking(airtimeMs: number, trusted: boolean): number {
    const depth = this.#refill();
    const room = depth * (trusted ? 1 : 0.5);
    return Math.min(airtimeMs, room) - (this.#left - (depth - room));
  }

  /** The depth of what is not for digests. */
  #refill(): number {
    const hourly = this.#hourly;
    const now = this.#o.clock.monotonic();
    const part = (now - this.#at) / HOUR_MS;
    this.#at = now;
    const forDigests = this.#leftForDigests + DIGEST_PART * hourly * part;
    this.#leftForDigests = Math.min(DIGEST_PART * hourly, forDigests);
    const depth = (1 - DIGEST_PART) * hourly;
    this.#left = Math.min(depth, this.#left + depth * part + forDigests - this.#leftForDigests);
    return depth;
  }

  get #hourly(): number {
    return this.share * HOUR_MS;
  }
}

/** Answers to the handshakes of strangers: 2 % of the legal airtime, a few of them at once. */
export class StrangerBudget {
  readonly #clock: Clock;
  readonly #legalShare: number;
  #left: number | undefined;
  #at: number;

  constructor(clock: Clock, legalMs: number | undefined) {
    this.#clock = clock;
    this.#legalShare = (legalMs ?? HOUR_MS) / HOUR_MS;
    this.#at = clock.monotonic();
  }

  take(airtimeMs: number): boolean {
    const rate = STRANGER_SHARE * this.#legalShare;
    const depth = Math.max(rate * HOUR_MS, STRANGERS_AT_ONCE * airtimeMs);
    const now = this.#clock.monotonic();
    this.#left = Math.min(depth, (this.#left ?? depth) + rate * (now - this.#at));
    this.#at = now;
    if (this.#left < airtimeMs) return false;
    this.#left -= airtimeMs;
    return true;
  }
}

const STRANGER_SHARE = 0.02;
const STRANGERS_AT_ONCE = 4;
