/** Who is in earshot: signs of life, and how good each link is (docs/protocol/mesh.md, "Beacon"). */
import { type NodeId, nodeIdKey } from '../identity/node-id.ts';
import { type Crowd, UNSAID } from './channel-shares.ts';
import { LinkMeter } from './link-meter.ts';

const MINUTE = 60_000;
export const T0_LEAST_MS = 30 * MINUTE;
/** Three signs of life missed, with the jitter of the third. */
const MISSED = 3.2;
/** ms: whoever is silent for longer is down, whatever its T0. */
export const LONGEST_SILENCE_MS = MISSED * 20 * MINUTE;
/** ms: whoever was heard for the first time fills the channel for as long, and nobody for longer than the second. */
const FILLS_FOR_MS = 120 * MINUTE;
const FILLS_FOR_AT_MOST_MS = 360 * MINUTE;
/** Each gap between signs of life counts so much in their mean. */
const GAP_PART = 1 / 4;
/** So many tries without an answer, and no sign of life meanwhile: down. */
const MOST_UNANSWERED = 6;
/** Strangers share this many places; the one unheard for longest goes first. */
const MOST_STRANGERS = 384;

/** What was heard of one node. */
export interface Heard {
  readonly nodeId: NodeId;
  readonly key: string;
  /** `Clock.monotonic()` of the last sign of life, and of the last that was to be expected. */
  at: number;
  expectedAt: number | undefined;
  /** ms between signs of life, on average; undefined before the second one. */
  gapMs: number | undefined;
  /** Tries without an answer since. */
  unanswered: number;
  rssiDbm: number | undefined;
  snrDb: number | undefined;
  capabilities: number | undefined;
  /** ms: its T0, where its digests have said it. */
  t0: number;
  /** How full the channel is where it is, as it has said; 0 where it has not. */
  crowd: Crowd;
  readonly meter: LinkMeter;
}

export interface Sign {
  readonly nodeId: NodeId;
  readonly at: number;
  readonly rssiDbm?: number | undefined;
  readonly snrDb?: number | undefined;
  readonly capabilities?: number;
  readonly crowd?: Crowd | undefined;
  /** Bytes of a beacon, or of a digest, which stands for one: such a frame was to be expected. */
  readonly expectedBytes?: number;
}

/** Beacons go every third of T0, and often enough for those who do not know that T0. */
export function beaconInterval(t0: number): number {
  return Math.min(t0 / 3, 20 * MINUTE);
}

export class Earshot {
  readonly #isTrusted: (id: NodeId) => boolean;
  /** In the order heard. */
  readonly #heard = new Map<string, Heard>();

  constructor(isTrusted: (id: NodeId) => boolean) {
    this.#isTrusted = isTrusted;
  }

  /** Takes a sign of life; whether the node was down, or unknown, until now. */
  note(sign: Sign): boolean {
    const key = nodeIdKey(sign.nodeId);
    const known = this.#heard.get(key);
    const heard = known ?? fresh(sign, key);
    const wasUp = known !== undefined && isUp(known, sign.at);
    const wasHeard = known !== undefined && isHeard(known, sign.at);
    if (!wasHeard) heard.meter.returned();
    heard.meter.alive();
    if (sign.expectedBytes !== undefined) {
      if (wasHeard && heard.expectedAt !== undefined) {
        const due = Math.round((sign.at - heard.expectedAt) / beaconInterval(heard.t0));
        heard.meter.heard(due, sign.expectedBytes);
      }
      heard.expectedAt = sign.at;
    }
    if (known) {
      const gap = Math.min(sign.at - known.at, FILLS_FOR_AT_MOST_MS);
      heard.gapMs = known.gapMs === undefined ? gap : known.gapMs + GAP_PART * (gap - known.gapMs);
    }
    heard.at = sign.at;
    heard.unanswered = 0;
    heard.rssiDbm = sign.rssiDbm ?? heard.rssiDbm;
    heard.snrDb = sign.snrDb ?? heard.snrDb;
    heard.capabilities = sign.capabilities ?? heard.capabilities;
    heard.crowd = sign.crowd ?? heard.crowd;
    this.#heard.delete(key);
    this.#heard.set(key, heard);
    if (this.#heard.size > MOST_STRANGERS) this.#makeRoom();
    return !wasUp;
  }

  /** A try to reach it went without an answer. */
  missed(id: NodeId): void {
    const heard = this.#heard.get(nodeIdKey(id));
    if (heard) heard.unanswered++;
  }

  /** Its connection has ended: what else is known of it stays. */
  gone(id: NodeId): void {
    const heard = this.#heard.get(nodeIdKey(id));
    if (heard) heard.at = Number.NEGATIVE_INFINITY;
  }

  get(key: string): Heard | undefined {
    return this.#heard.get(key);
  }

  /** As it says in its digests, ms; the least there is where it has not said. */
  t0Of(id: NodeId): number {
    return Math.max(this.#heard.get(nodeIdKey(id))?.t0 ?? 0, T0_LEAST_MS);
  }

  /** Heard within three expected signs of life, and not found silent since. */
  isUp(key: string, now: number): boolean {
    const heard = this.#heard.get(key);
    return heard !== undefined && isUp(heard, now);
  }

  /** Those that are up. */
  up(now: number): readonly Heard[] {
    const up: Heard[] = [];
    for (const heard of this.#heard.values()) if (isUp(heard, now)) up.push(heard);
    return up;
  }

  /** Those that fill the channel here, also those heard now and then only. */
  filling(now: number): readonly Heard[] {
    const filling: Heard[] = [];
    for (const heard of this.#heard.values()) if (fills(heard, now)) filling.push(heard);
    return filling;
  }

  #makeRoom(): void {
    const strangers = [...this.#heard.values()].filter((h) => !this.#isTrusted(h.nodeId));
    const [victim] = strangers;
    if (strangers.length > MOST_STRANGERS && victim) this.#heard.delete(victim.key);
  }
}

function isUp(heard: Heard, now: number): boolean {
  return heard.unanswered < MOST_UNANSWERED && isHeard(heard, now);
}

function isHeard({ at, t0 }: Heard, now: number): boolean {
  return now - at <= MISSED * expectedGap(t0);
}

/** ms between signs of life, of one that has this T0 or has not said it. */
function expectedGap(t0: number): number {
  return Math.max(beaconInterval(t0), T0_LEAST_MS / 3);
}

/** Until so many signs of life are missed as are to be expected of one that is heard as often as it was. */
function fills({ at, gapMs, t0 }: Heard, now: number): boolean {
  const silence = now - at;
  if (gapMs === undefined) return silence <= FILLS_FOR_MS;
  const usual = Math.max(gapMs, expectedGap(t0));
  return silence <= Math.min(MISSED * usual, FILLS_FOR_AT_MOST_MS);
}

function fresh({ nodeId, at }: Sign, key: string): Heard {
  const nothing = {
    expectedAt: undefined,
    gapMs: undefined,
    rssiDbm: undefined,
    snrDb: undefined,
    capabilities: undefined,
  };
  return {
    nodeId,
    key,
    at,
    unanswered: 0,
    ...nothing,
    t0: T0_LEAST_MS,
    crowd: UNSAID,
    meter: new LinkMeter(),
  };
}
