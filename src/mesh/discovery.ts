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
import type { Destination, Reception } from '../link/medium.ts';
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
  readonly rssiDbm?: number | undefined;
  readonly snrDb?: number | undefined;
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
  #bootTimer: Cancel | undefined;
  /** By medium: an answer to a solicit that is on its way, and when the last announce went. */
  readonly #answerTimers = new Map<string, Cancel>();
  readonly #announcedAt = new Map<string, number>();
  /** The announce in force, and whether everybody was told of it. */
  #announce: Uint8Array | undefined;
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
      link.onGone.on((id) => this.#gone(id)),
      link.onConnected.on((to) => this.#introduce(to)),
    );
    for (const { name, connections } of link.media)
      for (const via of connections?.open ?? []) this.#introduce({ medium: name, via });
    this.#bootTimer = clock.after(500 + 2_500 * uniform(random), () => this.#announceBoot());
    this.#armBeacon();
  }

  stop(): void {
    for (const cancel of this.#cancels) cancel();
    this.#solicitTimer?.();
    this.#beaconTimer?.();
    this.#bootTimer?.();
    for (const cancel of this.#answerTimers.values()) cancel();
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

  /** Its connection has ended: what else is known of it stays. */
  #gone(id: NodeId): void {
    const key = nodeIdKey(id);
    const heard = this.#heard.get(key);
    if (heard) this.#heard.set(key, { ...heard, at: Number.NEGATIVE_INFINITY });
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
      this.#met(beacon.nodeId, reception);
    } else if (kind === KIND.announce) {
      this.#announced(bytes, reception);
    } else if (kind === KIND.solicit) {
      this.#solicited(bytes, reception.medium);
    }
  }

  #met(id: NodeId, reception: Reception): void {
    if (this.keyOf(id)) this.#o.link.met(id, reception);
  }

  #announced(bytes: Uint8Array, reception: Reception): void {
    const { counters, identity, link } = this.#o;
    const { rssiDbm, snrDb, at } = reception;
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
    // said again to a connection that has come about
    if (known?.sequence === announce.sequence && reception.via !== undefined) {
      link.met(announce.nodeId, reception);
      return;
    }
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
    // it may have begun to listen only after this one was introduced
    if (reception.via !== undefined) this.#introduce(reception);
    link.met(announce.nodeId, reception);
  }

  /** Answered where it was asked. */
  #solicited(bytes: Uint8Array, medium: string): void {
    const { clock, counters, identity, random } = this.#o;
    const entries = decodeSolicit(bytes);
    if (!entries) {
      counters.count('mesh.refused.malformed-solicit');
      return;
    }
    if (!entries.some((e) => startsWith(identity.nodeId, e.prefix))) return;
    if (this.#bootTimer || this.#answerTimers.has(medium)) return;
    const announcedAt = this.#announcedAt.get(medium) ?? Number.NEGATIVE_INFINITY;
    const pause = announcedAt + ANSWER_PAUSE_MS - clock.monotonic();
    const answer = () => {
      this.#answerTimers.delete(medium);
      this.#announcedAt.set(medium, clock.monotonic());
      this.#announce = this.#newAnnounce();
      this.#send(this.#announce, { medium });
    };
    this.#answerTimers.set(medium, clock.after(Math.max(100, pause) + 900 * uniform(random), answer));
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

  /** Whoever misses this one is answered at once. */
  #announceBoot(): void {
    this.#bootTimer = undefined;
    this.#announce ??= this.#newAnnounce();
    if (this.#send(this.#announce)) this.#booted = false;
  }

  /** Whoever is at the other end of a new connection is told at once who this is. */
  #introduce(to: Destination): void {
    this.#announce ??= this.#newAnnounce();
    this.#send(this.#announce, to);
  }

  #newAnnounce(): Uint8Array {
    const { chainSecret, capabilities, identity, nextSequence } = this.#o;
    const sequence = nextSequence();
    const anchor = anchorOf(identity.nodeId, chainSecret, sequence);
    return encodeAnnounce(identity, { sequence, anchor, booted: this.#booted, capabilities });
  }

  #armBeacon(): void {
    const { capabilities, clock, identity, random } = this.#o;
    this.#beaconTimer = clock.after(BEACON_MS * (0.9 + 0.2 * uniform(random)), () => {
      const beacon = encodeBeacon({ nodeId: identity.nodeId, capabilities, tariffTier: 0, load: 0 });
      // a connection that lasts is a sign of life by itself
      for (const { name, connections } of this.#o.link.media)
        if (!connections) this.#send(beacon, { medium: name });
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

  /** Within the budget or not at all; true where it was handed to a medium. */
  #send(frame: Uint8Array, to?: Destination): boolean {
    const { counters, link } = this.#o;
    const media = to ? link.media.filter((m) => m.name === to.medium) : link.media;
    let sent = false;
    for (const { name, airtime } of media.map((m) => ({ name: m.name, airtime: m.airtime(frame.length) }))) {
      if (this.#budget.take(airtime ?? 0)) {
        sent = true;
        void link.broadcast(frame, 0, to ?? { medium: name });
      } else counters.count('mesh.over-budget');
    }
    return sent;
  }
}
