/** What routing may use of the air (docs/protocol/mesh.md, "Budget"). */
import type { Clock } from '../core/clock.ts';

/** Of 3 %: what is left over goes to those who were just started, or are heard too rarely to be known of. */
const CHANNEL_SHARE = 0.024;
const LEGAL_SHARE = 0.2;
const HOUR_MS = 3_600_000;
/** The part of it for digests: the rest is for what is asked for. */
const DIGEST_PART = 0.4;
/** While there are nodes to be made known: routes to them come of no use before that. Where routes wait, these come first. */
const DIGEST_PART_WITH_NEWS = 0.2;

/** For links, before whatever strangers ask for: announces alone would leave no room for one. A crowd of made-up neighbours gets no more. */
const LINK_PART = 0.25;

const AMPLE_PART = 0.9;
/** Enough for what a box says of itself, and to answer others soon. */
const PART_AT_RESTART = 0.75;

export interface BudgetOptions {
  readonly clock: Clock;
  /** As if so many nodes, this one among them, shared the channel equally. */
  readonly sharers: () => number;
  /** Whether announces wait to be passed on, and first routes do not. */
  readonly hasNews: () => boolean;
  /** ms on air in an hour; undefined where the region sets no duty cycle. */
  readonly legalMs: number | undefined;
  /** Whether this box has run before: a restart is no reason to speak more. */
  readonly isRestart: boolean;
}

/** What the law leaves to one node for routing is the share it would have among so many. */
export function legalSharers(legalMs: number | undefined): number {
  return legalMs === undefined ? 1 : Math.max((CHANNEL_SHARE * HOUR_MS) / (LEGAL_SHARE * legalMs), 1);
}

/**
 * A token bucket of airtime, an hour deep, full at the first start ever, three quarters full at others. Its lower half
 * is there for trusted peers, this box's own needs and digests only: whatever strangers ask for, half of an hour's
 * airtime is left. Digests have a part of the whole, and the next one finds room once it is due: short frames would
 * leave none. Links have a part as well. What goes by wires only takes nothing, whatever is owed. A frame longer than all there is may go when nothing else has for an hour.
 */
export class RoutingBudget {
  readonly #o: BudgetOptions;
  #left: number;
  /** Of the digests' part, and of that of links. */
  #leftForDigests: number;
  #leftForLinks: number;
  /** What the last digest took. */
  #digestMs = 0;
  #at: number;

  constructor(options: BudgetOptions) {
    this.#o = options;
    this.#at = options.clock.monotonic();
    this.#left = (options.isRestart ? PART_AT_RESTART : 1) * this.#depth;
    this.#leftForDigests = DIGEST_PART * this.#depth;
    this.#leftForLinks = LINK_PART * this.#depth;
  }

  /** The part of it that digests may take now. */
  get digestPart(): number {
    return this.#o.hasNews() ? DIGEST_PART_WITH_NEWS : DIGEST_PART;
  }

  /** The part of time that this box may spend: its share of the channel's, or of what the law allows. */
  get share(): number {
    const { legalMs, sharers } = this.#o;
    return CHANNEL_SHARE / Math.max(sharers(), legalSharers(legalMs));
  }

  /** Whether next to nothing of an hour's is spent. */
  get isAmple(): boolean {
    const depth = this.#refill();
    return this.#left > AMPLE_PART * depth;
  }

  /** Takes `airtimeMs` from the budget, or says that it is spent. */
  take(airtimeMs: number, trusted: boolean): boolean {
    if (airtimeMs === 0) return true;
    if (this.#lacking(airtimeMs, trusted) > 0) return false;
    this.#left -= airtimeMs;
    return true;
  }

  /** ms until `take` would say yes, were nothing else taken meanwhile. */
  waitMs(airtimeMs: number, trusted: boolean): number {
    const lacking = Math.max(this.#lacking(airtimeMs, trusted), 0);
    if (lacking === 0) return 0;
    const { share } = this;
    return share === 0 ? 0 : lacking / share;
  }

  /** Takes it for a digest; one that goes by wires only takes nothing, and says nothing of the next one. */
  takeForDigest(airtimeMs: number): boolean {
    if (airtimeMs === 0) return true;
    const depth = this.#refill();
    this.#digestMs = airtimeMs;
    const needed = Math.min(airtimeMs, this.digestPart * depth);
    const isSpare = this.#left - needed > AMPLE_PART * depth;
    if (Math.min(this.#left, this.#leftForDigests) < needed && !isSpare) return false;
    this.#left -= airtimeMs;
    // what nobody else asks for is nobody's
    if (!isSpare) this.#leftForDigests -= airtimeMs;
    return true;
  }

  /** Takes it for a link: of their part, or where nothing of it is left like anything else. */
  takeForLink(airtimeMs: number, trusted: boolean): boolean {
    if (airtimeMs === 0) return true;
    const depth = this.#refill();
    const needed = Math.min(airtimeMs, LINK_PART * depth);
    if (Math.min(this.#left - this.#forNextDigest, this.#leftForLinks) < needed)
      return this.take(airtimeMs, trusted);
    this.#left -= airtimeMs;
    this.#leftForLinks -= airtimeMs;
    return true;
  }

  /** Whether so much more may be owed: an hour's airtime at most, or, of what is longer than that, one where none is. */
  mayOwe(airtimeMs: number): boolean {
    const depth = this.#refill();
    return this.#left - Math.min(airtimeMs, depth) >= -depth;
  }

  /** Takes what was spent beyond what was asked for: tries that nobody answered. An hour's airtime is owed at most. */
  owe(airtimeMs: number): void {
    const depth = this.#refill();
    this.#left = Math.max(-depth, this.#left - airtimeMs);
  }

  #lacking(airtimeMs: number, trusted: boolean): number {
    const depth = this.#refill();
    const kept = Math.max(trusted ? 0 : 0.5 * depth, this.#forNextDigest);
    return Math.min(airtimeMs, depth - kept) - (this.#left - kept);
  }

  get #forNextDigest(): number {
    return Math.max(Math.min(this.#leftForDigests, this.#digestMs), 0);
  }

  /** The depth. */
  #refill(): number {
    const depth = this.#depth;
    const now = this.#o.clock.monotonic();
    const part = (now - this.#at) / HOUR_MS;
    this.#at = now;
    const refilled = (left: number, full: number) => Math.min(full, left + full * part);
    this.#left = refilled(this.#left, depth);
    this.#leftForDigests = refilled(this.#leftForDigests, this.digestPart * depth);
    this.#leftForLinks = refilled(this.#leftForLinks, LINK_PART * depth);
    return depth;
  }

  get #depth(): number {
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
