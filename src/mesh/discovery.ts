/**
 * Who is in earshot: sends beacons and announces, answers solicits, solicits those for whom mail waits
 * (docs/protocol/mesh.md).
 */
import { startsWith } from '../core/bytes.ts';
import type { Cancel, Clock } from '../core/clock.ts';
import type { Counters } from '../core/counters.ts';
import { Event } from '../core/events.ts';
import { below, type Random, uniform } from '../core/random.ts';
import type { Identity } from '../identity/keys.ts';
import { type NodeId, nodeIdKey } from '../identity/node-id.ts';
import { KIND } from '../link/frame.ts';
import type { KeyOf, Link, LooseFrame } from '../link/link.ts';
import { type Announce, decodeAnnounce, encodeAnnounce } from './announce.ts';
import { decodeBeacon, encodeBeacon } from './beacon.ts';
import { anchorOf } from './freshness.ts';
import { RoutingBudget } from './routing-budget.ts';
import { decodeSolicit, encodeSolicit, MOST_ENTRIES } from './solicit.ts';
import { WantedList } from './wanted.ts';

const MINUTE = 60_000;
export const T0_MS = 30 * MINUTE;
const BEACON_MS = T0_MS / 3;
/** Three signs of life missed, with the jitter of the third. */
const DOWN_AFTER_MS = 3.2 * BEACON_MS;
const ANSWER_PAUSE_MS = 10_000;
/** Strangers share this many places; the one unheard for longest goes first. */
const MOST_KNOWN = 512;

/** What was heard of one node. */
export interface Heard {
  readonly nodeId: NodeId;
  /** `Clock.monotonic()` of the last sign of life. */
  readonly at: number;
  readonly rssiDbm?: number;
  readonly snrDb?: number;
  readonly capabilities?: number;
  readonly announce?: Announce;
}

export interface DiscoveryOptions {
  readonly link: Link;
  readonly identity: Identity;
  /** Ends the freshness chains (`chainSecretOf`). */
  readonly chainSecret: Uint8Array;
  /** A number above all it gave before, over reboots too. */
  readonly nextSequence: () => bigint;
  /** Keys known beside what was announced: of contacts, and of those written to. */
  readonly otherKey: KeyOf;
  readonly capabilities: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly counters: Counters;
}

export class Discovery {
  /** A sign of life of a node. */
  readonly onHeard = new Event<NodeId>();
  readonly #o: DiscoveryOptions;
  readonly #heard = new Map<string, Heard>();
  readonly #wanted = new WantedList<NodeId>();
  readonly #budget: RoutingBudget;
  readonly #cancels: Cancel[] = [];
  #solicitTimer: Cancel | undefined;
  #beaconTimer: Cancel | undefined;
  #answerTimer: Cancel | undefined;
  #announcedAt = Number.NEGATIVE_INFINITY;
  #booted = true;

  constructor(options: DiscoveryOptions) {
    this.#o = options;
    this.#budget = new RoutingBudget(options.clock);
  }

  /** Begins to listen, and announces this boot within 0.5–3 s. */
  start(): void {
    const { link, clock, random } = this.#o;
    this.#cancels.push(
      link.onLoose.on((frame) => this.#loose(frame)),
      link.onAlive.on((id) => this.#note({ nodeId: id, at: clock.monotonic() })),
    );
    this.#answerTimer = clock.after(500 + 2_500 * uniform(random), () => this.#announce());
    this.#armBeacon();
  }

  stop(): void {
    for (const cancel of this.#cancels) cancel();
    this.#solicitTimer?.();
    this.#beaconTimer?.();
    this.#answerTimer?.();
  }

  /** The Ed25519 key of a node, from its announce or from a contact. */
  keyOf(id: NodeId): Uint8Array | undefined {
    return this.#heard.get(nodeIdKey(id))?.announce?.publicKey ?? this.#o.otherKey(id);
  }

  /** Heard lately, and linked already or its key known: what is sent has a chance. */
  reachable(id: NodeId): boolean {
    const heard = this.#heard.get(nodeIdKey(id));
    if (!heard || !this.#isUp(heard)) return false;
    return this.keyOf(id) !== undefined || this.#o.link.neighbour(id).linked;
  }

  /** Those heard within three expected signs of life. */
  neighbours(): readonly Heard[] {
    return [...this.#heard.values()].filter((h) => this.#isUp(h));
  }

  /** Solicits `id` until it is reachable or no longer wanted. */
  want(id: NodeId): void {
    if (this.reachable(id)) return;
    this.#wanted.add(nodeIdKey(id), id, this.#o.clock.monotonic());
    this.#armSolicit();
  }

  unwant(id: NodeId): void {
    this.#wanted.remove(nodeIdKey(id));
  }

  #isUp(heard: Heard): boolean {
    return this.#o.clock.monotonic() - heard.at <= DOWN_AFTER_MS;
  }

  #loose({ kind, bytes, reception }: LooseFrame): void {
    const { rssiDbm, snrDb, at } = reception;
    if (kind === KIND.beacon) {
      const beacon = decodeBeacon(bytes);
      if (!beacon) {
        this.#o.counters.count('mesh.refused.malformed-beacon');
        return;
      }
      this.#note({ nodeId: beacon.nodeId, at, rssiDbm, snrDb, capabilities: beacon.capabilities });
    } else if (kind === KIND.announce) {
      this.#announced(bytes, at, rssiDbm, snrDb);
    } else if (kind === KIND.solicit) {
      this.#solicited(bytes);
    }
  }

  #announced(bytes: Uint8Array, at: number, rssiDbm: number, snrDb: number): void {
    const { counters, identity, link } = this.#o;
    const announce = decodeAnnounce(bytes);
    if (typeof announce === 'string') {
      counters.count(`mesh.refused.${announce}-announce`);
      return;
    }
    const key = nodeIdKey(announce.nodeId);
    if (key === nodeIdKey(identity.nodeId)) {
      counters.count('mesh.refused.own-announce');
      return;
    }
    const known = this.#heard.get(key)?.announce;
    if (known && announce.sequence <= known.sequence) {
      counters.count('mesh.refused.stale-announce');
      return;
    }
    if (announce.booted) link.forget(announce.nodeId);
    this.#note({
      nodeId: announce.nodeId,
      at,
      rssiDbm,
      snrDb,
      capabilities: announce.capabilities,
      announce,
    });
  }

  #solicited(bytes: Uint8Array): void {
    const { clock, counters, identity, random } = this.#o;
    const entries = decodeSolicit(bytes);
    if (!entries) {
      counters.count('mesh.refused.malformed-solicit');
      return;
    }
    if (!entries.some((e) => startsWith(identity.nodeId, e.prefix))) return;
    if (this.#answerTimer) return;
    const pause = this.#announcedAt + ANSWER_PAUSE_MS - clock.monotonic();
    this.#answerTimer = clock.after(Math.max(100, pause) + 900 * uniform(random), () => this.#announce());
  }

  #note(news: Heard): void {
    const key = nodeIdKey(news.nodeId);
    if (key === nodeIdKey(this.#o.identity.nodeId)) {
      this.#o.counters.count('mesh.refused.own-beacon');
      return;
    }
    const merged = { ...this.#heard.get(key), ...news };
    this.#heard.delete(key);
    this.#heard.set(key, merged); // kept in the order heard
    if (this.#heard.size > MOST_KNOWN) this.#heard.delete(this.#heard.keys().next().value as string);
    if (this.reachable(news.nodeId)) this.#wanted.remove(key);
    // later: the frame that is the sign of life may hold the very answer that somebody waits for
    queueMicrotask(() => this.onHeard.emit(news.nodeId));
  }

  #announce(): void {
    const { chainSecret, capabilities, clock, identity, nextSequence } = this.#o;
    this.#answerTimer = undefined;
    // whoever missed the boot's announce is answered at once
    if (!this.#booted) this.#announcedAt = clock.monotonic();
    const sequence = nextSequence();
    const anchor = anchorOf(identity.nodeId, chainSecret, sequence);
    const frame = encodeAnnounce(identity, { sequence, anchor, booted: this.#booted, capabilities });
    if (this.#send(frame)) this.#booted = false;
  }

  #armBeacon(): void {
    const { capabilities, clock, identity, random } = this.#o;
    this.#beaconTimer = clock.after(BEACON_MS * (0.9 + 0.2 * uniform(random)), () => {
      this.#send(encodeBeacon({ nodeId: identity.nodeId, capabilities, tariffTier: 0, load: 0 }));
      this.#armBeacon();
    });
  }

  #armSolicit(): void {
    const { clock } = this.#o;
    this.#solicitTimer?.();
    const at = this.#wanted.nextAt();
    if (at === undefined) return;
    this.#solicitTimer = clock.after(at - clock.monotonic(), () => {
      this.#solicit();
      this.#armSolicit();
    });
  }

  #solicit(): void {
    const { clock, random } = this.#o;
    const due = this.#wanted.takeDue(clock.monotonic(), MOST_ENTRIES);
    if (due.length === 0) return;
    const entries = due.map((id) => ({
      prefix: id.subarray(0, 4),
      leastStep: 0,
      nonce: below(random, 0x10000),
      ring: 1,
    }));
    this.#send(encodeSolicit(entries));
  }

  /** Within the budget or not at all; true where it was handed to the medium. */
  #send(frame: Uint8Array): boolean {
    const { counters, link } = this.#o;
    if (!this.#budget.take(link.airtime(frame.length) ?? 0)) {
      counters.count('mesh.over-budget');
      return false;
    }
    void link.broadcast(frame, 0);
    return true;
  }
}
