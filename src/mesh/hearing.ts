/**
 * What is heard (docs/protocol/mesh.md): signs of life, beacons, announces, digests and wants are looked at here, and
 * handed to the parts that they concern.
 */
import type { Clock } from '../core/clock.ts';
import type { Counters } from '../core/counters.ts';
import { Event } from '../core/events.ts';
import { type NodeId, nodeIdKey } from '../identity/node-id.ts';
import { KIND, SEALED_OVERHEAD } from '../link/frame.ts';
import type { Link, LooseFrame, Neighbour, SharedRecord } from '../link/link.ts';
import type { Reception } from '../link/medium.ts';
import { decodeAnnounce } from './announce.ts';
import { decodeBeacon, type Started } from './beacon.ts';
import { ChainProofs } from './chain-proofs.ts';
import type { Destinations } from './destinations.ts';
import { decodeDigest } from './digest.ts';
import type { Earshot, Sign } from './earshot.ts';
import type { Gossip } from './gossip.ts';
import { type Introductions, isFirstHand } from './introductions.ts';
import { believedT0, type Learner } from './learner.ts';
import type { LinkKeeper } from './link-keeper.ts';
import type { Presence } from './presence.ts';
import type { Solicitor } from './solicitor.ts';
import { decodeWant } from './want.ts';

/** Starts that prove nothing in an hour, of whomever: whoever has heard a name can make them up. */
const MOST_UNPROVEN = 256;

export interface HearingOptions {
  readonly self: NodeId;
  readonly link: Link;
  readonly earshot: Earshot;
  readonly destinations: Destinations;
  readonly introductions: Introductions;
  readonly gossip: Gossip;
  readonly learner: Learner;
  readonly presence: Presence;
  readonly links: LinkKeeper;
  readonly solicitor: Solicitor;
  /** Whether a node's key is known. */
  readonly isKnown: (id: NodeId) => boolean;
  /** A linked neighbour is there that was not: it is a way to itself and to others. */
  readonly opened: (id: NodeId) => void;
  /** A node is there; it may be spoken to. */
  readonly there: (id: NodeId, isNew: boolean) => void;
  readonly clock: Clock;
  readonly counters: Counters;
}

export class Hearing {
  /** A sign of life. */
  readonly onHeard = new Event<NodeId>();
  /** A node is heard that was down or unknown until now, or has proven that it was started again. */
  readonly onReturn = new Event<NodeId>();
  readonly #o: HearingOptions;
  readonly #starts = new ChainProofs(MOST_UNPROVEN);

  constructor(options: HearingOptions) {
    this.#o = options;
  }

  /** A frame that is no neighbour's for certain. */
  loose({ kind, bytes, reception }: LooseFrame): void {
    if (kind === KIND.beacon) this.#beacon(bytes, reception);
    else if (kind === KIND.announce) this.#announce(bytes, reception);
    else if (kind === KIND.solicit) this.#o.solicitor.heard(bytes, reception.medium);
  }

  /** A digest to all neighbours of its sender. */
  shared({ body, from }: SharedRecord): void {
    this.digest(from, body);
    const expectedBytes = SEALED_OVERHEAD + body.length;
    this.#o.earshot.note({ nodeId: from, at: this.#o.clock.monotonic(), expectedBytes });
  }

  /** Of a linked neighbour. */
  digest(from: NodeId, body: Uint8Array): void {
    const { earshot, introductions, learner, link } = this.#o;
    const digest = decodeDigest(body);
    if (!digest) {
      this.#refuse('malformed-digest');
      return;
    }
    const heard = earshot.get(nodeIdKey(from));
    if (heard) {
      heard.t0 = believedT0(digest.t0);
      heard.crowd = digest.crowd;
    }
    learner.digest(from, digest);
    const { index } = link.shared;
    const asked = digest.wants.filter((w) => w.of === index).map((w) => w.prefix);
    introductions.wanted(link.neighbour(from), asked);
  }

  /** A linked neighbour lacks announces. */
  want(from: Neighbour, body: Uint8Array): void {
    const prefixes = decodeWant(body);
    if (prefixes) this.#o.introductions.wanted(from, prefixes);
    else this.#refuse('malformed-want');
  }

  /** Any sign of life. */
  note(sign: Sign): void {
    const { earshot, learner, link, links, opened, solicitor, there } = this.#o;
    const { nodeId } = sign;
    if (this.#isSelf(nodeId)) {
      this.#refuse('own-beacon');
      return;
    }
    const heardAt = earshot.get(nodeIdKey(nodeId))?.at;
    const isNew = earshot.note(sign);
    links.heard(nodeId);
    learner.alive(nodeId, earshot.t0Of(nodeId));
    if (isNew && link.shared.isMutual(nodeId)) {
      opened(nodeId);
      solicitor.returned(nodeId, heardAt ?? Number.NEGATIVE_INFINITY);
    }
    // later: the frame that is the sign of life may hold the very answer that somebody waits for
    queueMicrotask(() => {
      if (isNew) this.onReturn.emit(nodeId);
      this.onHeard.emit(nodeId);
    });
    there(nodeId, isNew);
  }

  #beacon(bytes: Uint8Array, reception: Reception): void {
    const beacon = decodeBeacon(bytes);
    if (!beacon) {
      this.#refuse('malformed-beacon');
      return;
    }
    const { capabilities, crowd, nodeId, started } = beacon;
    if (this.#isSelf(nodeId)) {
      this.#refuse('own-beacon');
      return;
    }
    if (started) this.#started(nodeId, started, reception.medium);
    const { at, rssiDbm, snrDb } = reception;
    // first: what is then made of it depends on the medium by which it is reached
    if (this.#o.isKnown(nodeId)) this.#o.link.met(nodeId, reception);
    this.note({ nodeId, at, rssiDbm, snrDb, capabilities, crowd, expectedBytes: bytes.length });
  }

  /** It was started again, with its sessions and keys or without, and proves that it is the one who says so. */
  #started(nodeId: NodeId, { how, step }: Started, medium: string): void {
    const { clock, destinations, link, presence, solicitor } = this.#o;
    const destination = destinations.get(nodeIdKey(nodeId));
    if (!destination) return;
    const before = destination.chain.order;
    const order = this.#starts.prove(destination, step, clock.monotonic());
    if (order === undefined || order <= before) {
      this.#refuse('unproven-beacon');
      return;
    }
    destination.provenAt = clock.monotonic();
    if (how === 'booted') link.forget(nodeId);
    else link.resume(nodeId);
    if (how === 'resumed' && link.shared.isMutual(nodeId)) {
      presence.answerReturn(medium);
      // it has forgotten what it was asked to pass on
      solicitor.returned(nodeId, Number.NEGATIVE_INFINITY);
    }
    queueMicrotask(() => this.onReturn.emit(nodeId));
  }

  #announce(bytes: Uint8Array, reception: Reception): void {
    const { destinations, gossip, introductions, learner, link, presence } = this.#o;
    const announce = decodeAnnounce(bytes);
    if (typeof announce === 'string') {
      this.#refuse(`${announce}-announce`);
      return;
    }
    const { booted, capabilities, cost, nodeId } = announce;
    if (this.#isSelf(nodeId)) {
      this.#refuse('own-announce');
      return;
    }
    introductions.heard(nodeId);
    gossip.heard(nodeId, reception.medium);
    const isFirst = destinations.get(nodeIdKey(nodeId)) === undefined;
    const learned = destinations.learn(announce, bytes);
    if (learned === 'stale' || learned === 'other') {
      this.#refuse(`${learned}-announce`);
      return;
    }
    if (learned === 'new') gossip.add(nodeId, reception.medium);
    if (learned === 'new' && booted) {
      // what it has begun with this box before its first announce was heard is of this boot
      if (!isFirst) link.forget(nodeId);
      queueMicrotask(() => this.onReturn.emit(nodeId));
    }
    if (isFirstHand(cost)) {
      const { at, rssiDbm, snrDb, via } = reception;
      // it may have begun to listen only after this one was introduced
      if (learned === 'new' && via !== undefined) presence.introduce(reception);
      link.met(nodeId, reception);
      this.note({ nodeId, at, rssiDbm, snrDb, capabilities });
    }
    learner.announced(nodeId);
    if (link.shared.isMutual(nodeId)) learner.direct(nodeId, this.#o.earshot.t0Of(nodeId));
  }

  #isSelf(id: NodeId): boolean {
    return nodeIdKey(id) === nodeIdKey(this.#o.self);
  }

  #refuse(reason: string): void {
    this.#o.counters.count(`mesh.refused.${reason}`);
  }
}
