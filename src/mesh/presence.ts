/** Says that this box is there: its beacons and its own announce (docs/protocol/mesh.md). */
import type { Cancel, Clock } from '../core/clock.ts';
import { type Random, uniform } from '../core/random.ts';
import type { Identity } from '../identity/keys.ts';
import type { NodeId } from '../identity/node-id.ts';
import type { MediumFacts } from '../link/link.ts';
import type { Destination } from '../link/medium.ts';
import { encodeAnnounce } from './announce.ts';
import { BEACON_LENGTH, encodeBeacon, type Started } from './beacon.ts';
import type { ChannelShares } from './channel-shares.ts';
import { beaconInterval } from './earshot.ts';
import type { OwnFreshness } from './freshness.ts';
import type { PacedLink } from './paced-link.ts';

const ANSWER_PAUSE_MS = 10_000;
/** Waits between the first beacons after boot, ms: the boot announces of a village that powers up at once collide. */
const EARLY_MS = [15_000, 45_000, 180_000] as const;
/** ms after the start within which the first beacon goes. */
const BOOT_MS = [500, 3_000] as const;
/**
 * Who is back with its links is answered within so many airtimes of a beacon. Its neighbours need not hear each other:
 * of eight at random, each is heard with 3 to 1.
 */
const ANSWER_SPREAD = 48;
const SHORTEST_SPREAD_MS = 3_000;

/** ms: within which neighbours answer one that is back with its links, where a beacon takes so long. */
export function answerSpread(beaconAirtime: number): number {
  return Math.max(ANSWER_SPREAD * beaconAirtime, SHORTEST_SPREAD_MS);
}

/** ms after its start within which a box has heard those neighbours that are there and whose answers arrived. */
export function answeredWithin(beaconAirtime: number): number {
  return BOOT_MS[1] + answerSpread(beaconAirtime) + SHORTEST_SPREAD_MS;
}

export interface PresenceOptions {
  readonly media: readonly MediumFacts[];
  readonly paced: PacedLink;
  readonly identity: Identity;
  readonly freshness: OwnFreshness;
  /** Links to neighbours were kept over the last start. */
  readonly hasLinks: () => boolean;
  readonly mailboxes: () => readonly NodeId[];
  readonly capabilities: number;
  readonly shares: Pick<ChannelShares, 'say'>;
  /** ms */
  readonly t0: () => number;
  /** When the last digest went out: it stands for a beacon. */
  readonly saidAt: () => number;
  /** 0 … 1 */
  readonly load: () => number;
  readonly clock: Clock;
  readonly random: Random;
}

export class Presence {
  readonly #o: PresenceOptions;
  /** The announce that was first issued at this boot, where one was. */
  readonly #issued: bigint | undefined;
  /** What proves this boot in a beacon; undefined at the very first, which nobody need be told of. */
  readonly #proof: Uint8Array | undefined;
  #bootTimer: Cancel | undefined;
  #beaconTimer: Cancel | undefined;
  /** By medium: an answer that is on its way, and when the last announce went. */
  readonly #answerTimers = new Map<string, Cancel>();
  readonly #announcedAt = new Map<string, number>();
  readonly #backTimers = new Map<string, Cancel>();
  #beaconAt: number;
  /** The last beacon that was an answer: it stands for one that is due, as digests do. */
  #answeredAt = Number.NEGATIVE_INFINITY;
  /** Sent since boot. */
  #beacons = 0;

  constructor(options: PresenceOptions) {
    this.#o = options;
    this.#beaconAt = options.clock.monotonic();
    const { freshness } = options;
    this.#issued = freshness.steps === 0 ? freshness.sequence : undefined;
    this.#proof = freshness.startProof;
  }

  /** Announces this boot within 0.5–3 s, and begins to send beacons. */
  start(): void {
    const { clock, media, random } = this.#o;
    for (const { name, connections } of media)
      for (const via of connections?.open ?? []) this.introduce({ medium: name, via });
    const [earliest, latest] = BOOT_MS;
    this.#bootTimer = clock.after(earliest + (latest - earliest) * uniform(random), () => {
      this.#bootTimer = undefined;
      // before the announce: whoever has something to say would say it in a session that is no more
      if (this.#proof) this.#beacon({ how: this.#o.hasLinks() ? 'resumed' : 'booted', step: this.#proof });
      this.#announce();
    });
    this.#arm();
  }

  stop(): void {
    this.#bootTimer?.();
    this.#beaconTimer?.();
    for (const timers of [this.#answerTimers, this.#backTimers])
      for (const cancel of timers.values()) cancel();
  }

  /** Whoever is at the other end of a connection is told at once who this is. */
  introduce(to: Destination): void {
    this.#announce(to);
  }

  /** Announces on a medium within 0.1–1 s, but not within 10 s of the last one that was asked for. */
  announce(medium: string): void {
    const { clock, random } = this.#o;
    if (this.#bootTimer || this.#answerTimers.has(medium)) return;
    const announcedAt = this.#announcedAt.get(medium) ?? Number.NEGATIVE_INFINITY;
    const pause = announcedAt + ANSWER_PAUSE_MS - clock.monotonic();
    const answer = () => {
      this.#answerTimers.delete(medium);
      this.#announcedAt.set(medium, clock.monotonic());
      this.#announce({ medium });
    };
    this.#answerTimers.set(medium, clock.after(Math.max(100, pause) + 900 * uniform(random), answer));
  }

  /**
   * A linked neighbour is back, and goes on with its link once it hears this box: a beacon at a random time, unless
   * something else has said meanwhile that this box is up. A connection says so by itself.
   */
  answerReturn(medium: string): void {
    const { clock, media, paced, random } = this.#o;
    const facts = media.find((m) => m.name === medium);
    if (!facts || facts.connections || this.#backTimers.has(medium)) return;
    const asked = clock.monotonic();
    const answer = () => {
      this.#backTimers.delete(medium);
      if (Math.max(this.#beaconAt, this.#stoodInAt) > asked) return;
      if (paced.broadcast(this.#frame(undefined), false, { medium })) this.#answeredAt = clock.monotonic();
    };
    const wait = answerSpread(facts.airtime(BEACON_LENGTH) ?? 0) * uniform(random);
    this.#backTimers.set(medium, clock.after(wait, answer));
  }

  #announce(to?: Destination): void {
    const { capabilities, freshness, hasLinks, identity, mailboxes, paced } = this.#o;
    const { anchor, sequence } = freshness;
    // it ends the sessions with this node: not those that were kept, nor when the chain has merely come to its end
    const booted = sequence === this.#issued && !hasLinks();
    const own = { sequence, anchor, booted, capabilities, mailboxes: mailboxes() };
    paced.broadcast(encodeAnnounce(identity, own), true, to);
  }

  /** Not by connections: that they last is a sign of life by itself. */
  #beacon(started?: Started): void {
    const { clock, media, paced } = this.#o;
    this.#beaconAt = clock.monotonic();
    this.#beacons++;
    const beacon = this.#frame(started);
    for (const { name, connections } of media)
      if (started || !connections) paced.broadcast(beacon, true, { medium: name });
  }

  #frame(started: Started | undefined): Uint8Array {
    const { capabilities, identity, load, shares } = this.#o;
    const { nodeId } = identity;
    const full = Math.round(255 * Math.min(load(), 1));
    const facts = { capabilities, tariffTier: 0, load: full, crowd: shares.say() };
    return encodeBeacon({ nodeId, ...facts, started });
  }

  /** When something last went out that stands for a beacon. */
  get #stoodInAt(): number {
    return Math.max(this.#o.saidAt(), this.#answeredAt);
  }

  #arm(): void {
    const { clock, random, t0 } = this.#o;
    const early = EARLY_MS[this.#beacons];
    const interval = early
      ? early * (0.5 + uniform(random))
      : beaconInterval(t0()) * (0.9 + 0.2 * uniform(random));
    const from = Math.max(this.#beaconAt, this.#stoodInAt);
    this.#beaconTimer = clock.after(from + interval - clock.monotonic(), () => {
      if (this.#stoodInAt <= from) this.#beacon();
      else this.#beacons++;
      this.#arm();
    });
  }
}
