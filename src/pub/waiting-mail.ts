/**
 * Mail that waits here for a neighbour that subscribed to it: how it learns of it when it is back, and asks for it
 * (docs/protocol/store.md, "Mailboxes"). In memory only: after a restart it is told again.
 */

import { toHex } from '../core/bytes.ts';
import type { Cancel, Clock } from '../core/clock.ts';
import type { Counters } from '../core/counters.ts';
import { type NodeId, nodeIdKey } from '../identity/node-id.ts';
import { arrives, type Link } from '../link/link.ts';
import { RECORD } from '../link/records.ts';
import type { Custody } from '../store/custody.ts';
import type { Waiting } from '../store/mailboxes.ts';
import { shortIdOf } from '../store/object.ts';
import { encodeHint, itemsWithin, MAIL } from './records.ts';
import type { Subscriptions } from './subscriptions.ts';

const MINUTE = 60_000;
/** A subscriber that is there and does not ask is handed everything after so long; one that has asked, for what it did. */
const PATIENCE_MS = 5 * MINUTE;
const PULLING_MS = 30 * MINUTE;
/** After a hint that did not arrive. */
const AGAIN_MS = 2 * MINUTE;
/** Of what waits for one subscriber: the others follow when these are gone. */
const MOST_LOOKED_AT = 4_096;
/** Of a parcel to its recipient, beside the object's bytes. */
const HEADER = 18;

export interface WaitingMailOptions {
  readonly link: Pick<Link, 'neighbour'>;
  readonly subscriptions: Subscriptions;
  readonly clock: Clock;
  readonly counters: Counters;
}

type Store = Pick<Custody, 'waitingFor' | 'release' | 'reconsider'>;

/** A subscriber that is back. */
interface Stay {
  readonly recipient: NodeId;
  /** It is handed whatever comes. */
  all: boolean;
  /** What it asked for, by number. */
  readonly asked: Set<number>;
  timer: Cancel | undefined;
}

export class WaitingMail {
  readonly #o: WaitingMailOptions;
  readonly #stays = new Map<string, Stay>();
  #store: Store | undefined;

  constructor(options: WaitingMailOptions) {
    this.#o = options;
  }

  attach(store: Store): void {
    this.#store = store;
  }

  stop(): void {
    for (const stay of this.#stays.values()) stay.timer?.();
  }

  /** Whether an object may go to a recipient that is there. Tells it what waits where it does not know yet. */
  mayPush(n: number, recipient: NodeId): boolean {
    if (!this.#o.subscriptions.hasMail(recipient)) return true;
    const stay = this.#stays.get(nodeIdKey(recipient)) ?? this.#begin(recipient);
    return stay.all || stay.asked.has(n);
  }

  /** It has been told what waits, and has not asked for all of it. */
  waitsForPull(recipient: NodeId): boolean {
    return this.#stays.get(nodeIdKey(recipient))?.all === false;
  }

  /** It was away, or has booted: what it was told before does not count. */
  returned(id: NodeId): void {
    this.#end(id);
    this.#store?.reconsider(id);
  }

  /** It asks for objects, in this order; without any, for what waits, which is then the answer. */
  pulled(from: NodeId, ids: readonly Uint8Array[]): Uint8Array | undefined {
    const { counters } = this.#o;
    const stay = this.#stays.get(nodeIdKey(from)) ?? this.#enter(from);
    stay.timer?.();
    stay.timer = undefined;
    const waiting = this.#waiting(from);
    if (ids.length === 0) {
      stay.all = waiting.length === 0;
      if (!stay.all) this.#openAfter(stay, PATIENCE_MS);
      return this.#hint(stay, waiting);
    }
    const byId = new Map(waiting.map((w) => [toHex(shortIdOf(w.id)), w.n]));
    const asked = [...new Set(ids.map((id) => byId.get(toHex(id))))].filter((n) => n !== undefined);
    // another's mail is not found, no more than what does not exist
    if (asked.length < ids.length) counters.count('pub.refused.unknown-pull', ids.length - asked.length);
    for (const n of asked) stay.asked.add(n);
    // it knows of everything: what comes from now on is not hinted any more
    stay.all = waiting.every((w) => stay.asked.has(w.n));
    if (!stay.all) this.#openAfter(stay, PULLING_MS);
    this.#store?.release(asked);
    return undefined;
  }

  #openAfter(stay: Stay, ms: number): void {
    stay.timer?.();
    stay.timer = this.#o.clock.after(ms, () => {
      stay.all = true;
      this.#store?.reconsider(stay.recipient);
    });
  }

  #waiting(recipient: NodeId): readonly Waiting[] {
    return this.#store?.waitingFor(recipient, MOST_LOOKED_AT) ?? [];
  }

  #enter(recipient: NodeId): Stay {
    const stay: Stay = { recipient, all: false, asked: new Set(), timer: undefined };
    this.#stays.set(nodeIdKey(recipient), stay);
    return stay;
  }

  /**
   * What fits one burst is pushed: to say what waits, and to be asked for it, would cost more. Of everything else it
   * is told, and chooses.
   */
  #begin(recipient: NodeId): Stay {
    const { link, subscriptions } = this.#o;
    const stay = this.#enter(recipient);
    const waiting = this.#waiting(recipient);
    const bytes = waiting.reduce((sum, w) => sum + w.size + HEADER, 0);
    stay.all =
      subscriptions.of(recipient, MAIL)?.delivery === 'push' || bytes <= link.neighbour(recipient).burstRoom;
    if (!stay.all) void this.#tell(stay, waiting);
    return stay;
  }

  async #tell(stay: Stay, waiting: readonly Waiting[]): Promise<void> {
    const { clock, link } = this.#o;
    const { recipient } = stay;
    const hint = { type: RECORD.hint, body: this.#hint(stay, waiting) };
    if (!(await arrives(link.neighbour(recipient).send(hint, { priority: 1 }))))
      stay.timer = clock.after(AGAIN_MS, () => this.returned(recipient));
    else if (stay.asked.size === 0 && !stay.all) this.#openAfter(stay, PATIENCE_MS);
  }

  /** The most urgent and then the smallest first, of those not asked for yet. */
  #hint({ asked, recipient }: Stay, waiting: readonly Waiting[]): Uint8Array {
    const open = waiting.filter((w) => !asked.has(w.n));
    open.sort((a, b) => a.priority - b.priority || a.size - b.size || a.n - b.n);
    const most = itemsWithin(this.#o.link.neighbour(recipient).recordRoom);
    const items = open
      .slice(0, most)
      .map(({ id, priority, size }) => ({ id: shortIdOf(id), priority, size }));
    return encodeHint({ number: MAIL, more: open.length > items.length, items });
  }

  #end(recipient: NodeId): void {
    const key = nodeIdKey(recipient);
    this.#stays.get(key)?.timer?.();
    this.#stays.delete(key);
  }
}
