/** The parts of routing and how they are joined: most of them ask another one for something it alone knows. */
import type { Clock } from '../core/clock.ts';
import type { Counters } from '../core/counters.ts';
import type { Random } from '../core/random.ts';
import type { Db } from '../db/db.ts';
import type { Identity } from '../identity/keys.ts';
import { type NodeId, nodeIdKey } from '../identity/node-id.ts';
import type { KeyOf, Link } from '../link/link.ts';
import { Advertiser } from './advertiser.ts';
import { ANNOUNCE_LENGTH } from './announce.ts';
import { Destinations } from './destinations.ts';
import { Earshot } from './earshot.ts';
import { FeasibilityDistances } from './feasibility.ts';
import { OwnFreshness } from './freshness.ts';
import { Gossip } from './gossip.ts';
import { HandedSteps } from './handed-steps.ts';
import { Introductions } from './introductions.ts';
import { Learner } from './learner.ts';
import { LinkKeeper } from './link-keeper.ts';
import { NextHops } from './next-hops.ts';
import { Presence } from './presence.ts';
import { RouteMemory } from './route-memory.ts';
import { RoutingAir } from './routing-air.ts';
import { Solicitor } from './solicitor.ts';
import { StandIns } from './stand-ins.ts';

/** ms: where announces take no air, as if each took so long. */
const WIRED_PACE = 10;

export interface RouterOptions {
  readonly link: Link;
  readonly db: Db;
  readonly identity: Identity;
  /** Ends the freshness chains (`chainSecretOf`). */
  readonly chainSecret: Uint8Array;
  /** A number above all it gave before, over reboots too. */
  readonly nextPosition: () => number;
  /** Durably gives up all numbers below one. Rejects with `StorageFailed`. */
  readonly skipTo: (position: number) => Promise<void>;
  /** To be named in announces, at most two. */
  readonly mailboxes: () => readonly NodeId[];
  /** Keys known beside what was announced: of contacts, and of those written to. */
  readonly otherKey: KeyOf;
  readonly capabilities: number;
  /** How full this box's queue is, 0 … 1. */
  readonly load: () => number;
  /** ms on air that the law allows in an hour; undefined where it sets no duty cycle. */
  readonly legalMs: number | undefined;
  readonly clock: Clock;
  readonly random: Random;
  readonly counters: Counters;
}

/** What the parts tell whoever has joined them. */
export interface Told {
  /** A neighbour reaches this node by that freshness value, which is ahead of its own. */
  readonly ownValue: (value: Uint8Array) => void;
  /** A sign of life that came in no frame of its own. */
  readonly alive: (id: NodeId) => void;
}

export type Parts = ReturnType<typeof partsOf>;

/** Builds the parts; none of them says anything yet. */
export function partsOf(options: RouterOptions, told: Told) {
  const { capabilities, chainSecret, clock, counters, db, identity, legalMs, link, load, random } = options;
  const { nextPosition, skipTo } = options;
  const { nodeId: self } = identity;
  const isTrusted = (id: NodeId) => options.otherKey(id) !== undefined;
  const isMutual = (id: NodeId) => link.shared.isMutual(id);
  const isUp = (key: string) => earshot.isUp(key, clock.monotonic());
  // names cost nothing: however many are heard, those who are linked keep their places
  const isOurs = (id: NodeId) => isTrusted(id) || isMutual(id);

  const earshot = new Earshot(isOurs);
  const destinations = new Destinations({
    db,
    isKept: (id) => isOurs(id) || standIns.knows(nodeIdKey(id)),
    spokenOfBy: (key) => table.routes(key)[0]?.via,
  });
  const distances = new FeasibilityDistances(db);
  const hops = new NextHops({
    ...{ link, clock, earshot, destinations },
    distance: (key) => distances.of(key),
    otherKey: options.otherKey,
    isDeaf: (id) => links.isDeaf(id),
    isSubscriber: (key) => standIns.knows(key),
    standsInFor: (key) => standIns.standsFor(key),
  });
  const { table } = hops;
  const standIns = new StandIns({ db, clock, destinations, table, isUp, t0: () => advertiser.t0 });
  const memory = new RouteMemory({ db, destinations, table }, clock.monotonic());
  const freshness = new OwnFreshness({ nodeId: self, chainSecret, nextPosition, skipTo });
  const handed = new HandedSteps(db, freshness);

  const air = new RoutingAir({
    ...{ link, earshot, legalMs, clock, counters },
    aroundBefore: memory.said?.around,
    hasNews: () => gossip.hasNews && !advertiser.isBehind,
  });
  const { paced, shares } = air;

  const common = { self, link, isTrusted, clock, random, counters };
  const state = { paced, freshness, destinations, distances, table };
  const announceSelf = (medium: string) => presence.announce(medium);
  const advertiser = new Advertiser({
    ...{ ...common, ...state, shares, load, memory },
    isWired: (id) => air.isWired(id),
    wants: {
      riding: (most) => introductions.riding(most),
      rode: (riding) => introductions.rode(riding),
    },
    share: () => air.digestShare,
  });
  const presence = new Presence({
    ...{ ...common, paced, identity, freshness, capabilities, shares, load, media: link.media },
    hasLinks: () => link.resumed.length > 0,
    mailboxes: options.mailboxes,
    t0: () => advertiser.t0,
    saidAt: () => advertiser.saidAt,
  });
  const introductions = new Introductions({
    ...{ ...common, ...state, announceSelf },
    indexOf: (id) => link.shared.indexOf(id),
    isSought: (prefix) => solicitor.isSought(prefix),
    costTo: (key) => table.best(key, clock.monotonic())?.cost,
    speaksOf: (neighbour, key) => table.hasRoute(key, neighbour),
    speakers: (prefix) => learner.speakers(prefix),
    handedOut: (id, medium) => gossip.heard(id, medium),
    pace: link.airtime(ANNOUNCE_LENGTH) ?? WIRED_PACE,
  });
  const gossip = new Gossip({
    ...{ clock, random, isTrusted },
    hears: () => earshot.up(clock.monotonic()).length,
    isShared: (medium) => air.isShared(medium),
    say: (how, choose) => introductions.say(how, choose),
    lacking: (id) => {
      const key = nodeIdKey(id);
      const speakers = new Set([key, ...table.routes(key).map((r) => r.via)]);
      return earshot.up(clock.monotonic()).filter((n) => !speakers.has(n.key)).length;
    },
    airtime: () => link.airtime(ANNOUNCE_LENGTH) ?? 0,
  });
  const learner = new Learner({
    ...{ ...common, ...state, ownValue: told.ownValue },
    ask: (via, prefix) => introductions.ask(via, prefix),
  });
  const solicitor = new Solicitor({
    ...{ ...common, ...state, advertiser, announceSelf },
    strangers: () => earshot.up(clock.monotonic()).filter(({ nodeId }) => !isMutual(nodeId)).length,
    heardFrom: told.alive,
    expect: (id) => links.hurry(id),
  });
  const links = new LinkKeeper({
    ...{ ...common, paced, earshot },
    keyOf: (id) => hops.keyOf(id),
    inHurry: () => solicitor.isWaiting,
    solicitKey: (id) => solicitor.solicitKey(id),
  });
  return {
    ...{ earshot, destinations, hops, table, standIns, freshness, handed, air },
    ...{ advertiser, presence, introductions, gossip, learner, solicitor, links },
  };
}
