/**
 * A running node as those see it who work it: the daemon's local API, and through it people and programs.
 * Every value is plain JSON, so that the API hands it on as it is.
 */
import type { SubBand } from '../../board/regions.ts';

/** Room on the disk (docs/protocol/store.md, "The disk"). */
export type DiskState = 'ok' | 'tight' | 'full' | 'failed';

/** docs/protocol/messages.md, "Life of a message". */
export type MessageState = 'composed' | 'stored' | 'in custody' | 'delivered' | 'expired';

/** A message changed its state, or the reason for which it waits. */
export interface MessageProgress {
  readonly state: MessageState;
  /** ms since 1970, for people. */
  readonly at: number;
  /** One short sentence, for instance why it waits or why it expired. */
  readonly detail?: string;
  /** Spent by this box for this message so far. */
  readonly airtimeMs?: number;
  readonly bytesOnAir?: number;
}

/** A message written here. */
export interface OutboxEntry {
  /** Message id, hex: the name of this message in `progress`, stable over restarts. */
  readonly id: string;
  /** NodeId of the recipient, hex. */
  readonly to: string;
  /** The contact's name, where there is one. */
  readonly name?: string;
  readonly text: string;
  readonly state: MessageState;
  /** Oldest first; the last one has the entry's `state`. */
  readonly history: readonly MessageProgress[];
}

/** A message that came for this box. */
export interface InboxEntry {
  /** Message id, hex. */
  readonly id: string;
  /** NodeId of the sender, hex. */
  readonly from: string;
  /** `nxs1…` of the sender, to answer with `send` or to add with `addContact`. */
  readonly contact: string;
  /** The contact's name, where there is one. */
  readonly name?: string;
  /** As the sender wrote it: may hold control characters. Empty where not `supported`. */
  readonly text: string;
  /** ms since 1970: the sender's clock, to the minute, and this box's. */
  readonly sentAt: number;
  readonly receivedAt: number;
  /** False for a kind of message that this version cannot show. */
  readonly supported: boolean;
}

export interface ContactEntry {
  readonly name: string;
  /** Hex. */
  readonly nodeId: string;
  /** `nxs1…` */
  readonly contact: string;
}

export interface NodeIdentity {
  /** Hex, 32 digits. */
  readonly nodeId: string;
  /** `nxs1…`: what others add as a contact. */
  readonly contact: string;
  /** Ed25519, hex, 64 digits. */
  readonly publicKey: string;
}

export interface RadioStatus {
  /** Name of the board profile. */
  readonly board: string;
  readonly region: string;
  readonly frequencyHz: number;
  readonly bandwidthHz: number;
  readonly spreadingFactor: number;
  /** 4/x. */
  readonly codingRate: number;
  /** At the chip's pin. */
  readonly powerDbm: number;
  readonly health: 'ok' | 'failed';
  /** What failed and what to do, where `health` is not ok. */
  readonly sentence?: string;
  /** Where it has been measured. */
  readonly noiseFloorDbm?: number;
}

/** The rules of the sub-band in use, and how much of its allowance is used (docs/protocol/link.md, "The law"). */
export interface LawStatus extends SubBand {
  /** ms of airtime within the past hour. */
  readonly usedMs: number;
  /** ms of airtime allowed in any hour; left out where the region sets no duty cycle. */
  readonly allowedMs?: number;
}

export interface LanStatus {
  /** Where other boxes reach this one; left out where none can. */
  readonly port?: number;
  readonly connections: number;
}

export interface NeighbourStatus {
  /** NodeId, hex. */
  readonly nodeId: string;
  /** By which it is reached now: `lora` or `lan`. */
  readonly medium: string;
  /** The contact's name, where there is one. */
  readonly name?: string;
  /** ms since the last sign of life; left out where there was none. */
  readonly heardMsAgo?: number;
  readonly rssiDbm?: number;
  readonly snrDb?: number;
  /** Expected transmissions until a frame and its answer have both arrived: 1 is best. */
  readonly etx: number;
  /** There is a session under which a frame has opened, or each holds the key under which the other shares. */
  readonly linked: boolean;
}

/** Something published, of a topic that is followed here. */
export interface ItemEntry {
  /** Hex. */
  readonly id: string;
  readonly topic: string;
  /** As it was published: may hold control characters. Empty where it is no text. */
  readonly text: string;
  /** ms since 1970, this box's clock. */
  readonly receivedAt: number;
}

/** What this box has held for one node, as one neighbour handed it over, and let go of. */
export interface StorageEntry {
  /** NodeIds, hex. */
  readonly giver: string;
  readonly recipient: string;
  readonly objects: number;
  /** Sum of bytes × ms. */
  readonly byteMs: number;
}

/** A neighbour that keeps this box's mail while it is off. */
export interface MailboxStatus {
  /** NodeId, hex. */
  readonly nodeId: string;
  /** The contact's name, where there is one. */
  readonly name?: string;
  /** It has confirmed since this box was started. */
  readonly registered: boolean;
}

/** A node that is known, and how it would be reached now. */
export interface RouteEntry {
  /** NodeId, hex. */
  readonly nodeId: string;
  /** The contact's name, where there is one. */
  readonly name?: string;
  /** Left out where there is no route that may be used. */
  readonly next?: {
    /** NodeId of the neighbour, hex; that of the node itself where it is in earshot. */
    readonly via: string;
    /** The contact's name, where there is one. */
    readonly viaName?: string;
    readonly hops: number;
    /** The node is away: the route leads to a mailbox of it. Left out where it is there, as far as is known. */
    readonly away?: true;
    /** Expected, of a message of 100 bytes and its answers. */
    readonly airtimeMs: number;
    /** bit/s of the slowest link; left out where nothing limits it. */
    readonly bandwidthBps?: number;
  };
  /** Where there is no route now: the neighbour that is away, and through which it will be reached again. */
  readonly awaited?: { readonly via: string; readonly viaName?: string };
  /** Other neighbours that say they reach it. */
  readonly alternatives: number;
}

export interface StoreParty {
  /** NodeId, hex. */
  readonly nodeId: string;
  /** The contact's name, where there is one. */
  readonly name?: string;
}

/** What became of an object (docs/protocol/store.md, "Trace"). */
export type StoreState = 'held' | 'handed-on' | 'dropped' | 'receipted' | 'unreadable';

/** One object for one recipient. */
export interface StoreEntry {
  /** Its place: the order in which they came. */
  readonly n: number;
  /** Object id, hex, its first 8 bytes. */
  readonly id: string;
  readonly state: StoreState;
  readonly bytes: number;
  /** Who asked this box to keep it; left out for what was written here. */
  readonly giver?: StoreParty;
  readonly recipient: StoreParty;
  /** Who has it now, where it was handed on. */
  readonly taker?: StoreParty;
  /** ms since 1970, as far as this box knows: its state is what it is since then; it expires then. */
  readonly since: number;
  readonly until: number;
  /** ms that its bytes were kept here. */
  readonly heldMs: number;
  /**
   * To make room: `never`: a contact's or our own; `gone`: its bytes are not here; `unpaid`: a stranger's, from
   * `mayGoFrom` on; `lazy`: a stranger's, where the disk is full.
   */
  readonly mayGo: 'never' | 'gone' | 'unpaid' | 'lazy';
  /** ms since 1970. */
  readonly mayGoFrom?: number;
}

/** What the store holds and remembers: sums, and a page of single objects. */
export interface StoreView {
  readonly disk: DiskState;
  readonly amounts: Readonly<Record<StoreState, { readonly objects: number; readonly bytes: number }>>;
  /** Held for strangers, who do not pay. */
  readonly unpaidBytes: number;
  /** Objects by name (`Content`), the bytes promised to them, and how many of these are shards that contacts placed. */
  readonly content: { readonly objects: number; readonly bytes: number; readonly placedBytes: number };
  readonly entries: readonly StoreEntry[];
  /** Where the next page begins; left out on the last. */
  readonly next?: number;
}

export interface NodeStatus {
  readonly version: string;
  /** `[node] name` of the configuration; left out where none is set. */
  readonly name?: string;
  readonly identity: NodeIdentity;
  /** ms since the node started. */
  readonly uptimeMs: number;
  /** Both left out for a box without radio. */
  readonly radio?: RadioStatus;
  readonly law?: LawStatus;
  /** Left out for a box that is on none. */
  readonly lan?: LanStatus;
  readonly neighbours: readonly NeighbourStatus[];
  /** At most two. */
  readonly mailboxes: readonly MailboxStatus[];
  /** Topics that are followed here, and subscriptions that are kept for neighbours, their mail included. */
  readonly pub: { readonly topics: readonly string[]; readonly kept: number };
  /** `waiting`: written here and neither delivered nor expired. */
  readonly messages: { readonly waiting: number; readonly inbox: number; readonly outbox: number };
  readonly store: {
    readonly objects: number;
    /** Of those objects. */
    readonly bytes: number;
    readonly state: DiskState;
    /** What happened to the database or the disk and what to do, where there is something to tell. */
    readonly sentence?: string;
  };
  /** Refusals and recoveries by name, `room.what`. */
  readonly counters: Readonly<Record<string, number>>;
}

export interface NexusNode {
  identity(): NodeIdentity;
  contacts(): readonly ContactEntry[];
  /**
   * Durable when it resolves. Rejects with `PersonError`: `bad-contact` for a code that is none, `bad-name` for a
   * name that is empty, too long, taken, or could be mistaken for a code or NodeId.
   */
  addContact(name: string, code: string): Promise<ContactEntry>;
  /** By name, `nxs1…` or NodeId prefix. `PersonError` `not-found` or `ambiguous`. */
  removeContact(nameOrId: string): Promise<void>;
  /**
   * Writes a message to a name, an `nxs1…` code or a NodeId prefix of at least 8 digits; resolves once it is durably
   * *stored*. Rejects with `PersonError`: `not-found`, `ambiguous`, `bad-contact`, `too-long`, `disk-full`.
   */
  send(to: string, text: string): Promise<OutboxEntry>;
  /**
   * The history so far, then each change as it happens; ends after *delivered* or *expired*, or without an error
   * when the signal aborts. `PersonError` `not-found` where no message written here has that id.
   */
  progress(id: string, signal: AbortSignal): AsyncIterable<MessageProgress>;
  /**
   * In order of arrival, read as they are asked for; only those after the message with id `after` where it is given.
   * `PersonError` `not-found` where no message has that id.
   */
  inbox(after?: string): Iterable<InboxEntry>;
  /** The same, then what comes, each once it is durable; ends without an error when the signal aborts. */
  inboxAndOn(after: string | undefined, signal: AbortSignal): AsyncIterable<InboxEntry>;
  /**
   * Deletes a message that came; resolves when durable. Its receipt stays: handed over again, it is not shown again.
   * `PersonError` `not-found`.
   */
  removeFromInbox(id: string): Promise<void>;
  /** What arrives from the first `next()` on, nothing lost between two; ends without an error when the signal aborts. */
  followInbox(signal: AbortSignal): AsyncIterable<InboxEntry>;
  /** In the order they were written. */
  outbox(): readonly OutboxEntry[];
  status(): NodeStatus;
  /** Those in earshot. */
  neighbours(): readonly NeighbourStatus[];
  /** Sums, and up to `limit` objects (0–1000) with a place above `after`, in their order. */
  store(after: number, limit: number): StoreView;
  /** All nodes that are known by their announces. */
  routes(): readonly RouteEntry[];
  /**
   * Publishes a text under a topic (`weather/oslo`, `near:market`); resolves once it is durable here and on its way
   * to the neighbours. `PersonError`: `bad-topic`, `too-long`, `full`.
   */
  publish(topic: string, text: string): Promise<{ readonly id: string }>;
  /**
   * Follows a topic from now on, over restarts: what has come of it, then what comes; ends without an error when the
   * signal aborts. `PersonError`: `bad-topic`, `too-many`.
   */
  subscribe(topic: string, signal: AbortSignal): AsyncIterable<ItemEntry>;
  /** Follows it no longer. `PersonError`: `bad-topic`, `not-found`. */
  unsubscribe(topic: string): Promise<void>;
  /** For how long how much was held for others. */
  storage(): readonly StorageEntry[];
  /** Finishes what is durable, puts the radio to sleep. Everything else rejects from then on. */
  stop(): Promise<void>;
}
