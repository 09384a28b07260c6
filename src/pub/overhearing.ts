/**
 * Items that come in shared frames (docs/protocol/store.md, "NXS-Pub"): what of them is of a topic that is followed is
 * kept like any other, and its mailbox is told so, in this node's turn.
 */
import { toHex } from '../core/bytes.ts';
import type { Cancel, Clock } from '../core/clock.ts';
import type { Counters } from '../core/counters.ts';
import { type NodeId, nodeIdKey } from '../identity/node-id.ts';
import type { Link, SharedRecord } from '../link/link.ts';
import { RECORD } from '../link/records.ts';
import { CONTENT_TYPE, type DataObject, objectIdOf, shortIdOf } from '../store/object.ts';
import { decodeParcel, objectOf, type Parcel } from '../store/parcel.ts';
import { decodeItem, encodeGot } from './records.ts';
import { MOST_AT_ONCE } from './sharing.ts';
import type { Address } from './topic.ts';
import { answerAfter, GOT_FRAME } from './turns.ts';

/** No honest mailbox says so many in a row; whoever does is answered at once. */
const MOST_OWED = 2 * MOST_AT_ONCE;

export interface OverhearingOptions {
  readonly link: Link;
  /** Whether a neighbour was asked to tell this node what is published. */
  readonly isAsked: (id: NodeId) => boolean;
  readonly follows: (item: Address) => boolean;
  /** Whether an item, by its short id, is kept already, as that neighbour has brought it. */
  readonly isOf: (from: NodeId, shortId: Uint8Array) => boolean;
  /** Keeps an item; true once it is durable. */
  readonly keep: (from: NodeId, object: DataObject) => Promise<boolean>;
  readonly clock: Clock;
  readonly counters: Counters;
}

/** What one mailbox has not been told yet. */
interface Owed {
  /** Short ids, by themselves in hex. */
  readonly ids: Map<string, Uint8Array>;
  timer: Cancel;
}

export class Overhearing {
  readonly #o: OverhearingOptions;
  readonly #owed = new Map<string, Owed>();

  constructor(options: OverhearingOptions) {
    this.#o = options;
  }

  start(): void {
    this.#o.link.shared.onRecord(RECORD.push, (shared) => void this.#came(shared));
  }

  stop(): void {
    for (const { timer } of this.#owed.values()) timer();
  }

  async #came({ body, from, slot }: SharedRecord): Promise<void> {
    const { counters, follows, isAsked, isOf, keep, link } = this.#o;
    const parcel = decodeParcel(body);
    const item = parcel && isForAll(parcel) ? decodeItem(parcel.bytes) : undefined;
    if (!parcel || !item) return counters.count('pub.refused.malformed-shared-item');
    if (!isAsked(from)) return counters.count('pub.refused.unasked-shared-item');
    // for other neighbours of its sender: an item goes by subscriptions only
    if (!follows(item)) return counters.count('pub.overheard-item');
    const object = objectOf(parcel.header, parcel.bytes);
    const shortId = shortIdOf(objectIdOf(object.header));
    // it knows that it has brought it, or finds out when it hands it over by itself
    if (isOf(from, shortId)) return counters.count('pub.shared-again');
    const isKept = await keep(from, object);
    const airtime = link.neighbour(from).airtime(GOT_FRAME);
    // by a connection it hands over everything singly
    if (isKept && airtime !== undefined)
      this.#owe(from, shortId, (items) => answerAfter(slot, items, airtime));
  }

  /** Items that come one after the other are answered for together, after the last. */
  #owe(to: NodeId, shortId: Uint8Array, after: (items: number) => number): void {
    const key = nodeIdKey(to);
    const before = this.#owed.get(key);
    before?.timer();
    const ids = before?.ids ?? new Map<string, Uint8Array>();
    ids.set(toHex(shortId), shortId);
    const wait = ids.size < MOST_OWED ? after(ids.size) : 0;
    this.#owed.set(key, { ids, timer: this.#o.clock.after(wait, () => this.#say(to, ids)) });
  }

  /** Where it is not said or not heard, the item comes once more, by itself. */
  #say(to: NodeId, ids: ReadonlyMap<string, Uint8Array>): void {
    this.#owed.delete(nodeIdKey(to));
    const body = encodeGot([...ids.values()]);
    if (!this.#o.link.neighbour(to).mention({ type: RECORD.got, body }))
      this.#o.counters.count('pub.unsaid-got');
  }
}

/** What can be an item: for whoever has it, without a lock, and never another one under the same name. */
function isForAll({ header }: Parcel): boolean {
  const isLocked = header.lock.some((b) => b !== 0);
  return header.recipients.length === 0 && !isLocked && header.contentType !== CONTENT_TYPE.mutable;
}
