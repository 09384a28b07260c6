/**
 * Links to the neighbours in earshot, before there is mail (docs/protocol/mesh.md, "Links"): a handshake and each
 * other's neighbourhood keys. Spread so that a whole village that boots at once keeps within the budget.
 */
import { compare, equal } from '../core/bytes.ts';
import type { Cancel, Clock } from '../core/clock.ts';
import type { Counters } from '../core/counters.ts';
import { type Random, uniform } from '../core/random.ts';
import { type NodeId, nodeIdKey } from '../identity/node-id.ts';
import { MESSAGE_1_LENGTH, MESSAGE_2_LENGTH } from '../link/frame.ts';
import { type Link, LinkFailed } from '../link/link.ts';
import { MOST_MEMBERS } from '../link/neighbourhood.ts';
import type { Earshot, Heard } from './earshot.ts';
import type { PacedLink } from './paced-link.ts';

const MINUTE = 60_000;
/** A sealed frame around a key (record 33). */
const KEY_FRAME = 81;
/** Of the channel, while the links of a neighbourhood come up; the budget bounds what it makes of an hour. */
const SHARE = 0.2;
const SHORTEST_SPREAD = 5_000;
const HURRY = 3_000;
/** Of each attempt: more would only go to those who hear nothing of this box; who has few links cannot be so choosy. */
const FIRST_TRIES = 4;
const TRIES = 2;
const FEW_LINKS = 3;
/** Waits after each failure in a row: what hears us not will hardly hear us soon. */
const PAUSES = [MINUTE, 10 * MINUTE, 60 * MINUTE, 240 * MINUTE, 720 * MINUTE] as const;
/** Waits for an announce that was asked for. */
const KEY_PAUSES = [0.5 * MINUTE, 5 * MINUTE, 60 * MINUTE, 240 * MINUTE] as const;
const REFUSED_PAUSE = 240 * MINUTE;
const BUDGET_PAUSE = 2 * MINUTE;
/** One that was down for so long gives its place to another; one in so long, for all others then need a new key. */
const GONE_AFTER = 60 * MINUTE;
const DISMISS_PAUSE = 60 * MINUTE;

export interface LinkKeeperOptions {
  readonly self: NodeId;
  readonly link: Link;
  readonly paced: PacedLink;
  readonly earshot: Earshot;
  readonly isTrusted: (id: NodeId) => boolean;
  readonly keyOf: (id: NodeId) => Uint8Array | undefined;
  /** Somebody waits for a route: new neighbours are linked without delay. */
  readonly inHurry: () => boolean;
  /** Asks those in earshot for one's announce. */
  readonly solicitKey: (id: NodeId) => void;
  readonly clock: Clock;
  readonly random: Random;
  readonly counters: Counters;
}

interface Plan {
  /** Infinity: not before it is heard again. */
  dueAt: number;
  /** In a row, and when the pause after the last one ends. */
  failures: number;
  pausedUntil: number;
  /** Its announce was asked for, and has not come. */
  lacksKey: boolean;
}

/** More are only of names that were made up: earshot keeps fewer. */
const MOST_PLANS = 1024;

const NEVER_TRIED = { failures: 0, pausedUntil: Number.NEGATIVE_INFINITY } as const;

export class LinkKeeper {
  readonly #o: LinkKeeperOptions;
  readonly #plans = new Map<string, Plan>();
  #timer: Cancel | undefined;
  #busy = false;
  #stopped = false;
  #dismissedAt = Number.NEGATIVE_INFINITY;
  readonly #startedAt: number;

  constructor(options: LinkKeeperOptions) {
    this.#o = options;
    this.#startedAt = options.clock.monotonic();
    options.link.shared.onOffer((id) => this.#hasPlace(id));
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.();
  }

  /** A neighbour was heard: a link to it is planned, unless there is one. */
  heard(id: NodeId): void {
    const { clock, earshot, link, random, self } = this.#o;
    const key = nodeIdKey(id);
    if (link.shared.isMutual(id)) {
      this.#plans.delete(key);
      return;
    }
    const plan = this.#plans.get(key);
    if (plan && plan.dueAt !== Infinity && !(plan.lacksKey && this.#o.keyOf(id))) return;
    const now = clock.monotonic();
    const spread = this.#spread(earshot.up(now).length, this.#airtimeTo(id, link.neighbour(id).linked));
    // one of the two begins; the other one only where that has failed
    const turn = compare(self, id) < 0 ? 0 : spread;
    const wait = this.#o.inHurry() ? HURRY * uniform(random) : turn + spread * uniform(random);
    // who is heard now and then only is where it was, at the edge of earshot: its failures count on
    const { failures, pausedUntil } = plan && !plan.lacksKey ? plan : NEVER_TRIED;
    const dueAt = Math.max(now + wait, pausedUntil);
    this.#plans.delete(key);
    this.#plans.set(key, { dueAt, failures, pausedUntil, lacksKey: false });
    this.#forgetUnheard();
    this.#arm();
  }

  /** Whether the last attempts at a link to it went unanswered: it is heard, but hardly hears us. */
  isDeaf(id: NodeId): boolean {
    const plan = this.#plans.get(nodeIdKey(id));
    return plan !== undefined && plan.failures > 0 && !plan.lacksKey;
  }

  /** A session with it has opened a frame: it hears us. */
  hearsUs(id: NodeId): void {
    const plan = this.#plans.get(nodeIdKey(id));
    if (plan && plan.failures > 0) this.#plans.delete(nodeIdKey(id));
  }

  /** A route is wanted, through anybody or through `via`: links that were never tried do not wait for their turn. */
  hurry(via?: NodeId): void {
    const { clock, random } = this.#o;
    const now = clock.monotonic();
    for (const [key, plan] of this.#plans) {
      if (plan.failures > 0 || (via && key !== nodeIdKey(via))) continue;
      plan.dueAt = Math.min(plan.dueAt, now + HURRY * uniform(random));
    }
    this.#arm();
  }

  #arm(): void {
    const { clock } = this.#o;
    this.#timer?.();
    if (this.#busy || this.#stopped) return;
    const dueAt = Math.min(...[...this.#plans.values()].map((p) => p.dueAt));
    if (dueAt === Infinity) return;
    this.#timer = clock.after(dueAt - clock.monotonic(), async () => {
      this.#busy = true;
      await this.#next();
      this.#busy = false;
      this.#arm();
    });
  }

  async #next(): Promise<void> {
    const { clock, earshot, link } = this.#o;
    const now = clock.monotonic();
    for (const [key, plan] of this.#plans) {
      if (plan.dueAt > now) continue;
      const heard = earshot.get(key);
      if (!heard || link.shared.isMutual(heard.nodeId)) this.#plans.delete(key);
      else if (!earshot.isUp(key, now)) plan.dueAt = Infinity;
      else return this.#try(heard, plan);
    }
  }

  async #try({ key, nodeId }: Heard, plan: Plan): Promise<void> {
    const { clock, isTrusted, keyOf, link, paced, solicitKey } = this.#o;
    const trusted = isTrusted(nodeId);
    const { linked } = link.neighbour(nodeId);
    if (!linked && !keyOf(nodeId)) {
      this.#failed(plan, KEY_PAUSES);
      plan.lacksKey = true;
      solicitKey(nodeId);
      return;
    }
    if (!this.#hasPlace(nodeId)) {
      plan.dueAt = clock.monotonic() + REFUSED_PAUSE;
      return;
    }
    const price = this.#airtimeTo(nodeId, linked);
    if (!paced.payForLink(trusted, price)) {
      plan.dueAt = clock.monotonic() + BUDGET_PAUSE;
      return;
    }
    this.#makePlace(nodeId);
    paced.sealed(this.#airtimeTo(nodeId, true));
    const links = link.shared.members.filter((m) => link.shared.isMutual(m)).length;
    const tries = plan.failures === 0 && links < FEW_LINKS ? FIRST_TRIES : TRIES;
    try {
      if (
        await link.shared.admit(nodeId, {
          priority: 0,
          tries,
          spent: paced.beyond(price),
          paysHandshake: true,
        })
      )
        this.#plans.delete(key);
      else plan.dueAt = clock.monotonic() + REFUSED_PAUSE;
    } catch (e) {
      if (!(e instanceof LinkFailed)) throw e;
      if (e.reason === 'no-answer' || e.reason === 'no-key') this.#failed(plan, PAUSES);
      else plan.dueAt = clock.monotonic() + BUDGET_PAUSE;
    }
  }

  #failed(plan: Plan, pauses: readonly number[]): void {
    const { clock, counters, random } = this.#o;
    counters.count('mesh.link-failed');
    const pause = pauses[Math.min(plan.failures, pauses.length - 1)] as number;
    plan.failures++;
    plan.pausedUntil = clock.monotonic() + pause * (0.75 + 0.5 * uniform(random));
    plan.dueAt = plan.pausedUntil;
  }

  /** Those in earshot are bounded, and so are plans, however many names are made up meanwhile. */
  #forgetUnheard(): void {
    const isCrowded = this.#plans.size > MOST_PLANS;
    for (const [key, { dueAt }] of this.#plans)
      if ((isCrowded || dueAt === Infinity) && !this.#o.earshot.get(key)) this.#plans.delete(key);
  }

  /** ms: within which the links of a whole neighbourhood keep to their share of the channel. */
  #spread(neighbours: number, airtime: number): number {
    return Math.max((neighbours * airtime) / SHARE, SHORTEST_SPREAD);
  }

  /** ms: of both sides, for a link. */
  #airtimeTo(id: NodeId, hasSession: boolean): number {
    const neighbour = this.#o.link.neighbour(id);
    return framesOf(hasSession).reduce((sum, n) => sum + (neighbour.airtime(n) ?? 0), 0);
  }

  #hasPlace(id: NodeId): boolean {
    const { isTrusted, link } = this.#o;
    const { members } = link.shared;
    if (members.some((m) => equal(m, id))) return true;
    return members.length < MOST_MEMBERS || this.#victim(isTrusted(id)) !== undefined;
  }

  #makePlace(id: NodeId): void {
    const { isTrusted, link } = this.#o;
    const { members } = link.shared;
    if (members.length < MOST_MEMBERS || members.some((m) => nodeIdKey(m) === nodeIdKey(id))) return;
    const victim = this.#victim(isTrusted(id));
    if (!victim) return;
    this.#dismissedAt = this.#o.clock.monotonic();
    link.shared.dismiss(victim);
    for (const member of link.shared.members) this.heard(member);
  }

  /** Who gives its place: for a contact the stranger unheard for longest, for strangers one that is gone. */
  #victim(forTrusted: boolean): NodeId | undefined {
    const { clock, earshot, isTrusted, link } = this.#o;
    const now = clock.monotonic();
    const heardAt = (m: NodeId) => earshot.get(nodeIdKey(m))?.at ?? this.#startedAt;
    if (forTrusted) {
      const strangers = link.shared.members.filter((m) => !isTrusted(m));
      return strangers.reduce<NodeId | undefined>(
        (a, b) => (a && heardAt(a) <= heardAt(b) ? a : b),
        undefined,
      );
    }
    if (now - this.#dismissedAt < DISMISS_PAUSE) return undefined;
    return link.shared.members.find((m) => now - heardAt(m) > GONE_AFTER);
  }
}

/** Lengths of the frames that a link takes, of both sides. */
function framesOf(hasSession: boolean): readonly number[] {
  return hasSession ? [KEY_FRAME, KEY_FRAME] : [MESSAGE_1_LENGTH, MESSAGE_2_LENGTH, KEY_FRAME, KEY_FRAME];
}
