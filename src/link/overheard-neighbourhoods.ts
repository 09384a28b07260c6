/** The neighbourhoods of others that this node is in: opens what they share (docs/protocol/link.md, "Shared frames"). */
import { Reader } from '../core/bytes.ts';
import { CipherState } from '../crypto/noise-cipher.ts';
import { constantTimeEqual, wipe } from '../crypto/secret.ts';
import { type NodeId, nodeIdKey } from '../identity/node-id.ts';
import type { SharedForm } from './frame.ts';
import { type KeyOffer, nextGeneration, TAG_LENGTH, tagIn, tagOf } from './neighbourhood.ts';
import { RECORD } from './records.ts';

interface Known {
  readonly from: NodeId;
  readonly index: number;
  readonly slot: number;
  readonly tagKey: Uint8Array;
  /** Of its generation, then of those after it, as far as a frame has said. */
  readonly keys: [Uint8Array, ...Uint8Array[]];
  /** counter ≫ 8, of which the first key is. */
  generation: bigint;
  /** Counters below were opened, or came before the key did. */
  next: bigint;
}

/** A shared frame that opened and whose tag says who sent it. */
export interface Opened {
  readonly from: NodeId;
  /** Of this node's tag. */
  readonly slot: number;
  /** Records without the tags. */
  readonly records: Uint8Array;
}

export class OverheardNeighbourhoods {
  readonly #known = new Map<string, Known>();

  has(from: NodeId): boolean {
    return this.#known.has(nodeIdKey(from));
  }

  /** Whose keys are held; the one handed over last comes last. */
  get all(): readonly NodeId[] {
    return [...this.#known.values()].map((k) => k.from);
  }

  /** Takes the key a neighbour has handed over, in place of the one it gave before. */
  add(from: NodeId, { index, slot, counter, key, tagKey }: KeyOffer): void {
    this.remove(from);
    this.#known.set(nodeIdKey(from), {
      from,
      index,
      slot,
      tagKey,
      keys: [key],
      generation: counter >> 8n,
      next: counter,
    });
  }

  /** All that were handed over, as if it had been now: with the keys and counters of this moment. */
  *offers(): Generator<{ readonly from: NodeId; readonly offer: KeyOffer }> {
    for (const { from, generation, index, keys, next, slot, tagKey } of this.#known.values()) {
      const current = next >> 8n > generation ? nextGeneration(keys[0]) : keys[0].slice();
      const offer = { wantsYours: false, slot, index, counter: next, key: current, tagKey: tagKey.slice() };
      yield { from, offer };
    }
  }

  remove(from: NodeId): void {
    const known = this.#known.get(nodeIdKey(from));
    if (known) wipe(...known.keys, known.tagKey);
    this.#known.delete(nodeIdKey(from));
  }

  clear(): void {
    for (const known of [...this.#known.values()]) this.remove(known.from);
  }

  /** Whose index this is, as far as known: several may have drawn the same. */
  withIndex(index: number): readonly NodeId[] {
    return [...this.#known.values()].filter((k) => k.index === index).map((k) => k.from);
  }

  indexOf(id: NodeId): number | undefined {
    return this.#known.get(nodeIdKey(id))?.index;
  }

  /** `other`: nobody who shares with this node uses this index. */
  open(frame: SharedForm): Opened | 'other' | 'replay' | 'noise' | 'tag' {
    let why: 'other' | 'replay' | 'noise' | 'tag' = 'other';
    for (const known of this.#known.values()) {
      if (known.index !== frame.index) continue;
      const opened = openWith(known, frame);
      if (typeof opened !== 'string') return opened;
      why = opened;
    }
    return why;
  }
}

/** The state moves on only where the frame opens and the tag is right: a forged frame changes nothing. */
function openWith(known: Known, frame: SharedForm): Opened | 'replay' | 'noise' | 'tag' {
  const ahead = (BigInt(frame.counter >> 8) - known.generation) & 0xffn;
  const generation = known.generation + ahead;
  const n = (generation << 8n) | BigInt(frame.counter & 0xff);
  if (n < known.next) return 'replay';
  const cipher = new CipherState(keyAhead(known, Number(ahead)));
  const content = cipher.decrypt(n, frame.header, frame.ciphertext);
  cipher.destroy();
  if (!content) return 'noise';
  const parts = splitTags(content);
  const genuine =
    parts !== undefined &&
    constantTimeEqual(tagOf(known.tagKey, n, frame.header, parts.records), tagIn(parts.tags, known.slot));
  if (!genuine) return 'tag';
  wipe(...known.keys.splice(0, Number(ahead)));
  known.generation = generation;
  known.next = n + 1n;
  return { from: known.from, slot: known.slot, records: parts.records };
}

/**
 * The key so many generations ahead, at most 255. Whoever has heard the index can say any number, as often as it likes:
 * what was hashed once is kept, and costs nothing the next time.
 */
function keyAhead({ keys }: Known, ahead: number): Uint8Array {
  let [key] = keys;
  for (let g = 1; g <= ahead; g++) {
    key = keys[g] ?? nextGeneration(key);
    keys[g] = key;
  }
  return key;
}

function splitTags(content: Uint8Array): { tags: Uint8Array; records: Uint8Array } | undefined {
  if (content.length < 2 || content[0] !== RECORD.tags) return undefined;
  const r = new Reader(content.subarray(1));
  const length = r.u8();
  if (length >= 128 || length % TAG_LENGTH !== 0 || r.left < length) return undefined;
  return { tags: r.raw(length), records: r.rest() };
}
