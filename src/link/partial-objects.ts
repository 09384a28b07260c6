/**
 * What is here of objects that were offered and have not come through (docs/protocol/link.md, "Transfers"). Bounded in
 * bytes and in number, for each neighbour and for all: who offers objects of one byte takes no more than who offers
 * long ones. What was touched longest ago goes first.
 */
import { PartialObject } from './content.ts';

/** ms: for as long, since a sender may have spent its hour's airtime in the middle of a burst. */
export const CONTENT_KEPT = 9_000_000;
/** Bytes, of one neighbour and of all. */
const MOST_BYTES_OF_ONE = 65_536;
const MOST_BYTES = 262_144;
/** Objects, likewise: as many as a neighbour has ids for transfers. */
const MOST_OF_ONE = 64;
const MOST = 256;

interface Entry {
  readonly peer: string;
  readonly objectKey: string;
  readonly partial: PartialObject;
}

/** Touched longest ago first. */
interface Part {
  readonly entries: Map<string, Entry>;
  bytes: number;
}

export class PartialObjects {
  /** By partial object. */
  readonly #all = new Map<PartialObject, Entry>();
  /** By peer, then by object. */
  readonly #parts = new Map<string, Part>();
  #bytes = 0;
  readonly #onGone: (peer: string, partial: PartialObject) => void;

  /** `onGone` is told of every one that has to go before it is whole. */
  constructor(onGone: (peer: string, partial: PartialObject) => void) {
    this.#onGone = onGone;
  }

  /** The one to fill: what is here of this object and has its size, or nothing yet. */
  offered(peer: string, objectKey: string, size: number, now: number): PartialObject {
    const known = this.#parts.get(peer)?.entries.get(objectKey);
    const isSame = known?.partial.bytes.length === size;
    if (known && !isSame) this.#giveUp(known);
    else if (known) this.#remove(known);
    const partial = known && isSame ? known.partial : new PartialObject(size, now);
    partial.touchedAt = now;
    this.#makeRoom(peer, size);
    this.#add({ peer, objectKey, partial });
    return partial;
  }

  touch(partial: PartialObject, now: number): void {
    partial.touchedAt = now;
    const entry = this.#all.get(partial);
    if (!entry) return;
    this.#remove(entry);
    this.#add(entry);
  }

  /** It is whole. */
  drop(partial: PartialObject): void {
    const entry = this.#all.get(partial);
    if (entry) this.#remove(entry);
  }

  sweep(now: number): void {
    for (const entry of this.#all.values()) {
      if (now - entry.partial.touchedAt < CONTENT_KEPT) return;
      this.#giveUp(entry);
    }
  }

  #makeRoom(peer: string, size: number): void {
    for (;;) {
      const own = this.#parts.get(peer);
      const tooMuchOfOne = own && (own.bytes + size > MOST_BYTES_OF_ONE || own.entries.size >= MOST_OF_ONE);
      const tooMuch = this.#bytes + size > MOST_BYTES || this.#all.size >= MOST;
      if (!tooMuchOfOne && !tooMuch) return;
      const [first] = tooMuchOfOne ? own.entries.values() : this.#all.values();
      if (!first) return;
      this.#giveUp(first);
    }
  }

  #add(entry: Entry): void {
    const { objectKey, partial, peer } = entry;
    const part = this.#parts.get(peer) ?? { entries: new Map<string, Entry>(), bytes: 0 };
    this.#parts.set(peer, part);
    part.entries.set(objectKey, entry);
    part.bytes += partial.bytes.length;
    this.#all.set(partial, entry);
    this.#bytes += partial.bytes.length;
  }

  #remove({ objectKey, partial, peer }: Entry): void {
    const part = this.#parts.get(peer);
    if (!part) return;
    part.entries.delete(objectKey);
    part.bytes -= partial.bytes.length;
    if (part.entries.size === 0) this.#parts.delete(peer);
    this.#all.delete(partial);
    this.#bytes -= partial.bytes.length;
  }

  #giveUp(entry: Entry): void {
    this.#remove(entry);
    this.#onGone(entry.peer, entry.partial);
  }
}
