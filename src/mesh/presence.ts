/** Says that this box is there: its beacons and its own announce (docs/protocol/mesh.md). */
import type { Cancel, Clock } from '../core/clock.ts';
import { type Random, uniform } from '../core/random.ts';
import type { Identity } from '../identity/keys.ts';
import { encodeAnnounce } from './announce.ts';
import { encodeBeacon } from './beacon.ts';
import { beaconInterval } from './earshot.ts';
import type { OwnFreshness } from './freshness.ts';
import type { PacedLink } from './paced-link.ts';

const ANSWER_PAUSE_MS = 10_000;

export interface PresenceOptions {
  readonly paced: PacedLink;
  readonly identity: Identity;
  readonly freshness: OwnFreshness;
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
  #announceTimer: Cancel | undefined;
  #beaconTimer: Cancel | undefined;
  #announcedAt = Number.NEGATIVE_INFINITY;
  #beaconAt: number;

  constructor(options: PresenceOptions) {
    this.#o = options;
    this.#beaconAt = options.clock.monotonic();
    this.#isFirst = options.freshness.steps === 0;
  }

  /** Announces this boot within 0.5–3 s, and begins to send beacons. */
  start(): void {
    const { clock, random } = this.#o;
    this.#announceTimer = clock.after(500 + 2_500 * uniform(random), () => {
      this.#announce();
      if (!this.#isFirst) this.#beacon(true);
    });
    this.#arm();
  }

  stop(): void {
    this.#announceTimer?.();
    this.#beaconTimer?.();
  }

  /** Announces within 0.1–1 s, but once in 10 s. */
  announce(): void {
    const { clock, random } = this.#o;
    if (this.#announceTimer || clock.monotonic() - this.#announcedAt < ANSWER_PAUSE_MS) return;
    this.#announceTimer = clock.after(100 + 900 * uniform(random), () => this.#announce());
  }

  #announce(): void {
    const { capabilities, clock, freshness, identity, paced } = this.#o;
    this.#announceTimer = undefined;
    this.#announcedAt = clock.monotonic();
    const { anchor, sequence } = freshness;
    const booted = this.#isFirst && freshness.steps === 0;
    paced.broadcast(encodeAnnounce(identity, { sequence, anchor, booted, capabilities }), true);
  }

  #beacon(booted: boolean): void {
    const { capabilities, clock, freshness, identity, load, paced } = this.#o;
    const { nodeId } = identity;
    this.#beaconAt = clock.monotonic();
    const full = Math.round(255 * Math.min(load(), 1));
    const beacon = encodeBeacon({
      ...{ nodeId, capabilities, tariffTier: 0, load: full },
      booted: booted ? freshness.value : undefined,
    });
    paced.broadcast(beacon, true);
  }

  #arm(): void {
    const { clock, random, saidAt, t0 } = this.#o;
    const interval = beaconInterval(t0()) * (0.9 + 0.2 * uniform(random));
    const from = Math.max(this.#beaconAt, saidAt());
    this.#beaconTimer = clock.after(from + interval - clock.monotonic(), () => {
      if (saidAt() <= from) this.#beacon(false);
      this.#arm();
    });
  }
}
