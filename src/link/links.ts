/**
 * The link of one node over all its media: one `NodeLink` for each, and for each neighbour the best way to it
 * (docs/protocol/link.md, "Several media"). Sessions and transfers under way stay with their medium.
 */
import type { Clock } from '../core/clock.ts';
import { Event } from '../core/events.ts';
import { type NodeId, nodeIdKey } from '../identity/node-id.ts';
import { JoinedNeighbour } from './joined-neighbour.ts';
import {
  type IncomingRecord,
  type IncomingTransfer,
  isWithin,
  type Link,
  type LooseFrame,
  type MediumFacts,
  type Neighbour,
  type Reach,
} from './link.ts';
import type { Destination, Medium, Priority, Reception, Submission } from './medium.ts';
import { NodeLink, type NodeLinkOptions } from './node-link.ts';
import { SharedFrames, type SharedOutgoing } from './shared-frames.ts';
import { TransferIds } from './transfer-ids.ts';

/** Nodes of which it is remembered on which media they were heard. */
const MOST_HEARD = 1024;
/** ms: a medium on which a node was not heard for longer is no way to it without a session. */
const HEARD_FOR = 40 * 60_000;

/** When a node was heard on which medium, and on which one last. */
interface HeardOn {
  readonly times: Map<string, number>;
  last: string;
}

/** A way to a node, to be compared with others. */
interface Way {
  readonly link: NodeLink;
  readonly silent: boolean;
  readonly connected: boolean;
  readonly linked: boolean;
  /** `Clock.monotonic()`, or minus infinity. */
  readonly heardAt: number;
}

export interface LinksOptions extends Omit<NodeLinkOptions, 'medium' | 'transferIds' | 'shared'> {
  /** By preference, the best first; at least one. */
  readonly media: readonly Medium[];
}

export class Links implements Link {
  readonly onLoose = new Event<LooseFrame>();
  readonly onAlive = new Event<NodeId>();
  readonly onHandshake = new Event<number>();
  readonly onUnanswered = new Event<NodeId>();
  readonly onGone = new Event<NodeId>();
  readonly onConnected = new Event<Destination>();
  readonly media: readonly MediumFacts[];
  readonly shared: SharedFrames;
  readonly #links: ReadonlyMap<string, NodeLink>;
  /** Where there is one medium only, the way to anybody. */
  readonly #only: readonly [NodeLink] | undefined;
  readonly #clock: Clock;
  /** Heard longest ago first. */
  readonly #heard = new Map<string, HeardOn>();

  constructor(options: LinksOptions) {
    const { media } = options;
    const names = new Set(media.map((m) => m.name));
    if (media.length === 0 || names.size !== media.length)
      throw new RangeError('a link needs media, each with a name of its own');
    this.media = media;
    this.#clock = options.clock;
    const transferIds = new TransferIds();
    const shared = new SharedFrames({
      ...options,
      random: options.random.fork('shared'),
      mtu: () => this.mtu,
      airtime: (bytes, members, reach) =>
        this.#sharing(members, reach).reduce((sum, link) => sum + (link.airtime(bytes) ?? 0), 0),
      submit: (outgoing) => this.#share(outgoing),
      send: (to, record, how) => this.neighbour(to).send(record, how),
    });
    this.shared = shared;
    this.#links = new Map(
      media.map((medium) => [
        medium.name,
        this.#joined(new NodeLink({ ...options, medium, transferIds, shared })),
      ]),
    );
    const [first, second] = this.#links.values();
    this.#only = first && !second ? [first] : undefined;
  }

  get mtu(): number {
    return Math.min(...this.media.map((m) => m.mtu));
  }

  airtime(bytes: number): number | undefined {
    const known = this.media.map((m) => m.airtime(bytes)).filter((ms) => ms !== undefined);
    return known.length > 0 ? known.reduce((a, b) => a + b) : undefined;
  }

  neighbour(id: NodeId): Neighbour {
    return new JoinedNeighbour(id, () => this.#ways(id));
  }

  neighbours(): readonly Neighbour[] {
    const ids = new Map<string, NodeId>();
    for (const link of this.#links.values())
      for (const { id } of link.neighbours()) ids.set(nodeIdKey(id), id);
    return [...ids.values()].map((id) => this.neighbour(id));
  }

  get resumed(): readonly NodeId[] {
    return this.shared.resumed;
  }

  onRecord(type: number, handler: (incoming: IncomingRecord) => void | Promise<void>): void {
    for (const link of this.#links.values()) link.onRecord(type, handler);
  }

  onTransfer(handler: (incoming: IncomingTransfer) => void | Promise<void>): void {
    for (const link of this.#links.values()) link.onTransfer(handler);
  }

  /** Sent where one medium has sent it: then what was sent everywhere is added up. */
  async broadcast(frame: Uint8Array, priority: Priority, to?: Destination): Promise<Submission> {
    const links = to ? [this.#on(to.medium)] : [...this.#links.values()];
    const all = await Promise.all(links.map((link) => link.broadcast(frame, priority, to)));
    return all.reduce(added);
  }

  met(id: NodeId, at: Reception): void {
    const link = this.#on(at.medium);
    this.#heardOn(id, at.medium);
    link.met(id, at);
  }

  forget(id: NodeId): void {
    for (const link of this.#links.values()) link.forget(id);
  }

  resume(id: NodeId): void {
    for (const link of this.#links.values()) link.resume(id);
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#links.values()].map((link) => link.stop()));
  }

  async #share(outgoing: SharedOutgoing): Promise<Submission> {
    const links = this.#sharing(outgoing.members, outgoing.reach);
    const all = await Promise.all(links.map((link) => link.submitShared(outgoing)));
    return all.reduce(added, { sent: false, refused: 'unconnected' });
  }

  /** The media by which these nodes are spoken to. */
  #sharing(members: readonly NodeId[], reach: Reach): readonly NodeLink[] {
    const used = new Set(members.map((id) => this.neighbour(id).medium));
    const media = this.media.filter((m) => used.has(m.name) && isWithin(reach, m.connections !== undefined));
    return media.map((m) => this.#on(m.name));
  }

  #joined(link: NodeLink): NodeLink {
    const [{ name }] = link.media as [MediumFacts];
    link.onLoose.on((frame) => this.onLoose.emit(frame));
    link.onConnected.on((at) => this.onConnected.emit(at));
    link.onAlive.on((id) => {
      this.#heardOn(id, name);
      this.onAlive.emit(id);
    });
    link.onHandshake.on((airtimeMs) => this.onHandshake.emit(airtimeMs));
    link.onUnanswered.on((id) => this.onUnanswered.emit(id));
    link.onGone.on((id) => {
      this.#heard.get(nodeIdKey(id))?.times.delete(name);
      const elsewhere = this.#ranked(id).some((way) => way.link !== link && isOpen(way));
      if (!elsewhere) this.onGone.emit(id);
    });
    return link;
  }

  /** The ways to a node, the best first; where none is open, all are tried. */
  #ways(id: NodeId): readonly [NodeLink, ...NodeLink[]] {
    if (this.#only) return this.#only;
    const all = this.#ranked(id);
    const [best, ...others] = all.some(isOpen) ? all.filter(isOpen) : this.#asHeardLast(id, all);
    if (!best) throw new Error('a link without media');
    return [best.link, ...others.map((way) => way.link)];
  }

  /**
   * Those that have fallen silent come last. Then its own connection first; else what it was heard on last; else
   * where there is a session.
   */
  #ranked(id: NodeId): Way[] {
    const heard = this.#heard.get(nodeIdKey(id));
    const since = this.#clock.monotonic() - HEARD_FOR;
    const ways = [...this.#links].map(([name, link]) => ({
      link,
      silent: link.isSilent(id),
      connected: link.isConnected(id),
      linked: link.isLinked(id),
      heardAt: latest(heard?.times.get(name), since),
    }));
    return ways.sort(
      (a, b) =>
        Number(a.silent) - Number(b.silent) ||
        Number(b.connected) - Number(a.connected) ||
        (a.heardAt === b.heardAt ? 0 : b.heardAt - a.heardAt) ||
        Number(b.linked) - Number(a.linked),
    );
  }

  /**
   * Who is away is where it was heard last, however long ago that was: a neighbour by radio does not become one by wire
   * for being silent. Who was never heard is sooner on the air, for a wire without a connection leads to nobody.
   */
  #asHeardLast(id: NodeId, ways: readonly Way[]): readonly Way[] {
    const last = this.#heard.get(nodeIdKey(id))?.last;
    const rank = ({ link }: Way) =>
      last !== undefined && link === this.#links.get(last) ? 0 : link.isWired ? 2 : 1;
    return [...ways].sort((a, b) => rank(a) - rank(b));
  }

  #heardOn(id: NodeId, medium: string): void {
    const key = nodeIdKey(id);
    const heard = this.#heard.get(key) ?? { times: new Map<string, number>(), last: medium };
    heard.times.set(medium, this.#clock.monotonic());
    heard.last = medium;
    this.#heard.delete(key);
    this.#heard.set(key, heard);
    const [oldest] = this.#heard.keys();
    if (this.#heard.size > MOST_HEARD && oldest !== undefined) this.#heard.delete(oldest);
  }

  #on(medium: string): NodeLink {
    const link = this.#links.get(medium);
    if (!link) throw new RangeError(`there is no medium ${medium}`);
    return link;
  }
}

/** What two media make of one broadcast. */
function added(a: Submission, b: Submission): Submission {
  if (!a.sent) return b;
  if (!b.sent) return a;
  return {
    sent: true,
    frames: a.frames + b.frames,
    bytes: a.bytes + b.bytes,
    airtimeMs: a.airtimeMs + b.airtimeMs,
    endedAt: Math.max(a.endedAt, b.endedAt),
  };
}

function isOpen({ connected, linked, heardAt }: Way): boolean {
  return connected || linked || heardAt > Number.NEGATIVE_INFINITY;
}

function latest(heardAt: number | undefined, since: number): number {
  return heardAt !== undefined && heardAt > since ? heardAt : Number.NEGATIVE_INFINITY;
}
