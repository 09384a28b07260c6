/**
 * All sessions of a node: begun, half-open and live; their indices; and which one to send on (docs/protocol/link.md,
 * "Sessions"). Neither clock nor channel: whoever calls says what time it is.
 */
import { compare, equal, Reader } from '../core/bytes.ts';
import type { Random } from '../core/random.ts';
import type { Identity } from '../identity/keys.ts';
import { type NodeId, nodeIdKey } from '../identity/node-id.ts';
import type { Message1Form, Message2Form, SealedForm } from './frame.ts';
import { type HalfOpen, HalfOpenResponses } from './half-open.ts';
import { Initiation, type InvitationRefusal, isMeantFor, readInvitation } from './handshake.ts';
import type { KeyOf } from './link.ts';
import { type OpenedContent, SESSION_AGE, type SealedRefusal, type Session } from './session.ts';
import type { SessionMemory } from './session-memory.ts';

/** Of all nodes together: what strangers can make this box remember. */
const MOST_LIVE = 128;
/** Of one node: the one in use, and those that frames under way may still need. */
const MOST_OF_ONE = 4;
/** ms: a session that another one has replaced ends when it was not used for so long. */
const REPLACED_IDLE = 120_000;
/** ms: one that a node began so shortly before its announce says *booted* was begun after the boot. */
const BOOT_GRACE = 30_000;
/** ms: a handshake that nobody pursues any more. */
const BEGUN_LIFETIME = 3_600_000;
/** Nodes whose highest handshake counter is remembered. */
const MOST_COUNTERS = 1024;

/** A session both sides are known to have. */
export interface Live {
  readonly index: number;
  readonly peer: NodeId;
  readonly publicKey: Uint8Array;
  readonly initiator: NodeId;
  readonly session: Session;
  /** Its message 1 was sent or heard; it was finished, or opened its first frame. */
  readonly begunAt: number;
  readonly liveAt: number;
  /** It last sealed or opened a frame. */
  usedAt: number;
  /** Three tries in a row went unanswered: not sent on until it opens a frame, or is believed again. */
  suspect: boolean;
  /** Was believed again after such a doubt, and has opened no frame since. */
  believedAgain?: boolean;
}

interface Begun {
  readonly peer: NodeId;
  readonly publicKey: Uint8Array;
  readonly initiation: Initiation;
  readonly begunAt: number;
}

export interface SessionsOptions {
  readonly identity: Identity;
  readonly random: Random;
  /** Known nodes are strangers last. */
  readonly keyOf: KeyOf;
  /** Grows with every call, over reboots too. Throws `StorageFailed` where the disk does not keep up. */
  readonly handshakeCounter: () => bigint;
  /** ms: older ones are not sent on; 24 h unless said. */
  readonly sessionAge?: number;
  /** Which of them outlive a restart; none unless said. */
  readonly memory?: SessionMemory | undefined;
}

export class Sessions {
  readonly #options: SessionsOptions;
  readonly #begun = new Map<number, Begun>();
  readonly #halfOpen = new HalfOpenResponses();
  readonly #live = new Map<number, Live>();
  /** By node, the one heard of longest ago first. */
  readonly #highestCounters = new Map<string, bigint>();

  /** `now`: sessions that outlived the restart were used then. */
  constructor(options: SessionsOptions, now = 0) {
    this.#options = options;
    const { memory } = options;
    for (const live of memory?.restore(now) ?? []) {
      if (this.#isSpent(live, now)) live.session.destroy();
      else this.#put(live);
    }
    memory?.keep((at) => [...this.#live.values()].filter((live) => !this.#isSpent(live, at)));
  }

  /**
   * The handshake under way that this node began with `peer`; begun now where there is none. Undefined: no valid key.
   * Throws `StorageFailed` where it cannot be numbered.
   */
  begin(peer: NodeId, publicKey: Uint8Array, now: number): Initiation | undefined {
    const under = this.#begunWith(peer);
    if (under) return under.initiation;
    const initiation = Initiation.begin({
      identity: this.#options.identity,
      responderKey: publicKey,
      sessionIndex: this.#freeIndex(),
      counter: this.#options.handshakeCounter(),
      random: this.#options.random,
    });
    if (initiation) this.#begun.set(initiation.sessionIndex, { peer, publicKey, initiation, begunAt: now });
    return initiation;
  }

  /** Gives up the handshake that this node began. */
  abandon(peer: NodeId): void {
    const begun = this.#begunWith(peer);
    if (!begun) return;
    this.#begun.delete(begun.initiation.sessionIndex);
    begun.initiation.destroy();
  }

  /** Whether `respond` would have to compute for this message 1. */
  costs(bytes: Uint8Array, frame: Message1Form): boolean {
    return !this.#halfOpen.answered(bytes) && isMeantFor(this.#options.identity, frame);
  }

  /** Whether `finish` would have to compute for this message 2. */
  hasBegun(frame: Message2Form): boolean {
    return this.#begun.has(frame.session);
  }

  /** The answer to a message 1, the same one to the same bytes, or why there is none. */
  respond(
    bytes: Uint8Array,
    frame: Message1Form,
    now: number,
  ): { from: NodeId; message2: Uint8Array } | InvitationRefusal | 'half-open-full' {
    const known = this.#halfOpen.answered(bytes);
    if (known) return known;
    const invitation = readInvitation(this.#options.identity, frame, this.#options.random);
    if (typeof invitation === 'string') return invitation;
    const { from, publicKey, counter } = invitation;
    const highest = this.#highestCounters.get(nodeIdKey(from));
    const stale = highest !== undefined && counter <= highest;
    if (!this.#halfOpen.hasPlace(stale, now)) return 'half-open-full';
    const index = this.#freeIndex();
    const { message2, session } = invitation.accept(index, now);
    const message1 = bytes.slice();
    this.#halfOpen.add({
      index,
      from,
      publicKey,
      counter,
      stale,
      message1,
      message2,
      session,
      begunAt: now,
    });
    return { from, message2 };
  }

  /** Finishes a handshake that this node began; undefined where this message 2 belongs to none. */
  finish(frame: Message2Form, now: number): Live | undefined {
    const begun = this.#begun.get(frame.session);
    const session = begun?.initiation.finish(frame, now);
    if (!begun || !session) return undefined;
    this.#begun.delete(frame.session);
    return this.#enliven({
      index: frame.session,
      peer: begun.peer,
      publicKey: begun.publicKey,
      initiator: this.#options.identity.nodeId,
      session,
      begunAt: begun.begunAt,
      liveAt: now,
      usedAt: now,
      suspect: false,
    });
  }

  /** Opens a sealed frame; `other`: no session has this index. */
  open(frame: SealedForm, now: number): ({ live: Live } & OpenedContent) | SealedRefusal | 'other' {
    const halfOpen = this.#halfOpen.byIndex(frame.session);
    const known = this.#live.get(frame.session);
    const session = known?.session ?? halfOpen?.session;
    if (!session) return 'other';
    const opened = session.open(frame);
    if (typeof opened === 'string') return opened;
    const live = known ?? (halfOpen && this.#opened(halfOpen, now));
    if (!live) return 'other';
    live.usedAt = now;
    live.suspect = false;
    live.believedAgain = false;
    return { live, ...opened };
  }

  /** The session to send on to `peer`; undefined where a handshake is due first. */
  current(peer: NodeId, now: number): Live | undefined {
    let best: Live | undefined;
    for (const live of this.#live.values()) {
      if (live.suspect || !equal(live.peer, peer)) continue;
      if (!best || isPreferred(live, best)) best = live;
    }
    return best && !this.#isSpent(best, now) ? best : undefined;
  }

  /** The live sessions with a node. */
  of(peer: NodeId): Live[] {
    return [...this.#live.values()].filter((l) => equal(l.peer, peer));
  }

  /** A message 1 of this node was answered, and nothing has come since. */
  awaitedFrom(peer: NodeId): HalfOpen | undefined {
    return this.#halfOpen.from(peer);
  }

  /** Every node with a live or half-open session. */
  peers(): NodeId[] {
    const ids = [...this.#live.values()].map((l) => l.peer);
    for (const h of this.#halfOpen.all()) ids.push(h.from);
    return [...new Map(ids.map((id) => [nodeIdKey(id), id])).values()];
  }

  /** Ends the sessions with a node that has booted, but for one it began just now. */
  forget(peer: NodeId, now: number): void {
    for (const live of this.of(peer))
      if (!equal(live.initiator, peer) || now - live.begunAt >= BOOT_GRACE) this.#end(live);
  }

  /** Ends what has outlived its use; called now and then. */
  sweep(now: number): void {
    this.#halfOpen.sweep(now);
    for (const { peer, begunAt } of [...this.#begun.values()])
      if (now - begunAt >= BEGUN_LIFETIME) this.abandon(peer);
    const { sessionAge = SESSION_AGE } = this.#options;
    for (const live of [...this.#live.values()]) {
      const idle = now - live.usedAt;
      const replaced = idle >= REPLACED_IDLE && this.#isReplaced(live);
      if (replaced || idle >= sessionAge) this.#end(live);
    }
  }

  /** Zeroes all keys. */
  clear(): void {
    for (const begun of this.#begun.values()) begun.initiation.destroy();
    this.#begun.clear();
    this.#halfOpen.clear();
    for (const live of [...this.#live.values()]) this.#end(live);
  }

  #opened(halfOpen: HalfOpen, now: number): Live {
    this.#halfOpen.take(halfOpen);
    this.#rememberCounter(halfOpen);
    return this.#enliven({
      index: halfOpen.index,
      peer: halfOpen.from,
      publicKey: halfOpen.publicKey,
      initiator: halfOpen.from,
      session: halfOpen.session,
      begunAt: halfOpen.begunAt,
      liveAt: now,
      usedAt: now,
      suspect: false,
    });
  }

  #isReplaced(live: Live): boolean {
    for (const other of this.#live.values())
      if (equal(other.peer, live.peer) && isPreferred(other, live)) return true;
    return false;
  }

  #isSpent({ session }: Live, now: number): boolean {
    return session.isSpent(now, this.#options.sessionAge);
  }

  #enliven(live: Live): Live {
    const { memory } = this.#options;
    if (memory) live.session.keepBy(memory.fresh());
    memory?.changed();
    return this.#put(live);
  }

  #put(live: Live): Live {
    const own = this.of(live.peer).sort(byUse);
    if (own[0] && own.length >= MOST_OF_ONE) this.#end(own[0]);
    if (this.#live.size >= MOST_LIVE) {
      const all = [...this.#live.values()].sort(byUse);
      const victim = all.find((l) => !this.#options.keyOf(l.peer)) ?? all[0];
      if (victim) this.#end(victim);
    }
    this.#live.set(live.index, live);
    return live;
  }

  #end(live: Live): void {
    this.#live.delete(live.index);
    live.session.destroy();
    this.#options.memory?.changed();
  }

  #rememberCounter({ from, counter }: HalfOpen): void {
    const key = nodeIdKey(from);
    const before = this.#highestCounters.get(key) ?? -1n;
    this.#highestCounters.delete(key);
    this.#highestCounters.set(key, counter > before ? counter : before);
    const [oldest] = this.#highestCounters.keys();
    if (this.#highestCounters.size > MOST_COUNTERS && oldest !== undefined)
      this.#highestCounters.delete(oldest);
  }

  #begunWith(peer: NodeId): Begun | undefined {
    return [...this.#begun.values()].find((b) => equal(b.peer, peer));
  }

  /** Drawn, so that after a boot the frames of old sessions meet no new one. */
  #freeIndex(): number {
    for (;;) {
      const index = new Reader(this.#options.random.bytes(2)).u16();
      const taken =
        index === 0 || this.#begun.has(index) || this.#live.has(index) || this.#halfOpen.byIndex(index);
      if (!taken) return index;
    }
  }
}

/** Whether a node sends on `a` rather than on `b`, both with the same peer. */
function isPreferred(a: Live, b: Live): boolean {
  if (a === b) return false;
  const atOnce = a.begunAt <= b.liveAt && b.begunAt <= a.liveAt;
  const order = compare(a.initiator, b.initiator);
  return atOnce && order !== 0 ? order < 0 : a.liveAt > b.liveAt;
}

function byUse(a: Live, b: Live): number {
  return a.usedAt - b.usedAt;
}
