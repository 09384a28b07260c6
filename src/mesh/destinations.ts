/**
 * The nodes whose announces are known: their keys and chains, kept over a reboot (docs/protocol/mesh.md, "Announce").
 * Contacts have their places for certain; all others share a bounded number of them, and where those are taken, it is
 * the neighbour that has brought most of them that loses one.
 */
import { equal, toHex } from '../core/bytes.ts';
import { Event } from '../core/events.ts';
import { bytes, fixed } from '../db/codecs.ts';
import { type Db, isDurable, type Table, type TableSpec, type Tx } from '../db/db.ts';
import { NODE_ID_LENGTH, type NodeId, nodeIdKey } from '../identity/node-id.ts';
import { type Announce, decodeAnnounce } from './announce.ts';
import { PREFIX_LENGTH } from './digest.ts';
import { ProvenChain } from './freshness.ts';

/** Key: NodeId. Value: the whole frame of its newest announce. */
const ANNOUNCES: TableSpec<Uint8Array, Uint8Array> = {
  name: 'announces',
  key: fixed(NODE_ID_LENGTH),
  value: bytes(255),
};

export const MOST_STRANGERS = 1024;

export interface Destination {
  readonly nodeId: NodeId;
  /** `nodeIdKey` of it. */
  readonly key: string;
  readonly publicKey: Uint8Array;
  readonly announce: Announce;
  /** As it came. */
  readonly frame: Uint8Array;
  readonly chain: ProvenChain;
  /** When the chain was last moved on; undefined before it was. */
  provenAt: number | undefined;
  /** Key of the neighbour that brought it; empty: its own voice, or the disk. */
  readonly broughtBy: string;
}

export class Destinations {
  /** Its place went to another: whatever is kept of it elsewhere is of no use any more. */
  readonly onForgotten = new Event<string>();
  readonly #db: Db;
  readonly #table: Table<Uint8Array, Uint8Array>;
  readonly #isTrusted: (id: NodeId) => boolean;
  /** Those whose announce came longest ago first. */
  readonly #all = new Map<string, Destination>();
  readonly #byPrefix = new Map<string, Destination[]>();

  constructor(db: Db, isTrusted: (id: NodeId) => boolean) {
    this.#db = db;
    this.#table = db.table(ANNOUNCES);
    this.#isTrusted = isTrusted;
    const frames = db.read((tx) => [...tx.range(this.#table)].map(({ value }) => value.slice()));
    for (const frame of frames) {
      const announce = decodeAnnounce(frame);
      if (typeof announce !== 'string') this.#set(announce, frame, '');
    }
  }

  get size(): number {
    return this.#all.size;
  }

  all(): IterableIterator<Destination> {
    return this.#all.values();
  }

  get(key: string): Destination | undefined {
    return this.#all.get(key);
  }

  /** Those whose NodeIds begin with these 4 bytes: one, unless somebody has searched for another. */
  withPrefix(prefix: Uint8Array): readonly Destination[] {
    return this.#byPrefix.get(toHex(prefix.subarray(0, PREFIX_LENGTH))) ?? [];
  }

  /** Takes an announce whose signature is verified. `other`: not the one that this sequence stood for before. */
  learn(announce: Announce, frame: Uint8Array, broughtBy: string): 'new' | 'same' | 'stale' | 'other' {
    const key = nodeIdKey(announce.nodeId);
    const known = this.#all.get(key);
    if (known && announce.sequence < known.announce.sequence) return 'stale';
    if (known && announce.sequence === known.announce.sequence)
      return equal(announce.anchor, known.announce.anchor) ? 'same' : 'other';
    this.#set(announce, frame.slice(), broughtBy);
    this.#write((tx) => tx.put(this.#table, announce.nodeId, frame));
    return 'new';
  }

  #set(announce: Announce, frame: Uint8Array, broughtBy: string): void {
    const { anchor, nodeId, publicKey, sequence } = announce;
    const key = nodeIdKey(nodeId);
    this.#remove(this.#all.get(key));
    const chain = new ProvenChain(nodeId, sequence, anchor);
    const destination: Destination = {
      ...{ nodeId, key, publicKey, announce, frame, chain, broughtBy },
      provenAt: undefined,
    };
    this.#all.set(key, destination);
    const prefix = key.slice(0, 2 * PREFIX_LENGTH);
    this.#byPrefix.set(prefix, [...(this.#byPrefix.get(prefix) ?? []), destination]);
    // contacts are few, so the count is looked at before each of them is
    if (this.#all.size > MOST_STRANGERS) this.#makeRoom();
  }

  #makeRoom(): void {
    const strangers = [...this.#all.values()].filter((d) => !this.#isTrusted(d.nodeId));
    if (strangers.length <= MOST_STRANGERS) return;
    const brought = new Map<string, Destination[]>();
    for (const d of strangers) brought.set(d.broughtBy, [...(brought.get(d.broughtBy) ?? []), d]);
    const most = [...brought.values()].reduce((a, b) => (b.length > a.length ? b : a));
    const victim = most[0] as Destination;
    this.#remove(victim);
    this.#write((tx) => tx.remove(this.#table, victim.nodeId));
    this.onForgotten.emit(victim.key);
  }

  #remove(destination: Destination | undefined): void {
    if (!destination) return;
    this.#all.delete(destination.key);
    const prefix = destination.key.slice(0, 2 * PREFIX_LENGTH);
    const others = (this.#byPrefix.get(prefix) ?? []).filter((d) => d !== destination);
    if (others.length > 0) this.#byPrefix.set(prefix, others);
    else this.#byPrefix.delete(prefix);
  }

  /** What is not written is learned again after a reboot. */
  #write(change: (tx: Tx) => void): void {
    void isDurable(this.#db.commit(change, { own: true }));
  }
}
