/** Says of objects that they cannot be opened: signed, and so many an hour for each giver at most. */
import type { Clock } from '../core/clock.ts';
import type { Identity } from '../identity/keys.ts';
import { type NodeId, nodeIdKey } from '../identity/node-id.ts';
import type { ObjectId } from './object.ts';
import { declareUnreadable, type Unreadable } from './unreadable.ts';

const HOUR_MS = 3_600_000;
const AN_HOUR = 10;

export class Declarations {
  readonly #identity: Identity;
  readonly #clock: Clock;
  readonly #given = new Map<string, { since: number; count: number }>();

  constructor(identity: Identity, clock: Clock) {
    this.#identity = identity;
    this.#clock = clock;
  }

  /** The signed word, or undefined where this giver has had its share. */
  declare(giver: NodeId, id: ObjectId): Unreadable | undefined {
    const key = nodeIdKey(giver);
    const now = this.#clock.monotonic();
    const window = this.#given.get(key);
    if (window && now - window.since <= HOUR_MS) {
      if (++window.count > AN_HOUR) return undefined;
    } else {
      for (const [k, w] of this.#given) if (now - w.since > HOUR_MS) this.#given.delete(k);
      this.#given.set(key, { since: now, count: 1 });
    }
    return declareUnreadable(this.#identity, id);
  }
}
