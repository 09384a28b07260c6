/** Says that this box is there: its beacons and its own announce (docs/protocol/mesh.md). */
import type { Cancel, Clock } from '../core/clock.ts';
import { type Random, uniform } from '../core/random.ts';
import type { Identity } from '../identity/keys.ts';
import type { NodeId } from '../identity/node-id.ts';
import type { MediumFacts } from '../link/link.ts';
import type { Destination } from '../link/medium.ts';
import { encodeAnnounce } from './announce.ts';
import { encodeBeacon } from './beacon.ts';
import { beaconInterval } from './earshot.ts';
import type { OwnFreshness } from './freshness.ts';
import type { PacedLink } from './paced-link.ts';

const ANSWER_PAUSE_MS = 10_000;
/** Waits between the first beacons after boot, ms: the boot announces of a village that powers up at once collide. */
const EARLY_MS = [15_000, 45_000, 180_000] as const;

export interface PresenceOptions {
  readonly media: readonly MediumFacts[];
  readonly paced: PacedLink;
  readonly identity: Identity;
  readonly freshness: OwnFreshness;
  readonly mailboxes: () => readonly NodeId[];
  readonly capabilities: number;
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
  /** The announce was first issued at this boot. */
  readonly #isFirst: boolean;
  #bootTimer: Cancel | undefined;
  #beaconTimer: Cancel | undefined;
  /** By medium: an answer that is on its way, and when the last announce went. */
  readonly #answerTimers = new Map<string, Cancel>();
  readonly #announcedAt = new Map<string, number>();
  #beaconAt: number;
  /** Sent since boot. */
  #beacons = 0;

  constructor(options: PresenceOptions) {
    this.#o = options;
    this.#beaconAt = options.clock.monotonic();
    this.#isFirst = options.freshness.steps === 0;
  }

  /** Announces this boot within 0.5–3 s, and begins to send beacons. */
  start(): void {
    const { clock, media, random } = this.#o;
    for (const { name, connections } of media)
      for (const via of connections?.open ?? []) this.introduce({ medium: name, via });
    this.#bootTimer = clock.after(500 + 2_500 * uniform(random), () => {
      this.#bootTimer = undefined;
      // before the announce: whoever has something to say would say it in a session that is no more
      if (!this.#isFirst) this.#beacon(true);
      this.#announce();
    });
    this.#arm();
  }

  stop(): void {
    this.#bootTimer?.();
    this.#beaconTimer?.();
    for (const cancel of this.#answerTimers.values()) cancel();
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

  #announce(to?: Destination): void {
    const { capabilities, freshness, identity, mailboxes, paced } = this.#o;
    const { anchor, sequence } = freshness;
    const booted = this.#isFirst && freshness.steps === 0;
    const own = { sequence, anchor, booted, capabilities, mailboxes: mailboxes() };
    paced.broadcast(encodeAnnounce(identity, own), true, to);
  }

  /** Not by connections: that they last is a sign of life by itself. */
  #beacon(booted: boolean): void {
    const { capabilities, clock, freshness, identity, load, media, paced } = this.#o;
    const { nodeId } = identity;
    this.#beaconAt = clock.monotonic();
    this.#beacons++;
    const full = Math.round(255 * Math.min(load(), 1));
    const beacon = encodeBeacon({
      ...{ nodeId, capabilities, tariffTier: 0, load: full },
      booted: booted ? freshness.value : undefined,
    });
    for (const { name, connections } of media)
      if (booted || !connections) paced.broadcast(beacon, true, { medium: name });
  }

  #arm(): void {
    const { clock, random, saidAt, t0 } = this.#o;
    const early = EARLY_MS[this.#beacons];
    const interval = early
      ? early * (0.5 + uniform(random))
      : beaconInterval(t0()) * (0.9 + 0.2 * uniform(random));
    const from = Math.max(this.#beaconAt, saidAt());
    this.#beaconTimer = clock.after(from + interval - clock.monotonic(), () => {
      if (saidAt() <= from) this.#beacon(false);
      else this.#beacons++;
      this.#arm();
    });
  }
}
