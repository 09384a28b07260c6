/** What the rooms above ask of the link: neighbours, records, transfers, loose frames (docs/protocol/link.md). */
import type { Event } from '../core/events.ts';
import type { NodeId } from '../identity/node-id.ts';
import type { Destination, Medium, Priority, Reception, Submission } from './medium.ts';

/** One record: type 0–127 and its body (docs/protocol/link.md, "Records"). */
export interface Rec {
  readonly type: number;
  readonly body: Uint8Array;
}

export interface SendOptions {
  readonly priority: Priority;
  /** By which media a record goes, should the best one fail: all of them unless said. */
  readonly reach?: Reach;
  /** Aborted by the caller once a record or receipt of its own layer has answered: nothing is sent again. */
  readonly settled?: AbortSignal;
  /** Tries in a row that may go unanswered; 6 unless said. */
  readonly tries?: number;
  /** Told of every frame that went out for this: its own, their repetitions, a handshake begun for it. */
  readonly spent?: (bytes: number, airtimeMs: number) => void;
  /** A handshake begun for it is part of what the sender has paid routing's budget for. */
  readonly paysHandshake?: boolean;
}

/** `answered`: the caller's `settled` was aborted; `acknowledged`: the neighbour has it, its answer is still to come. */
export type Sent = 'answered' | 'acknowledged';

/** Nothing is known to have arrived. `forgotten`: the receiver no longer expects this transfer; offer it again. */
export class LinkFailed extends Error {
  override name = 'LinkFailed';
  readonly reason:
    | 'no-key'
    | 'no-answer'
    | 'queue-full'
    | 'law'
    | 'over-budget'
    | 'disk'
    | 'radio'
    | 'unconnected'
    | 'stopped'
    | 'forgotten';
  constructor(reason: LinkFailed['reason'], message: string) {
    super(message);
    this.reason = reason;
  }
}

/** Whether what was sent is known to have arrived: `LinkFailed` is false, every other error goes on. */
export async function arrives(sent: Promise<unknown>): Promise<boolean> {
  try {
    await sent;
    return true;
  } catch (e) {
    if (!(e instanceof LinkFailed)) throw e;
    return false;
  }
}

export interface OutgoingTransfer {
  /** 0–63, chosen with `Neighbour.nextTransferId`; the offer named it where there was one. */
  readonly id: number;
  /** Bit 6: the bytes are a parcel that was not offered. */
  readonly pushed: boolean;
  readonly bytes: Uint8Array;
  /** Ranges [from, to) that the receiver said it holds. */
  readonly held: readonly (readonly [number, number])[];
}

export interface LinkQuality {
  /** `Clock.monotonic()` of the last frame that opened, undefined while none has. */
  readonly heardAt: number | undefined;
  readonly rssiDbm: number | undefined;
  readonly snrDb: number | undefined;
  /** Frames or bursts that asked for an answer, how many of them were answered, and the mean frame lengths of the latter, bytes. */
  readonly asked: number;
  readonly answered: number;
  readonly answeredBytes: number;
}

/** A peer on the other side of a session, which is begun when there is something to say. */
export interface Neighbour {
  readonly id: NodeId;
  readonly quality: LinkQuality;
  readonly linked: boolean;
  /** The name of the medium by which it is spoken to now. The figures below are those of this medium. */
  readonly medium: string;
  /** ms on air of a frame of so many bytes; undefined where the medium has no airtime. */
  airtime(bytes: number): number | undefined;
  /** The longest body that one record alone in a frame can have (mtu − 21 − 1). */
  readonly recordRoom: number;
  /** How many bytes one burst of fragments carries, and how many two frames do. */
  readonly burstRoom: number;
  readonly twoFrameRoom: number;
  /** A transfer id that is not in use, or undefined where all 64 are. */
  nextTransferId(): number | undefined;
  /** Delivers a record of at most `recordRoom` bytes. Rejects with `LinkFailed` after the last try. */
  send(record: Rec, options: SendOptions): Promise<Sent>;
  /**
   * Says a short record once, in a session there is, with the next frame to it or alone: nobody acknowledges it, so
   * that whoever is told must do without where it is lost. False where it is not said: no session, a stranger's share
   * of the air is used up, or no frame holds it.
   */
  mention(record: Rec): boolean;
  /** Delivers up to 255 fragments with selective repeat. Rejects with `LinkFailed` after the last try. */
  transfer(transfer: OutgoingTransfer, options: SendOptions): Promise<Sent>;
  /**
   * Says that a transfer it offered and that was accepted is to come: `size` bytes of the object with this 8-byte id.
   * Gives the ranges already held from an earlier try. Fragments of transfers neither pushed nor expected are dropped
   * and counted. Asked of the neighbour that came with the offer: the transfer comes by the same medium.
   */
  expect(transferId: number, objectId: Uint8Array, size: number): readonly (readonly [number, number])[];
}

/** How whatever came in is answered. Both may be called late: the answer then contends for the channel as P0. */
export interface Answer {
  /** A record that answers; it replaces the bare `ack`. One longer than a frame of the way it goes is dropped and counted. */
  reply(record: Rec): void;
  /** A loose frame (a receipt) that answers; it replaces the sealed frame. */
  replyLoose(frame: Uint8Array): void;
}

export interface IncomingRecord extends Answer {
  readonly from: Neighbour;
  readonly body: Uint8Array;
}

export interface IncomingTransfer extends Answer {
  readonly from: Neighbour;
  readonly id: number;
  readonly pushed: boolean;
  readonly bytes: Uint8Array;
}

export interface LooseFrame {
  readonly kind: number;
  /** The whole frame, first byte included. */
  readonly bytes: Uint8Array;
  readonly reception: Reception;
}

/** A record of a shared frame, proven to be its sender's, and newer than all that it shared before. */
export interface SharedRecord {
  readonly from: NodeId;
  readonly body: Uint8Array;
  /** The place of this node's tag among the tags: nobody else has it. */
  readonly slot: number;
}

/**
 * Where something goes: by all media that lead there, only by those whose frames go by connections, or only by the
 * others, where one transmission is heard by all.
 */
export type Reach = 'all' | 'wired' | 'aired';

/** Whether what goes there takes no airtime, of a neighbour or a medium: it goes by a connection. */
export function isWired(to: Pick<MediumFacts, 'airtime'>): boolean {
  return to.airtime(1) === undefined;
}

/** Whether a medium is meant whose frames go by connections, or do not. */
export function isWithin(reach: Reach, wired: boolean): boolean {
  return reach === 'all' || (reach === 'wired') === wired;
}

/**
 * One transmission for all linked neighbours (docs/protocol/link.md, "Shared frames"). Members are those this node
 * hands its key to; the link is mutual where each has the other's.
 */
export interface Shared {
  /** What names this node in frames that its neighbours alone can tell apart; 1–65535, another one after `dismiss`. */
  readonly index: number;
  readonly members: readonly NodeId[];
  /** The longest body of a shared record. */
  readonly room: number;
  isMutual(id: NodeId): boolean;
  /** The neighbours that name themselves so: none, one, rarely two. */
  withIndex(index: number): readonly NodeId[];
  /** How a neighbour names itself; undefined where this node has no key of it. */
  indexOf(id: NodeId): number | undefined;
  /** Whom to share with when they offer. One handler. */
  onOffer(accepts: (from: NodeId) => boolean): void;
  /** Hands over the key, asking for theirs. True where it is mutual now. Rejects with `LinkFailed`. */
  admit(id: NodeId, options: SendOptions): Promise<boolean>;
  /** Leaves a node out: all others need the new key. */
  dismiss(id: NodeId): void;
  /** ms on air of a record with a body of so many bytes. */
  airtime(bodyLength: number, reach: Reach): number;
  /** Sends one record to all members. Only what proves itself or is idempotent, since a frame may be heard twice. */
  send(record: Rec, priority: Priority, reach: Reach): Promise<Submission>;
  /** The handler of one type of shared records; others are counted and not looked at. One handler a type. */
  onRecord(type: number, handler: (shared: SharedRecord) => void): void;
  /** A link has become mutual. */
  readonly onMutual: Event<NodeId>;
}

/** What is to be known of a medium before something is broadcast on it. */
export type MediumFacts = Pick<Medium, 'name' | 'mtu' | 'airtime' | 'connections'>;

export interface Link {
  readonly shared: Shared;
  /** By preference, the best first. */
  readonly media: readonly MediumFacts[];
  /** What every medium carries in one frame. */
  readonly mtu: number;
  /** ms on air of a frame of so many bytes that goes to all media; undefined where none has airtime. */
  airtime(bytes: number): number | undefined;
  neighbour(id: NodeId): Neighbour;
  /** Every peer with a session, live or half-open. */
  neighbours(): readonly Neighbour[];
  /** Those whose link outlived the restart, by what this node remembered at its start: mutual ones. */
  readonly resumed: readonly NodeId[];
  /** The handler of one record type; the answer waits up to 100 ms for its promise. One handler a type. */
  onRecord(type: number, handler: (incoming: IncomingRecord) => void | Promise<void>): void;
  /** The handler of completed transfers; likewise. */
  onTransfer(handler: (incoming: IncomingTransfer) => void | Promise<void>): void;
  /** Sends a frame of kind 0, 1, 4 or 6 to whoever hears it: on all media, or where `to` says. */
  broadcast(frame: Uint8Array, priority: Priority, to?: Destination): Promise<Submission>;
  /** Well-formed frames of kinds 0, 1, 4 and 6, as heard. */
  readonly onLoose: Event<LooseFrame>;
  /** A frame opened: the neighbour is there. */
  readonly onAlive: Event<NodeId>;
  /** A handshake was begun that nobody has paid for; ms on air of both sides. */
  readonly onHandshake: Event<number>;
  /** A try to reach it went without an answer. */
  readonly onUnanswered: Event<NodeId>;
  /** Its connection has ended and it is on no other medium: the neighbour is gone, without waiting for its silence. */
  readonly onGone: Event<NodeId>;
  /** A connection has come about: nobody there has heard of this node yet. */
  readonly onConnected: Event<Destination>;
  /**
   * A loose frame named a node whose key is known: it may be reached the way that came. Where that is a connection, a
   * session is begun at once, to know whose it is.
   */
  met(id: NodeId, at: Reception): void;
  /** Ends the sessions with a node that says it has booted. */
  forget(id: NodeId): void;
  /** Those with a node that says it has kept them over a restart are in doubt no more: it was only away. */
  resume(id: NodeId): void;
  stop(): Promise<void>;
}

/** Where keys of nodes come from: announces and contacts. Undefined: not known yet. */
export type KeyOf = (id: NodeId) => Uint8Array | undefined;
