/**
 * The link of one node over one medium: reads every frame once, hands it to the sessions, and joins sessions,
 * conversations, transfers and handlers to what `Link` promises (docs/protocol/link.md).
 */
import { EMPTY, toHex } from '../core/bytes.ts';
import { type Cancel, type Clock, every } from '../core/clock.ts';
import type { Counters } from '../core/counters.ts';
import { Event } from '../core/events.ts';
import type { Log } from '../core/log.ts';
import type { Random } from '../core/random.ts';
import type { Identity } from '../identity/keys.ts';
import { type NodeId, nodeIdKey } from '../identity/node-id.ts';
import { Conversation } from './conversation.ts';
import { Courtesy } from './courtesy.ts';
import { Deliveries, type RecordHandler, type TransferHandler } from './deliveries.ts';
import {
  FOLLOWS,
  type Message1Form,
  type Message2Form,
  readFrame,
  type SealedForm,
  type SharedForm,
} from './frame.ts';
import { IncomingTransfers } from './incoming.ts';
import type { KeyOf, Link, LooseFrame, MediumFacts, Neighbour, Reach } from './link.ts';
import { arrives, isWithin } from './link.ts';
import type { LinkMemory } from './link-memory.ts';
import type { Destination, Medium, Priority, Reception, Submission } from './medium.ts';
import { Newcomers } from './newcomers.ts';
import { Owners } from './owners.ts';
import { Peer, PeerHandle } from './peer.ts';
import { RECORD } from './records.ts';
import { SessionMemory } from './session-memory.ts';
import { type Live, Sessions } from './sessions.ts';
import { SharedFrames, type SharedOutgoing } from './shared-frames.ts';
import type { StrangersAir } from './strangers-air.ts';
import { ANSWER_WINDOW, CONNECTED_SESSION_AGE, earliestAnswer } from './timing.ts';
import type { TransferIds } from './transfer-ids.ts';

const NOWHERE = { sent: false, refused: 'unconnected' } as const;

/** ms between two looks for what has outlived its use. */
const SWEEP_EVERY = 60_000;

export interface NodeLinkOptions {
  readonly medium: Medium;
  readonly identity: Identity;
  readonly keyOf: KeyOf;
  readonly clock: Clock;
  readonly random: Random;
  /** Grows with every call, over reboots too. */
  readonly handshakeCounter: () => bigint;
  /** The node's, whatever it has of media. */
  readonly transferIds: TransferIds;
  /** Of a node with several media: what it shares, whatever carries it. */
  readonly shared?: SharedFrames;
  /** Whether a handshake of `from` is answered, which costs so much airtime; always, unless said. */
  readonly mayAnswer?: (from: NodeId, airtimeMs: number) => boolean;
  /** Whether a handshake may begin that nothing pays for, which costs so much airtime; always, unless said. */
  readonly mayBegin?: (airtimeMs: number) => boolean;
  /** What may be sent to answer strangers; everything, unless said. */
  readonly strangers?: StrangersAir;
  /** Where links outlive a restart; nowhere unless said. */
  readonly memory?: LinkMemory;
  readonly counters: Counters;
  readonly log: Log;
}

export class NodeLink implements Link {
  readonly onLoose = new Event<LooseFrame>();
  readonly onAlive = new Event<NodeId>();
  readonly shared: SharedFrames;
  readonly onHandshake = new Event<number>();
  readonly onUnanswered = new Event<NodeId>();
  readonly onGone = new Event<NodeId>();
  readonly onConnected = new Event<Destination>();
  readonly #options: NodeLinkOptions;
  readonly #sessions: Sessions;
  readonly #incoming = new IncomingTransfers();
  readonly #peers = new Map<string, Peer>();
  readonly #courtesy: Courtesy;
  readonly #owners = new Owners();
  readonly #newcomers: Newcomers;
  readonly #deliveries: Deliveries;
  readonly #cancels: Cancel[];

  constructor(options: NodeLinkOptions) {
    this.#options = options;
    const { clock, identity, medium } = options;
    const { connections } = medium;
    // where handshakes cost no air, sessions end with the power
    const memory =
      options.memory && !connections
        ? new SessionMemory(options.memory, medium.name, identity.nodeId)
        : undefined;
    this.#sessions = new Sessions(
      { ...options, memory, ...(connections ? { sessionAge: CONNECTED_SESSION_AGE } : {}) },
      clock.monotonic(),
    );
    this.shared =
      options.shared ??
      new SharedFrames({
        ...options,
        random: options.random.fork('shared'),
        mtu: () => this.mtu,
        airtime: (bytes, _members, reach) => (this.#isReached(reach) ? (this.airtime(bytes) ?? 0) : 0),
        submit: async (outgoing) => (this.#isReached(outgoing.reach) ? this.submitShared(outgoing) : NOWHERE),
        send: (to, record, how) => this.neighbour(to).send(record, how),
      });
    this.#deliveries = new Deliveries({
      ...{ medium, clock, incoming: this.#incoming },
      conversationWith: (id) => this.#peer(id).conversation,
      neighbour: (id) => this.neighbour(id),
      sendLoose: (frame, to) => void this.broadcast(frame, 0, to),
      strangers: this.#strangers,
      refused: (reason) => this.#refuse(reason),
      answerLost: () => options.counters.count('link.late-answer-lost'),
    });
    this.onRecord(RECORD.key, (incoming) => this.shared.offered(incoming));
    this.#newcomers = new Newcomers(clock, options.counters);
    this.#courtesy = new Courtesy({
      clock: options.clock,
      own: options.identity.nodeId,
      isOwned: (via) => this.#owners.has(via),
      greet: (id, via) => this.#newcomers.enter(via, () => this.#greet(id)),
    });
    this.#cancels = [
      options.medium.onFrame.on(({ bytes, reception }) => this.#receive(bytes, reception)),
      connections?.onChange.on((change) => this.#connectionChanged(change)) ?? (() => {}),
      every(options.clock, SWEEP_EVERY, () => this.#sweep()),
    ];
  }

  get media(): readonly MediumFacts[] {
    return [this.#options.medium];
  }

  get mtu(): number {
    return this.#options.medium.mtu;
  }

  airtime(bytes: number): number | undefined {
    return this.#options.medium.airtime(bytes);
  }

  neighbour(id: NodeId): Neighbour {
    return new PeerHandle(id, (i) => this.#peer(i));
  }

  neighbours(): readonly Neighbour[] {
    return this.#sessions.peers().map((id) => this.neighbour(id));
  }

  get resumed(): readonly NodeId[] {
    return this.shared.resumed;
  }

  onRecord(type: number, handler: RecordHandler): void {
    this.#deliveries.onRecord(type, handler);
  }

  onTransfer(handler: TransferHandler): void {
    this.#deliveries.onTransfer(handler);
  }

  /** Whether its frames go by connections. */
  get isWired(): boolean {
    return this.#options.medium.connections !== undefined;
  }

  /** Whether it is known by which connection it is reached. */
  isConnected(id: NodeId): boolean {
    return this.#owners.of(id) !== undefined;
  }

  /** Whether the last tries to reach it went unanswered, and nothing has come from it since. */
  isSilent(id: NodeId): boolean {
    return this.#peers.get(nodeIdKey(id))?.conversation.silent ?? false;
  }

  /** Whether there is a session to send on. */
  isLinked(id: NodeId): boolean {
    return this.#sessions.current(id, this.#now()) !== undefined;
  }

  isTransferring(to: NodeId, transferId: number): boolean {
    return this.#peers.get(nodeIdKey(to))?.conversation.isTransferring(transferId) ?? false;
  }

  broadcast(frame: Uint8Array, priority: Priority, to?: Destination): Promise<Submission> {
    const frames = [frame];
    return this.#options.medium.submit({
      priority,
      fairnessKey: undefined,
      via: to?.via,
      estimatedBytes: frame.length,
      next: () => frames.shift(),
    });
  }

  /** Sends a shared frame to all whom the medium reaches. */
  submitShared({ estimatedBytes, frame, priority }: SharedOutgoing): Promise<Submission> {
    let said = false;
    return this.#options.medium.submit({
      priority,
      fairnessKey: undefined,
      estimatedBytes,
      next: () => {
        if (said) return undefined;
        said = true;
        return frame();
      },
    });
  }

  met(id: NodeId, { via }: Reception): void {
    if (via !== undefined) this.#courtesy.met(id, via);
  }

  forget(id: NodeId): void {
    this.shared.forget(id);
    this.#sessions.forget(id, this.#now());
    this.#peers.get(nodeIdKey(id))?.conversation.sessionsChanged();
  }

  resume(id: NodeId): void {
    this.#believe(id, this.#sessions.of(id));
  }

  async stop(): Promise<void> {
    for (const cancel of this.#cancels) cancel();
    this.#courtesy.stop();
    this.#newcomers.stop();
    for (const peer of this.#peers.values()) peer.conversation.stop();
    await this.#options.memory?.close();
    this.#sessions.clear();
    this.shared.stop();
  }

  // ── what comes in ──────────────────────────────────────────────────────────────────────────────────────────────

  #receive(bytes: Uint8Array, reception: Reception): void {
    const frame = readFrame(bytes);
    if (typeof frame === 'string') this.#refuse(frame);
    else if (frame.form === 'loose') this.onLoose.emit({ kind: frame.kind, bytes, reception });
    else if (frame.form === 'message-1') {
      const costs = this.#sessions.costs(bytes, frame);
      this.#inTurn(costs, reception, (at) => this.#invited(bytes, frame, at));
    } else if (frame.form === 'message-2') {
      const costs = this.#sessions.hasBegun(frame);
      this.#inTurn(costs, reception, (at) => this.#finished(frame, at));
    } else if (frame.form === 'shared') this.#shared(frame, reception);
    else this.#sealed(frame, reception);
  }

  /** At once where it costs nothing, or where it came by the air, which has a budget, or from somebody who is trusted. */
  #inTurn(costs: boolean, reception: Reception, work: (reception: Reception) => void): void {
    const { via } = reception;
    const owner = via === undefined ? undefined : this.#owners.at(via);
    const isTrusted = owner !== undefined && !(this.#options.strangers?.isStranger(owner) ?? false);
    if (via === undefined || !costs || isTrusted) work(reception);
    // the time for an answer begins when there is one
    else this.#newcomers.enter(via, () => work({ ...reception, at: this.#now() }));
  }

  #invited(bytes: Uint8Array, frame: Message1Form, reception: Reception): void {
    const response = this.#sessions.respond(bytes, frame, this.#now());
    if (typeof response === 'string') {
      this.#refuse(response);
      return;
    }
    const { mayAnswer, medium } = this.#options;
    if (mayAnswer && !mayAnswer(response.from, medium.airtime(response.message2.length) ?? 0)) {
      this.#refuse('too-many-strangers');
      return;
    }
    this.#answerWith(response.message2, reception);
  }

  async #answerWith(frame: Uint8Array, { at, via }: Reception): Promise<void> {
    const { medium, clock } = this.#options;
    const frames = [frame];
    await clock.sleep(at + earliestAnswer(medium) - clock.monotonic());
    await medium.submit({
      priority: 0,
      fairnessKey: undefined,
      via,
      estimatedBytes: frame.length,
      answerUntil: at + ANSWER_WINDOW,
      next: () => frames.shift(),
    });
  }

  #finished(frame: Message2Form, reception: Reception): void {
    const live = this.#sessions.finish(frame, this.#now());
    if (!live) {
      this.#refuse('other');
      return;
    }
    this.#options.log.debug({ peer: toHex(live.peer) }, 'session begun');
    this.#alive(live, reception);
  }

  #sealed(frame: SealedForm, reception: Reception): void {
    const opened = this.#sessions.open(frame, this.#now());
    if (typeof opened === 'string') {
      this.#refuse(opened);
      return;
    }
    const { live } = opened;
    if (opened.restarted) this.#incoming.forgetPushed(live.peer, live.index);
    this.#alive(live, reception);
    this.#deliveries.handle({
      ...{ live, content: opened.content, counter: frame.counter, via: reception.via },
      askedAt: frame.follows === FOLLOWS.answer ? reception.at : undefined,
    });
  }

  #shared(frame: SharedForm, reception: Reception): void {
    this.shared.received(frame, (from) => {
      this.#peer(from).heard(reception);
      this.#believeAgain(from);
      this.onAlive.emit(from);
    });
  }

  /** It has its keys, so most likely its sessions too: tries that went unanswered were lost. Once, for it may not. */
  #believeAgain(id: NodeId): void {
    const doubted = this.#sessions.of(id).filter((live) => live.suspect && !live.believedAgain);
    if (doubted.length === 0) return;
    for (const live of doubted) live.believedAgain = true;
    this.#believe(id, doubted);
  }

  #believe(id: NodeId, lives: readonly Live[]): void {
    for (const live of lives) live.suspect = false;
    this.#peers.get(nodeIdKey(id))?.conversation.sessionsChanged();
  }

  #alive(live: Live, reception: Reception): void {
    const peer = this.#peer(live.peer);
    const { via } = reception;
    const { medium, strangers } = this.#options;
    if (via !== undefined && this.#owners.note(via, live.peer))
      medium.connections?.prove(via, strangers?.isStranger(live.peer) ?? false);
    peer.heard(reception);
    peer.conversation.sessionsChanged();
    this.onAlive.emit(live.peer);
  }

  // ── connections ────────────────────────────────────────────────────────────────────────────────────────────────

  #connectionChanged({ via, up }: { readonly via: string; readonly up: boolean }): void {
    if (up) {
      this.onConnected.emit({ medium: this.#options.medium.name, via });
      return;
    }
    this.#courtesy.ended(via);
    this.#newcomers.ended(via);
    const owner = this.#owners.ended(via);
    if (!owner || this.isConnected(owner)) return;
    this.#peers.get(nodeIdKey(owner))?.conversation.disconnected();
    this.onGone.emit(owner);
  }

  /** Asks for nothing but an answer, which shows whose connection it is, and to the other side who asked. */
  async #greet(id: NodeId): Promise<void> {
    const { conversation } = this.#peer(id);
    if (this.isConnected(id) || !conversation.idle) return;
    await arrives(conversation.send({ type: RECORD.hello, body: EMPTY }, { priority: 0 }));
  }

  #isReached(reach: Reach): boolean {
    return isWithin(reach, this.isWired);
  }

  /** What goes by a wire is nobody's air. */
  get #strangers(): StrangersAir | undefined {
    const { medium, strangers } = this.#options;
    return medium.connections ? undefined : strangers;
  }

  // ── bookkeeping ────────────────────────────────────────────────────────────────────────────────────────────────

  #peer(id: NodeId): Peer {
    const key = nodeIdKey(id);
    const known = this.#peers.get(key);
    if (known) return known;
    const { medium, keyOf, clock, random, transferIds } = this.#options;
    const conversation = new Conversation({
      peer: id,
      medium,
      sessions: this.#sessions,
      keyOf,
      clock,
      random,
      via: () => this.#owners.of(id),
      onHandshake: (airtimeMs) => this.onHandshake.emit(airtimeMs),
      mayBegin: this.#options.mayBegin ?? (() => true),
      onUnanswered: () => this.onUnanswered.emit(id),
    });
    const peer = new Peer({
      ...{ id, medium, conversation, clock, transferIds },
      strangers: this.#strangers,
      sessions: this.#sessions,
      incoming: this.#incoming,
    });
    this.#peers.set(key, peer);
    return peer;
  }

  #sweep(): void {
    const now = this.#now();
    this.#sessions.sweep(now);
    this.#incoming.sweep(now);
    const inSession = new Set(this.#sessions.peers().map(nodeIdKey));
    for (const [key, peer] of this.#peers)
      if (!inSession.has(key) && peer.conversation.idle) this.#peers.delete(key);
    // a connection that lasts is a sign of life of its node: the medium ends one that is not
    for (const owner of this.#owners.all()) this.onAlive.emit(owner);
  }

  /** What is meant for others is no refusal, but counted too. */
  #refuse(reason: string): void {
    this.#options.counters.count(reason === 'other' ? 'link.overheard' : `link.refused.${reason}`);
  }

  #now(): number {
    return this.#options.clock.monotonic();
  }
}
