/**
 * The nodes whose announces are known: their keys and chains, kept over a reboot (docs/protocol/mesh.md, "Announce").
 * Contacts have their places for certain; all others share a bounded number of them. A name costs nothing: where the
 * places are taken, those go first that no neighbour speaks of, then those of whichever neighbour speaks of the most.
 */
import { equal, toHex } from '../core/bytes.ts';
import { Event } from '../core/events.ts';
import { firstOfFullest } from '../core/fullest.ts';
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
}

export interface DestinationsOptions {
  readonly db: Db;
  /** Whose place is certain. */
  readonly isKept: (id: NodeId) => boolean;
  /** Key of the neighbour that has spoken of a destination for longest; undefined where nobody does. */
  readonly spokenOfBy: (key: string) => string | undefined;
}

export class Destinations {
  /** Its place went to another: whatever is kept of it elsewhere is of no use any more. */
  readonly onForgotten = new Event<string>();
  readonly #o: DestinationsOptions;
  readonly #table: Table<Uint8Array, Uint8Array>;
  /** Those whose announce came longest ago first. */
  readonly #all = new Map<string, Destination>();
  readonly #byPrefix = new Map<string, Destination[]>();

  constructor(options: DestinationsOptions) {
    const { db } = options;
    this.#o = options;
    this.#table = db.table(ANNOUNCES);
    const frames = db.read((tx) => [...tx.range(this.#table)].map(({ value }) => value.slice()));
    for (const frame of frames) {
      const announce = decodeAnnounce(frame);
      if (typeof announce !== 'string') this.#set(announce, frame);
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
  learn(announce: Announce, frame: Uint8Array): 'new' | 'same' | 'stale' | 'other' {
    const key = nodeIdKey(announce.nodeId);
    const known = this.#all.get(key);
    if (known && announce.sequence < known.announce.sequence) return 'stale';
    if (known && announce.sequence === known.announce.sequence)
      return equal(announce.anchor, known.announce.anchor) ? 'same' : 'other';
    this.#set(announce, frame.slice());
    this.#write((tx) => tx.put(this.#table, announce.nodeId, frame));
    // contacts are few, so the count is looked at before each of them is
    if (this.#all.size > MOST_STRANGERS) this.#makeRoom(key);
    return 'new';
  }

  #set(announce: Announce, frame: Uint8Array): void {
    const { anchor, nodeId, publicKey, sequence } = announce;
    const key = nodeIdKey(nodeId);
    this.#remove(this.#all.get(key));
    const chain = new ProvenChain(nodeId, sequence, anchor);
    const destination: Destination = {
      ...{ nodeId, key, publicKey, announce, frame, chain },
      provenAt: undefined,
    };
    this.#all.set(key, destination);
    const prefix = key.slice(0, 2 * PREFIX_LENGTH);
    this.#byPrefix.set(prefix, [...(this.#byPrefix.get(prefix) ?? []), destination]);
  }

  /** All but the newest may go: what neighbours have said of that one is looked at next. */
  #makeRoom(newest: string): void {
    const { isKept, spokenOfBy } = this.#o;
    const strangers = [...this.#all.values()].filter((d) => !isKept(d.nodeId));
    if (strangers.length <= MOST_STRANGERS) return;
    const others = strangers.filter((d) => d.key !== newest);
    const speaker = (d: Destination) => spokenOfBy(d.key);
    const idle = others.find((d) => speaker(d) === undefined);
    const victim = idle ?? (firstOfFullest(others, (d) => speaker(d) ?? '') as Destination);
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
    void isDurable(this.#o.db.commit(change, { own: true }));
  }
}
