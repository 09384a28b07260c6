/**
 * Answers to message 1 that nothing has opened yet (docs/protocol/link.md, "Sessions"). Any message 1 may be a replay
 * and costs its sender nothing but airtime, so there are few places, and the likely replays lose theirs first.
 */
import { equal } from '../core/bytes.ts';
import type { NodeId } from '../identity/node-id.ts';
import type { Session } from './session.ts';

const PLACES = 4;
/** ms: a fresh one keeps its place against stale ones for this long. */
const GRACE = 60_000;
/** ms: nobody's first frame waits longer for the channel. */
const LIFETIME = 600_000;

export interface HalfOpen {
  readonly index: number;
  readonly from: NodeId;
  readonly publicKey: Uint8Array;
  readonly counter: bigint;
  /** The counter is not above the highest ever opened from this node: a replay, or a box restored from a backup. */
  readonly stale: boolean;
  readonly message1: Uint8Array;
  readonly message2: Uint8Array;
  readonly session: Session;
  readonly begunAt: number;
}

export class HalfOpenResponses {
  /** Oldest first. */
  #places: HalfOpen[] = [];

  /** The response to exactly these bytes, which is given again. */
  answered(message1: Uint8Array): HalfOpen | undefined {
    return this.#places.find((h) => equal(h.message1, message1));
  }

  byIndex(index: number): HalfOpen | undefined {
    return this.#places.find((h) => h.index === index);
  }

  /** The newest that a node began. */
  from(id: NodeId): HalfOpen | undefined {
    return this.#places.findLast((h) => equal(h.from, id));
  }

  all(): readonly HalfOpen[] {
    return this.#places;
  }

  /** Whether one that is stale, or not, would find a place now. */
  hasPlace(stale: boolean, now: number): boolean {
    return this.#places.length < PLACES || this.#victim(stale, now) !== undefined;
  }

  /** Takes a place, from the first stale or else the oldest one where all are taken. Ask `hasPlace` first. */
  add(response: HalfOpen): void {
    if (this.#places.length >= PLACES) {
      const victim = this.#victim(response.stale, response.begunAt);
      if (!victim) throw new Error('no place for a half-open response');
      this.take(victim);
      victim.session.destroy();
    }
    this.#places.push(response);
  }

  /** Takes one out, its session alive: it has opened a frame. */
  take(response: HalfOpen): void {
    this.#places = this.#places.filter((h) => h !== response);
  }

  /** Ends those that waited too long. */
  sweep(now: number): void {
    for (const h of this.#places.filter((p) => now - p.begunAt >= LIFETIME)) {
      this.take(h);
      h.session.destroy();
    }
  }

  clear(): void {
    for (const h of this.#places) h.session.destroy();
    this.#places = [];
  }

  #victim(stale: boolean, now: number): HalfOpen | undefined {
    const oldest = this.#places[0];
    return (
      this.#places.find((h) => h.stale) ??
      (oldest && (!stale || now - oldest.begunAt >= GRACE) ? oldest : undefined)
    );
  }
}
