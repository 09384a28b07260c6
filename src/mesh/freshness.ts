/**
 * Freshness without signatures (docs/protocol/mesh.md, "Freshness"): a node releases one value of a hash chain with
 * every eighth refresh of its own; whoever knows an earlier one hashes forward to it, and counts.
 */
import { concat, equal, utf8, Writer } from '../core/bytes.ts';
import { blake2b } from '../crypto/hashes.ts';
import { isDurable, StorageFailed } from '../db/db.ts';
import type { NodeId } from '../identity/node-id.ts';

export const CHAIN_STEPS = 4096;
/** The next announce is issued here: 7/8 of the chain. */
export const RENEWED_AT = 3584;
const STEP_LENGTH = 8;
const LABEL = utf8('nexus/1 fresh');
const CHECKPOINT_EVERY = 64;
/** So many steps ahead of the newest is the value that a mailbox is handed: 31 days at 30 min a step. */
export const STEPS_AHEAD = 1500;
/** Steps behind the newest that are still recognised, of neighbours who are behind: a restart alone can be 17. */
const FARTHEST_BEHIND = 255;

/**
 * What a route is as new as: announce sequence and steps as one number, announce sequence × 4096 + steps. Sequences
 * of 2^40 and more are refused, so that it is exact.
 */
export type Order = number;
export const MOST_SEQUENCE = 2n ** 40n;

export function orderOf(sequence: bigint, steps: number): Order {
  return Number(sequence) * CHAIN_STEPS + steps;
}

/** The low 16 bits of an order, as they travel; compared serially (RFC 1982). */
export function serialOf(order: Order): number {
  return order % 0x10000;
}

/** How far serial `a` is ahead of serial `b`: −32768 … 32767. */
export function serialAhead(a: number, b: number): number {
  return ((a - b + 0x18000) & 0xffff) - 0x8000;
}

/** x_i from x_{i+1}, 8 bytes. */
export function previousStep(nodeId: NodeId, sequence: bigint, next: Uint8Array): Uint8Array {
  return hasher(nodeId, sequence)(next);
}

/** x_{i−count} from x_i. */
export function stepBefore(nodeId: NodeId, sequence: bigint, value: Uint8Array, count: number): Uint8Array {
  return hashed(hasher(nodeId, sequence), value, count);
}

/** `value` hashed so many times. */
function hashed(hash: (next: Uint8Array) => Uint8Array, value: Uint8Array, count: number): Uint8Array {
  let x = value;
  for (let i = 0; i < count; i++) x = hash(x);
  return x;
}

/** `previousStep` for many steps of one chain. */
function hasher(nodeId: NodeId, sequence: bigint): (next: Uint8Array) => Uint8Array {
  const message = concat(LABEL, nodeId, new Writer(8).u64(sequence).bytes(), new Uint8Array(STEP_LENGTH));
  const at = message.length - STEP_LENGTH;
  return (next) => {
    message.set(next, at);
    return blake2b(message, STEP_LENGTH);
  };
}

/** The secret that ends all chains of a node, from its 32-byte seed. */
export function chainSecretOf(seed: Uint8Array): Uint8Array {
  return blake2b(LABEL, 32, seed);
}

/** A chain whose end is known. The end follows from the node's own secret and the sequence. */
export class OwnChain {
  readonly sequence: bigint;
  readonly #hash: (next: Uint8Array) => Uint8Array;
  /** x_0, x_64, … x_4096. */
  readonly #checkpoints: Uint8Array[];

  constructor(nodeId: NodeId, chainSecret: Uint8Array, sequence: bigint) {
    this.sequence = sequence;
    this.#hash = hasher(nodeId, sequence);
    let x = blake2b(new Writer(8).u64(sequence).bytes(), STEP_LENGTH, chainSecret);
    const checkpoints = [x];
    for (let i = CHAIN_STEPS - 1; i >= 0; i--) {
      x = this.#hash(x);
      if (i % CHECKPOINT_EVERY === 0) checkpoints.push(x);
    }
    this.#checkpoints = checkpoints.reverse();
  }

  /** x_i, 0 ≤ i ≤ 4096. */
  step(i: number): Uint8Array {
    const from = Math.ceil(i / CHECKPOINT_EVERY);
    let x = this.#checkpoints[from];
    if (!x) throw new RangeError(`no step ${i}`);
    for (let k = from * CHECKPOINT_EVERY; k > i; k--) x = this.#hash(x);
    return x;
  }
}

export interface OwnFreshnessOptions {
  readonly nodeId: NodeId;
  readonly chainSecret: Uint8Array;
  /** Grows with every call, over reboots too. Throws `StorageFailed` where the disk does not keep up. */
  readonly nextPosition: () => number;
  /** Durably gives up all positions below one. Rejects with `StorageFailed`. */
  readonly skipTo: (position: number) => Promise<void>;
}

/** A step that has not been released yet, for a mailbox to release when this node is away. */
export interface HandedStep {
  readonly value: Uint8Array;
  readonly order: Order;
}

/** This node's own position: position p is step p mod 3584 of announce ⌊p / 3584⌋ + 1. */
export class OwnFreshness {
  readonly #o: OwnFreshnessOptions;
  #chain: OwnChain | undefined;
  #position: number;

  constructor(options: OwnFreshnessOptions) {
    this.#o = options;
    this.#position = options.nextPosition();
  }

  get sequence(): bigint {
    return BigInt(1 + Math.floor(this.#position / RENEWED_AT));
  }
  get steps(): number {
    return this.#position % RENEWED_AT;
  }
  get order(): Order {
    return orderOf(this.sequence, this.steps);
  }
  get anchor(): Uint8Array {
    return this.#current.step(0);
  }
  /** The newest value released. */
  get value(): Uint8Array {
    return this.#current.step(this.steps);
  }

  /**
   * A step that nobody has seen before this start, at the start: the newest, or where that is the anchor of an announce
   * that nobody knows yet, the first of the former chain that was never due. Undefined at the first start of all.
   */
  get startProof(): Uint8Array | undefined {
    if (this.steps > 0) return this.value;
    if (this.sequence === 1n) return undefined;
    const { chainSecret, nodeId } = this.#o;
    return new OwnChain(nodeId, chainSecret, this.sequence - 1n).step(RENEWED_AT);
  }

  /** Releases the next step; false where the disk does not keep up, and the newest is still the one before. */
  advance(): boolean {
    try {
      this.#position = this.#o.nextPosition();
      return true;
    } catch (e) {
      if (!(e instanceof StorageFailed)) throw e;
      return false;
    }
  }

  /** The step `STEPS_AHEAD` of the newest, or the last one of the chain. */
  ahead(): HandedStep {
    const steps = Math.min(this.steps + STEPS_AHEAD, CHAIN_STEPS - 1);
    return { value: this.#current.step(steps), order: orderOf(this.sequence, steps) };
  }

  /** The order of a value that is beyond the newest released, and not beyond `most`; undefined for any other. */
  orderAhead(value: Uint8Array, most: Order): Order | undefined {
    const { order } = this;
    const hash = hasher(this.#o.nodeId, this.sequence);
    const newest = this.value;
    // what neighbours are behind with leads to nothing, and to see that takes a hash for every step to `most`
    let released = newest;
    for (let behind = 0; behind <= Math.min(FARTHEST_BEHIND, this.steps); behind++) {
      if (equal(released, value)) return undefined;
      released = hash(released);
    }
    let x = value;
    for (let ahead = 1; ahead <= Math.min(most - order, CHAIN_STEPS); ahead++) {
      x = hash(x);
      if (equal(x, newest)) return order + ahead;
    }
    return undefined;
  }

  /** Goes on beyond an order, which somebody else may have released; false where the disk does not keep up. */
  async resumeBeyond(order: Order): Promise<boolean> {
    if (this.order > order) return true;
    const sequence = Math.floor(order / CHAIN_STEPS);
    const steps = Math.min((order % CHAIN_STEPS) + 1, RENEWED_AT);
    return (await isDurable(this.#o.skipTo((sequence - 1) * RENEWED_AT + steps))) && this.advance();
  }

  get #current(): OwnChain {
    const { nodeId, chainSecret } = this.#o;
    if (this.#chain?.sequence !== this.sequence)
      this.#chain = new OwnChain(nodeId, chainSecret, this.sequence);
    return this.#chain;
  }
}

/** What is proven of another node's chain. */
export class ProvenChain {
  readonly sequence: bigint;
  readonly #hash: (next: Uint8Array) => Uint8Array;
  #steps = 0;
  #value: Uint8Array;

  constructor(nodeId: NodeId, sequence: bigint, anchor: Uint8Array) {
    this.sequence = sequence;
    this.#hash = hasher(nodeId, sequence);
    this.#value = anchor;
  }

  /** The newest. */
  get order(): Order {
    return orderOf(this.sequence, this.#steps);
  }
  get value(): Uint8Array {
    return this.#value;
  }

  /** Goes on from what was proven before a restart; false, and no change, where that is of another chain. */
  resume(order: Order, value: Uint8Array): boolean {
    if (Math.floor(order / CHAIN_STEPS) !== Number(this.sequence)) return false;
    this.#steps = order % CHAIN_STEPS;
    this.#value = value;
    return true;
  }

  /** The value of an order; undefined where that is ahead of the newest, or too far behind it to be recognised. */
  valueOf(order: Order): Uint8Array | undefined {
    const behind = this.order - order;
    if (behind < 0 || behind > this.#farthestBehind) return undefined;
    return hashed(this.#hash, this.#value, behind);
  }

  /** The order of a value that leads to the newest by at most `most` hashes; undefined where it does not. */
  orderOfAhead(value: Uint8Array, most: number): Order | undefined {
    let x = value;
    for (let steps = 0; steps <= Math.min(most, this.#farthestAhead); steps++) {
      if (equal(x, this.#value)) return this.order + steps;
      x = this.#hash(x);
    }
    return undefined;
  }

  /**
   * The order of a value: one of those behind the newest that are recognised, or one that leads to the newest by at most
   * `most` hashes, which it then becomes; within `within` steps either way. Undefined where it proves nothing.
   */
  prove(value: Uint8Array, most: number, within = CHAIN_STEPS): Order | undefined {
    if (equal(value, this.#value)) return this.order;
    const mostAhead = Math.min(most, within, this.#farthestAhead);
    const mostBehind = Math.min(within, this.#farthestBehind);
    // both ways at once: most values are a few steps from the newest
    let [behind, ahead] = [this.#value, value];
    for (let steps = 1; steps <= Math.max(mostAhead, mostBehind); steps++) {
      if (steps <= mostBehind) {
        behind = this.#hash(behind);
        if (equal(behind, value)) return this.order - steps;
      }
      if (steps > mostAhead) continue;
      ahead = this.#hash(ahead);
      if (!equal(ahead, this.#value)) continue;
      this.#steps += steps;
      this.#value = value.slice();
      return this.order;
    }
    return undefined;
  }

  get #farthestBehind(): number {
    return Math.min(FARTHEST_BEHIND, this.#steps);
  }
  /** The end of the chain itself is never released. */
  get #farthestAhead(): number {
    return CHAIN_STEPS - 1 - this.#steps;
  }
}
