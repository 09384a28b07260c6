/**
 * This node's neighbourhood: one key that all its linked neighbours hold, so that one transmission serves them all
 * (docs/protocol/link.md, "Shared frames"). Everybody who holds the key could have sealed a frame with it, so each
 * neighbour has a tag key besides, under which it alone and this node can say that the frame is this node's.
 */
import { concat, decode, utf8, Writer } from '../core/bytes.ts';
import { below, type Random } from '../core/random.ts';
import { blake2b, KEY_LENGTH } from '../crypto/hashes.ts';
import { CipherState } from '../crypto/noise-cipher.ts';
import { wipe } from '../crypto/secret.ts';
import { type NodeId, nodeIdKey } from '../identity/node-id.ts';
import type { NonceBlocks } from './epochs.ts';
import { writeSharedHeader } from './frame.ts';
import type { Rec } from './link.ts';
import { encodeRecords, RECORD } from './records.ts';

export const TAG_KEY_LENGTH = 16;
export const TAG_LENGTH = 3;
/** Counters of one generation. */
const GENERATION = 256n;
/** ms: after as long, the next frame begins a generation. */
const RAISE_AFTER = 3_600_000;
const RATCHET = utf8('h');
const WANTS_OURS = 0x80;
/** Counters for each epoch of a neighbourhood that may be restored: eight generations. */
export const SHARED_BLOCK = 8n * GENERATION;
/** A restart that skips more generations leaves the key to the past: some neighbours may be too far behind to follow. */
const MOST_SKIPPED = 128n;
/** Slots are 7 bits of a byte, and three bytes of every frame. */
export const MOST_MEMBERS = 24;

/** What record 33 hands over. */
export interface KeyOffer {
  /** The sender lacks the receiver's key, and wants it in answer. */
  readonly wantsYours: boolean;
  /** The place of the receiver's tag among the tags. */
  readonly slot: number;
  readonly index: number;
  /** The next counter, of whose generation the key is. */
  readonly counter: bigint;
  readonly key: Uint8Array;
  readonly tagKey: Uint8Array;
}

/** Record 33, body of 59 bytes. */
export function encodeKeyOffer(o: KeyOffer): Rec {
  const body = new Writer(59)
    .u8(o.slot | (o.wantsYours ? WANTS_OURS : 0))
    .u16(o.index)
    .u64(o.counter)
    .raw(o.key)
    .raw(o.tagKey)
    .bytes();
  return { type: RECORD.key, body };
}

/** The offer in a body; undefined where it is none. */
export function decodeKeyOffer(body: Uint8Array): KeyOffer | undefined {
  return decode(body, (r) => {
    const first = r.u8();
    const slot = first & ~WANTS_OURS;
    const [index, counter] = [r.u16(), r.u64()];
    const [key, tagKey] = [r.raw(KEY_LENGTH).slice(), r.raw(TAG_KEY_LENGTH).slice()];
    if (slot >= MOST_MEMBERS || counter >= 1n << 62n) return undefined;
    return { wantsYours: (first & WANTS_OURS) !== 0, slot, index, counter, key, tagKey };
  });
}

/** The key of the next generation. */
export function nextGeneration(key: Uint8Array): Uint8Array {
  return blake2b(RATCHET, KEY_LENGTH, key);
}

/** The tag that only this node and one neighbour can make, over the whole counter, the header and the records. */
export function tagOf(tagKey: Uint8Array, n: bigint, header: Uint8Array, records: Uint8Array): Uint8Array {
  return blake2b(concat(new Writer(8).u64(n).bytes(), header, records), TAG_LENGTH, tagKey);
}

/** The tag in one slot of a `tags` record. */
export function tagIn(tags: Uint8Array, slot: number): Uint8Array {
  return tags.subarray(slot * TAG_LENGTH, (slot + 1) * TAG_LENGTH);
}

/** Bytes that tags for so many neighbours cost, their record's head included. */
export function tagsLength(members: number): number {
  return 2 + TAG_LENGTH * members;
}

export interface Member {
  readonly nodeId: NodeId;
  readonly slot: number;
  readonly tagKey: Uint8Array;
  /** It is known to have the key. */
  holds: boolean;
}

/** What is needed to go on with a neighbourhood after a restart; its key is a copy, to be wiped. */
export interface KeptNeighbourhood {
  readonly index: number;
  /** The epoch in which it was made. */
  readonly firstEpoch: number;
  /** counter ≫ 8, of which the key is. */
  readonly generation: bigint;
  readonly key: Uint8Array;
  /** In the order of their slots. */
  readonly members: readonly {
    readonly nodeId: NodeId;
    readonly tagKey: Uint8Array;
    readonly holds: boolean;
  }[];
}

/** One key and those who are to hold it. Whoever is to lose it is left out of a new one. */
export class Neighbourhood {
  /** 1–65535; 0 says that a node has no neighbourhood. */
  readonly index: number;
  readonly #members = new Map<string, Member>();
  readonly #random: Random;
  /** Of one that may be restored after a restart. */
  readonly #nonces: NonceBlocks | undefined;
  #key: Uint8Array;
  #counter = 0n;
  #destroyed = false;
  #raisedAt: number;

  constructor(random: Random, now: number, nonces?: NonceBlocks, kept?: KeptNeighbourhood) {
    this.#random = random;
    this.#nonces = nonces;
    this.index = kept?.index ?? 1 + below(random, 0xffff);
    this.#key = kept?.key.slice() ?? random.bytes(KEY_LENGTH);
    this.#raisedAt = now;
  }

  /** One as it was before a restart, with counters of this start's epoch; undefined where too many had to be skipped. */
  static resume(
    random: Random,
    now: number,
    kept: KeptNeighbourhood,
    nonces: NonceBlocks,
  ): Neighbourhood | undefined {
    const skipped = nonces.start / GENERATION - kept.generation;
    if (skipped < 0n || skipped > MOST_SKIPPED) return undefined;
    const resumed = new Neighbourhood(random, now, nonces, kept);
    resumed.#counter = kept.generation * GENERATION;
    resumed.#raiseTo(nonces.start);
    for (const [slot, { nodeId, tagKey, holds }] of kept.members.entries())
      resumed.#members.set(nodeIdKey(nodeId), { nodeId, slot, tagKey: tagKey.slice(), holds });
    return resumed;
  }

  /** What to keep of it; undefined where it is not kept. */
  get kept(): KeptNeighbourhood | undefined {
    if (!this.#nonces) return undefined;
    return {
      index: this.index,
      firstEpoch: this.#nonces.first,
      generation: this.generation,
      key: this.#key.slice(),
      members: this.members,
    };
  }

  /** Whether the counters that it may use are used up. */
  get spent(): boolean {
    return this.#nonces?.allows(this.#counter) === false;
  }

  /** Counter ≫ 8: another one has another key. */
  get generation(): bigint {
    return this.#counter / GENERATION;
  }

  get members(): readonly Member[] {
    return [...this.#members.values()];
  }

  member(id: NodeId): Member | undefined {
    return this.#members.get(nodeIdKey(id));
  }

  /** Gives a node a slot, the one it has where it has one; undefined where all are taken. */
  admit(id: NodeId): Member | undefined {
    const known = this.member(id);
    if (known) return known;
    if (this.#members.size >= MOST_MEMBERS) return undefined;
    const slot = this.#members.size;
    const member = { nodeId: id, slot, tagKey: this.#random.bytes(TAG_KEY_LENGTH), holds: false };
    this.#members.set(nodeIdKey(id), member);
    return member;
  }

  /** What a member is handed. */
  offer({ slot, tagKey }: Member, wantsYours: boolean): Rec {
    return encodeKeyOffer({
      wantsYours,
      slot,
      index: this.index,
      counter: this.#counter,
      key: this.#key,
      tagKey,
    });
  }

  /** A shared frame around records, with tags for the first `most` members: the others take it for no one's word. */
  seal(records: readonly Rec[], now: number, most = MOST_MEMBERS): Uint8Array {
    if (this.#destroyed) throw new Error('this neighbourhood has no key any more');
    if (this.spent) throw new Error('this neighbourhood has no counters left');
    const raised = (this.generation + 1n) * GENERATION;
    if (now - this.#raisedAt >= RAISE_AFTER && this.#nonces?.allows(raised) !== false) {
      this.#raiseTo(raised);
      this.#raisedAt = now;
    }
    const n = this.#counter;
    this.#nonces?.provide(n);
    const header = writeSharedHeader(this.index, n);
    const rest = encodeRecords(records);
    const bySlot = [...this.#members.values()].sort((a, b) => a.slot - b.slot).slice(0, most);
    const tags = concat(...bySlot.map((m) => tagOf(m.tagKey, n, header, rest)));
    const content = concat(Uint8Array.of(RECORD.tags, tags.length), tags, rest);
    const cipher = new CipherState(this.#key);
    const frame = concat(header, cipher.encrypt(n, header, content));
    cipher.destroy();
    this.#raiseTo(n + 1n);
    return frame;
  }

  /** Its keys are zeros then, under which nothing may be sealed. */
  destroy(): void {
    this.#destroyed = true;
    wipe(this.#key, ...this.members.map((m) => m.tagKey));
  }

  #raiseTo(counter: bigint): void {
    for (let g = this.#counter / GENERATION; g < counter / GENERATION; g++) {
      const next = nextGeneration(this.#key);
      wipe(this.#key);
      this.#key = next;
    }
    this.#counter = counter;
  }
}
