/**
 * Says in digests what can be reached through this box (docs/protocol/mesh.md, "Route digests"): fits T0 to the
 * budget, looks every sixth of it for what is due, and fills frames with it.
 */
import type { Cancel } from '../core/clock.ts';
import { logByteOf, minutesOf } from '../core/log-byte.ts';
import { type Random, uniform } from '../core/random.ts';
import type { Link, Reach, Rec } from '../link/link.ts';
import { RECORD } from '../link/records.ts';
import { BEACON_LENGTH } from './beacon.ts';
import type { ChannelShares } from './channel-shares.ts';
import {
  type DigestEntry,
  type DigestWant,
  encodeDigest,
  entriesWithin,
  MOST_WANTS,
  mostEntriesWithin,
  wantsWithin,
} from './digest.ts';
import { T0_LEAST_MS } from './earshot.ts';
import type { Introductions } from './introductions.ts';
import type { PacedLink } from './paced-link.ts';
import type { RouteMemory } from './route-memory.ts';
import type { Usable } from './route-table.ts';
import { type Statement, Statements, type StatementsOptions } from './statements.ts';

const MINUTE = 60_000;
const TICKS = 6;
/** ms */
const RENEWED_WITHIN = 5_000;
const BEACONS = 3;
/** What refreshes have of that which digests may use, while many routes wait to be said for the first time. */
const REFRESHES_WHILE_BEHIND = 0.5;

export interface AdvertiserOptions extends Omit<StatementsOptions, 't0' | 'recalled'> {
  readonly link: Pick<Link, 'airtime' | 'mtu' | 'shared'>;
  readonly paced: PacedLink;
  /** The part of time that digests may use. */
  readonly share: () => number;
  readonly shares: Pick<ChannelShares, 'crowd' | 'say'>;
  readonly memory: RouteMemory;
  /** What is asked of neighbours by the way. */
  readonly wants: Pick<Introductions, 'riding' | 'rode'>;
  readonly random: Random;
}

export class Advertiser {
  readonly #o: AdvertiserOptions;
  readonly #statements: Statements;
  #saidAt = Number.NEGATIVE_INFINITY;
  #t0: number;
  #isBehind = false;
  #timer: Cancel | undefined;
  #stopped = false;

  constructor(options: AdvertiserOptions) {
    this.#o = options;
    const { said } = options.memory;
    this.#t0 = logByteOf((said?.t0 ?? T0_LEAST_MS) / MINUTE);
    this.#statements = new Statements({ ...options, t0: () => this.t0, recalled: said?.dueAt });
  }

  start(): void {
    this.#arm();
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.();
    void this.#remember();
  }

  /** The own step is newer than it was, and is to be said soon. */
  renewed(): void {
    const { clock, random } = this.#o;
    this.#statements.renewed();
    if (this.#stopped) return;
    this.#timer?.();
    this.#timer = clock.after(RENEWED_WITHIN * uniform(random), () => void this.#turn());
  }

  /** ms */
  get t0(): number {
    return (minutesOf(this.#t0) ?? 0) * MINUTE;
  }

  /** `Clock.monotonic()` of the last digest. */
  get saidAt(): number {
    return this.#saidAt;
  }

  /** Whether more routes than one frame holds wait to be said for the first time. */
  get isBehind(): boolean {
    return this.#isBehind;
  }

  /** A digest of these entries, to be sent by itself. */
  digestOf(entries: readonly DigestEntry[], wants: readonly DigestWant[] = []): Rec {
    return {
      type: RECORD.digest,
      body: encodeDigest({ t0: this.#t0, crowd: this.#o.shares.say(), wants, entries }),
    };
  }

  /** This box's own entry, as it stands. */
  ownEntry(): DigestEntry {
    return this.#statements.ownEntry();
  }

  /**
   * The entry for a route, to be said at once: resolves when it may be, undefined where the disk refuses, or nothing
   * is known of the destination any more.
   */
  async entryFor(key: string, usable: Usable): Promise<DigestEntry | undefined> {
    const statement = this.#statements.asked(key, usable);
    if (!statement) return undefined;
    statement.before();
    return (await this.#o.distances.save()) ? statement.entry : undefined;
  }

  #arm(): void {
    const { clock, random } = this.#o;
    const wait = (this.t0 / TICKS) * (0.9 + 0.2 * uniform(random));
    this.#timer = clock.after(wait, () => void this.#turn());
  }

  async #turn(): Promise<void> {
    await this.#tick();
    if (!this.#stopped) await this.#remember();
    if (this.#stopped) return;
    this.#timer?.();
    this.#arm();
  }

  /** What was learned and said, for the next start. */
  #remember(): Promise<void> {
    const { clock, memory, shares } = this.#o;
    const { around } = shares.crowd;
    return memory.save(clock.monotonic(), { t0: this.t0, dueAt: this.#statements.dueAt, around });
  }

  async #tick(): Promise<void> {
    const { clock, link, table } = this.#o;
    table.expire(clock.monotonic());
    this.#t0 = this.#fittingT0();
    if (link.shared.members.length === 0) return;
    const statements = this.#statements.due();
    for (const reach of ['wired', 'all'] as const)
      await this.#sayAll(
        statements.filter((s) => s.reach === reach),
        reach,
      );
  }

  async #sayAll(statements: readonly Statement[], reach: Reach): Promise<void> {
    const { link, wants } = this.#o;
    const riding = wants.riding(MOST_WANTS).length;
    const fitting = (all: readonly Statement[]) =>
      entriesWithin(
        link.shared.room,
        all.map((s) => s.entry),
        riding,
      );
    let left = statements;
    for (let count = fitting(left); count > 0 && !this.#stopped; count = fitting(left)) {
      let frame = left.slice(0, count);
      if (count === left.length) {
        if (!frame.some((s) => s.urgent)) return;
        const more = mostEntriesWithin(link.shared.room, riding) - count;
        frame = [...frame, ...this.#statements.soon(more, reach)];
        frame = frame.slice(0, fitting(frame));
      }
      if (!(await this.#say(frame, reach))) return;
      left = left.slice(count);
    }
  }

  /** One frame; the disk first. */
  async #say(statements: readonly Statement[], reach: Reach): Promise<boolean> {
    const { distances, link, paced } = this.#o;
    for (const s of statements) s.before();
    if (!(await distances.save())) return false;
    const entries = statements.map((s) => s.entry);
    const riding = reach === 'all' ? this.#o.wants.riding(wantsWithin(link.shared.room, entries)) : [];
    const wants = riding.map(({ asking, of }) => ({ of, prefix: asking.prefix }));
    if (!(await paced.share(this.digestOf(entries, wants), reach))) return false;
    this.#o.wants.rode(riding);
    if (reach === 'all') this.#saidAt = this.#o.clock.monotonic();
    for (const s of statements) s.said();
    return true;
  }

  /**
   * The least T0 for which beacons and refreshes fit into the budget, of what is still to be said as well: into half of
   * it while that is much.
   */
  #fittingT0(): number {
    const { link, share } = this.#o;
    const perFrame = Math.max(mostEntriesWithin(link.shared.room), 1);
    const { perT0: entries, unsaid } = this.#statements.workload();
    const airtime = (bytes: number) => link.airtime(bytes) ?? 0;
    const perT0 = (entries / perFrame) * airtime(link.mtu) + BEACONS * airtime(BEACON_LENGTH);
    this.#isBehind = unsaid > perFrame;
    const forRefreshes = (this.#isBehind ? REFRESHES_WHILE_BEHIND : 1) * share();
    return logByteOf(Math.max(T0_LEAST_MS, perT0 / forRefreshes) / MINUTE);
  }
}
