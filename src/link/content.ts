/**
 * Content that comes in as fragments. The sender is a peer that may lie about every number, so each fragment is
 * checked against what the ones before it said (docs/protocol/link.md, "Transfers").
 */
import { concat } from '../core/bytes.ts';
import { type Bitmap, bitmapOf, type Fragment, MOST_FRAGMENTS, MOST_PUSHED_FRAGMENTS } from './fragments.ts';
import { type ByteRange, covers, withRange } from './ranges.ts';

export interface Content {
  /** Takes a fragment in, again too; false where it contradicts the others. */
  add(fragment: Fragment): boolean;
  bitmap(id: number): Bitmap;
  /** All the bytes, once they are here. */
  readonly whole: Uint8Array | undefined;
}

/** What of one object is here, over several tries, sessions and fragment lengths. */
export class PartialObject {
  readonly bytes: Uint8Array;
  ranges: readonly ByteRange[] = [];
  /** `Clock.monotonic()` of the last fragment or offer. */
  touchedAt: number;

  constructor(size: number, now: number) {
    this.bytes = new Uint8Array(size);
    this.touchedAt = now;
  }
}

/** A transfer that was offered: its size is known, and part of it may be here already. */
export class ExpectedContent implements Content {
  readonly #partial: PartialObject;
  /** Of all fragments but the last. */
  #length: number | undefined;

  constructor(partial: PartialObject) {
    this.#partial = partial;
  }

  get partial(): PartialObject {
    return this.#partial;
  }

  get whole(): Uint8Array | undefined {
    const { bytes, ranges } = this.#partial;
    return covers(ranges, 0, bytes.length) ? bytes : undefined;
  }

  add(fragment: Fragment): boolean {
    const length = this.#lengthSaidBy(fragment);
    if (length === undefined || (this.#length !== undefined && this.#length !== length)) return false;
    this.#length = length;
    const from = fragment.index * length;
    this.#partial.bytes.set(fragment.bytes, from);
    this.#partial.ranges = withRange(this.#partial.ranges, from, from + fragment.bytes.length);
    return true;
  }

  bitmap(id: number): Bitmap {
    const size = this.#partial.bytes.length;
    const length = this.#length ?? size;
    return bitmapOf(id, Math.ceil(size / length), (i) =>
      covers(this.#partial.ranges, i * length, Math.min((i + 1) * length, size)),
    );
  }

  /** The fragment length that this fragment and the size make certain, undefined where they cannot both be. */
  #lengthSaidBy({ index, last, bytes }: Fragment): number | undefined {
    const size = this.#partial.bytes.length;
    if (!last) {
      const fits = (index + 1) * bytes.length < size && Math.ceil(size / bytes.length) <= MOST_FRAGMENTS;
      return fits ? bytes.length : undefined;
    }
    if (index === 0) return bytes.length === size ? size : undefined;
    const length = (size - bytes.length) / index;
    return Number.isInteger(length) && length >= bytes.length && index < MOST_FRAGMENTS ? length : undefined;
  }
}

/** A transfer that was not offered: its size shows with the last fragment. */
export class PushedContent implements Content {
  readonly #parts = new Map<number, Uint8Array>();
  #length: number | undefined;
  #count: number | undefined;

  get whole(): Uint8Array | undefined {
    if (this.#count === undefined || this.#parts.size < this.#count) return undefined;
    return concat(...Array.from({ length: this.#count }, (_, i) => this.#parts.get(i) ?? new Uint8Array(0)));
  }

  add({ index, last, bytes }: Fragment): boolean {
    if (index >= MOST_PUSHED_FRAGMENTS) return false;
    const count = last ? index + 1 : this.#count;
    const length = last ? this.#length : bytes.length;
    if (this.#count !== undefined && count !== this.#count) return false;
    if (this.#length !== undefined && length !== this.#length) return false;
    if (count !== undefined && !this.#endsAt(count - 1, last ? bytes.length : undefined, length))
      return false;
    if (!last && count !== undefined && index >= count - 1) return false;
    if (last && this.#count === undefined && this.#parts.has(index)) return false;
    this.#count = count;
    this.#length = length;
    if (!this.#parts.has(index)) this.#parts.set(index, bytes.slice());
    return true;
  }

  bitmap(id: number): Bitmap {
    const seen = Math.max(-1, ...this.#parts.keys()) + 1;
    // the last one not being here, at least one more is to come
    return bitmapOf(id, this.#count ?? seen + 1, (i) => this.#parts.has(i));
  }

  /** Whether index `end` can be the last, its fragment of `tail` bytes and all others of `length`. */
  #endsAt(end: number, tail: number | undefined, length: number | undefined): boolean {
    if ([...this.#parts.keys()].some((i) => i > end)) return false;
    const lastBytes = tail ?? this.#parts.get(end)?.length;
    return lastBytes === undefined || length === undefined || lastBytes <= length;
  }
}
