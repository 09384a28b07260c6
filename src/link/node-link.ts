/**
 * The link of one node over one medium: joins its receiver, sessions, conversations, transfers and handlers to what
 * `Link` promises (docs/protocol/link.md).
 */
import { EMPTY } from '../core/bytes.ts';
import { type Cancel, type Clock, every } from '../core/clock.ts';
import type { Counters } from '../core/counters.ts';
import { Event } from '../core/events.ts';
import type { Log } from '../core/log.ts';
import type { Random } from '../core/random.ts';
import type { Identity } from '../identity/keys.ts';
import type { NodeId } from '../identity/node-id.ts';
import { ConnectedNodes } from './connected-nodes.ts';
import { Deliveries, type RecordHandler, type TransferHandler } from './deliveries.ts';
import { IncomingTransfers } from './incoming.ts';
import type { KeyOf, Link, LooseFrame, MediumFacts, Neighbour, Reach } from './link.ts';
import { arrives, isWithin } from './link.ts';
import type { LinkMemory } from './link-memory.ts';
import type { Destination, Medium, Priority, Reception, Submission } from './medium.ts';
import { PeerHandle } from './peer.ts';
import { Peers } from './peers.ts';
import { Receiver } from './receiver.ts';
import { RECORD } from './records.ts';
import { SessionMemory } from './session-memory.ts';
import { Sessions } from './sessions.ts';
import { SharedFrames, type SharedOutgoing } from './shared-frames.ts';
import type { StrangersAir } from './strangers-air.ts';
import { CONNECTED_SESSION_AGE } from './timing.ts';
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
  /** Grows with every call, over reboots too. Throws `StorageFailed` where the disk does not keep up. */
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
  readonly #peers: Peers;
  readonly #connected: ConnectedNodes;
  readonly #deliveries: Deliveries;
  readonly #cancels: Cancel[];

  constructor(options: NodeLinkOptions) {
    this.#options = options;
    const { clock, counters, identity, medium } = options;
    const { connections } = medium;
    // what goes by a wire is nobody's air
    const strangers = connections ? undefined : options.strangers;
    // where handshakes cost no air, sessions end with the power
    const memory =
      options.memory && !connections
        ? new SessionMemory(options.memory, medium.name, identity.nodeId)
        : undefined;
    this.#sessions = new Sessions(
      { ...options, memory, ...(connections ? { sessionAge: CONNECTED_SESSION_AGE } : {}) },
      clock.monotonic(),
    );
    this.#peers = new Peers({
      ...options,
      ...{ strangers, sessions: this.#sessions, incoming: this.#incoming },
      via: (id) => this.#connected.of(id),
      onHandshake: (airtimeMs) => this.onHandshake.emit(airtimeMs),
      mayBegin: options.mayBegin ?? (() => true),
      onUnanswered: (id) => this.onUnanswered.emit(id),
    });
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
      conversationWith: (id) => this.#peers.get(id).conversation,
      neighbour: (id) => this.neighbour(id),
      sendLoose: (frame, to) => this.broadcast(frame, 0, to),
      strangers,
      refused: (reason) => this.#refuse(reason),
      answerLost: () => counters.count('link.late-answer-lost'),
      answerTooLong: () => counters.count('link.answer-too-long'),
    });
    this.onRecord(RECORD.key, (incoming) => this.shared.offered(incoming));
    this.#connected = new ConnectedNodes({
      ...{ medium, clock, counters },
      own: identity.nodeId,
      isStranger: (id) => options.strangers?.isStranger(id) ?? false,
      greet: (id) => this.#greet(id),
    });
    const receiver = new Receiver({
      ...{ medium, clock, log: options.log },
      ...{ sessions: this.#sessions, peers: this.#peers, connected: this.#connected },
      ...{ shared: this.shared, incoming: this.#incoming, deliveries: this.#deliveries },
      mayAnswer: options.mayAnswer ?? (() => true),
      loose: (frame) => this.onLoose.emit(frame),
      alive: (id) => this.onAlive.emit(id),
      refused: (reason) => this.#refuse(reason),
    });
    this.#cancels = [
      medium.onFrame.on(({ bytes, reception }) => receiver.receive(bytes, reception)),
      connections?.onChange.on((change) => this.#connectionChanged(change)) ?? (() => {}),
      every(clock, SWEEP_EVERY, () => this.#sweep()),
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
    return new PeerHandle(id, (i) => this.#peers.get(i));
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
    return this.#connected.of(id) !== undefined;
  }

  /** Whether the last tries to reach it went unanswered, and nothing has come from it since. */
  isSilent(id: NodeId): boolean {
    return this.#peers.known(id)?.conversation.silent ?? false;
  }

  /** Whether there is a session to send on. */
  isLinked(id: NodeId): boolean {
    return this.#sessions.current(id, this.#now()) !== undefined;
  }

  isTransferring(to: NodeId, transferId: number): boolean {
    return this.#peers.known(to)?.conversation.isTransferring(transferId) ?? false;
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
    if (via !== undefined) this.#connected.met(id, via);
  }

  forget(id: NodeId): void {
    this.shared.forget(id);
    this.#sessions.forget(id, this.#now());
    this.#peers.known(id)?.conversation.sessionsChanged();
  }

  resume(id: NodeId): void {
    this.#peers.believe(id, this.#sessions.of(id));
  }

  async stop(): Promise<void> {
    for (const cancel of this.#cancels) cancel();
    this.#connected.stop();
    this.#peers.stop();
    await this.#options.memory?.close();
    this.#sessions.clear();
    this.shared.stop();
  }

  #connectionChanged({ via, up }: { readonly via: string; readonly up: boolean }): void {
    if (up) {
      this.onConnected.emit({ medium: this.#options.medium.name, via });
      return;
    }
    const gone = this.#connected.ended(via);
    if (!gone) return;
    this.#peers.known(gone)?.conversation.disconnected();
    this.onGone.emit(gone);
  }

  /** Asks for nothing but an answer, which shows whose connection it is, and to the other side who asked. */
  async #greet(id: NodeId): Promise<void> {
    const { conversation } = this.#peers.get(id);
    if (this.isConnected(id) || !conversation.idle) return;
    await arrives(conversation.send({ type: RECORD.hello, body: EMPTY }, { priority: 0 }));
  }

  #isReached(reach: Reach): boolean {
    return isWithin(reach, this.isWired);
  }

  #sweep(): void {
    const now = this.#now();
    this.#sessions.sweep(now);
    this.#incoming.sweep(now);
    this.#peers.sweep();
    // a connection that lasts is a sign of life of its node: the medium ends one that is not
    for (const owner of this.#connected.all()) this.onAlive.emit(owner);
  }

  /** What is meant for others is no refusal, but counted too. */
  #refuse(reason: string): void {
    this.#options.counters.count(reason === 'other' ? 'link.overheard' : `link.refused.${reason}`);
  }

  #now(): number {
    return this.#options.clock.monotonic();
  }
}
