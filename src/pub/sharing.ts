/**
 * Says items that several subscribers want to all of them in one transmission, and notes who has shown to have them
 * (docs/protocol/store.md, "NXS-Pub"): whoever has not is handed them singly. In memory only: what is forgotten is
 * handed over once more.
 */

import { toHex } from '../core/bytes.ts';
import type { Cancel, Clock } from '../core/clock.ts';
import type { Counters } from '../core/counters.ts';
import { type NodeId, nodeIdKey } from '../identity/node-id.ts';
import { SEALED_OVERHEAD } from '../link/frame.ts';
import type { IncomingRecord, Link } from '../link/link.ts';
import { ACK_FRAME_LENGTH } from '../link/owed-records.ts';
import { RECORD } from '../link/records.ts';
import type { KeptItem } from './items.ts';
import { decodeGot } from './records.ts';
import { answeredWithin, GOT_FRAME } from './turns.ts';

/** Items said one after the other before they are answered for. */
export const MOST_AT_ONCE = 8;
/** Items of which it is known who has them, those said last. */
const MOST_REMEMBERED = 256;

export interface SharingOptions {
  readonly link: Link;
  /** Whether a neighbour is there. */
  readonly isThere: (id: NodeId) => boolean;
  /** Subscribers that are to have this item, whole. */
  readonly wanting: (item: KeptItem) => readonly NodeId[];
  /** As it is handed over; undefined where it is kept no longer. */
  readonly parcel: (item: KeptItem) => Uint8Array | undefined;
  readonly clock: Clock;
  readonly counters: Counters;
}

interface Said {
  /** Short id in hex. */
  readonly key: string;
  /** Whom it was meant for, by NodeId in hex, and whether they have shown that they have it. */
  readonly to: Map<string, boolean>;
}

export class Sharing {
  readonly #o: SharingOptions;
  /** By number, said last last. */
  readonly #said = new Map<number, Said>();
  /** For the next rounds, by number. */
  readonly #offered = new Map<number, KeptItem>();
  #next: Promise<void> | undefined;
  #current: Promise<void> = Promise.resolve();
  #awaited: readonly Said[] = [];
  #allAnswered: () => void = () => {};
  #timer: Cancel | undefined;

  constructor(options: SharingOptions) {
    this.#o = options;
  }

  start(): void {
    this.#o.link.onRecord(RECORD.got, (incoming) => this.#got(incoming));
  }

  stop(): void {
    this.#timer?.();
  }

  /** Whether a subscriber has shown that it has an item. */
  has(subscriber: NodeId, { n }: KeptItem): boolean {
    return this.#said.get(n)?.to.get(nodeIdKey(subscriber)) === true;
  }

  /**
   * Items are to be handed to a subscriber. Resolves once those that others want too have been shared, and all have had
   * the time to show that they have them.
   */
  offer(subscriber: NodeId, items: readonly KeptItem[]): Promise<void> {
    if (!this.#overhears(subscriber)) return Promise.resolve();
    for (const item of items.slice(0, MOST_AT_ONCE)) this.#offered.set(item.n, item);
    const go = () => {
      this.#next = undefined;
      this.#current = this.#rounds();
      return this.#current;
    };
    this.#next ??= this.#current.then(go, go);
    return this.#next;
  }

  /** All that was offered meanwhile. */
  async #rounds(): Promise<void> {
    const offered = [...this.#offered.values()].sort((a, b) => a.n - b.n);
    this.#offered.clear();
    for (let i = 0; i < offered.length; i += MOST_AT_ONCE)
      await this.#round(offered.slice(i, i + MOST_AT_ONCE));
  }

  /** Linked both ways, there, in a session, and spoken to by a medium where one transmission is heard by all. */
  #overhears(id: NodeId): boolean {
    const { isThere, link } = this.#o;
    const neighbour = link.neighbour(id);
    if (!link.shared.isMutual(id) || !isThere(id)) return false;
    return neighbour.airtime(GOT_FRAME) !== undefined && neighbour.linked;
  }

  async #round(items: readonly KeptItem[]): Promise<void> {
    const said = (await Promise.all(items.map((item) => this.#say(item)))).filter((s) => s !== undefined);
    if (said.length === 0) return;
    const { clock, link } = this.#o;
    const airtime = Math.max(...link.media.map((m) => m.airtime(GOT_FRAME) ?? 0));
    this.#awaited = said;
    await new Promise<void>((resolve) => {
      this.#allAnswered = resolve;
      const wait = answeredWithin(link.shared.members.length, said.length, airtime);
      this.#timer = clock.after(wait, resolve);
      this.#look();
    });
    this.#timer?.();
    this.#awaited = [];
  }

  /** Undefined where it was not said. */
  async #say(item: KeptItem): Promise<Said | undefined> {
    const { counters, link, parcel, wanting } = this.#o;
    const before = this.#said.get(item.n)?.to;
    const to = wanting(item).filter((id) => !before?.has(nodeIdKey(id)) && this.#overhears(id));
    const body = to.length > 1 ? parcel(item) : undefined;
    if (!body || body.length > link.shared.room || !this.#pays(body.length, to)) return undefined;
    const said = this.#remember(item, to);
    const { sent } = await link.shared.send({ type: RECORD.push, body }, 2, 'aired');
    if (!sent) return undefined;
    counters.count('pub.shared-items');
    return said;
  }

  /** Whether it takes less of the air than to hand it to each. Every member has a tag in it, wanting it or not. */
  #pays(bodyLength: number, to: readonly NodeId[]): boolean {
    const { link } = this.#o;
    const ms = (id: NodeId, bytes: number) => link.neighbour(id).airtime(bytes) ?? 0;
    const sum = (each: (id: NodeId) => number) => to.reduce((total, id) => total + each(id), 0);
    const shared = link.shared.airtime(bodyLength, 'aired') + sum((id) => ms(id, GOT_FRAME));
    const push = SEALED_OVERHEAD + 1 + bodyLength;
    return shared < sum((id) => ms(id, push) + ms(id, ACK_FRAME_LENGTH));
  }

  #remember({ key, n }: KeptItem, to: readonly NodeId[]): Said {
    const said = this.#said.get(n) ?? { key, to: new Map<string, boolean>() };
    this.#said.delete(n);
    this.#said.set(n, said);
    for (const id of to) said.to.set(nodeIdKey(id), false);
    for (const oldest of this.#said.keys()) {
      if (this.#said.size <= MOST_REMEMBERED) break;
      this.#said.delete(oldest);
    }
    return said;
  }

  /** Believed of whoever says it, of what it was told, and where it can mean one item only. */
  #got({ body, from }: IncomingRecord): void {
    const { counters } = this.#o;
    const subscriber = nodeIdKey(from.id);
    const ids = decodeGot(body);
    if (!ids) counters.count('pub.refused.malformed-got');
    for (const id of ids ?? []) {
      const beginning = toHex(id);
      const meant = [...this.#said.values()].filter(
        (s) => s.key.startsWith(beginning) && s.to.has(subscriber),
      );
      const [only] = meant;
      if (only && meant.length === 1) only.to.set(subscriber, true);
      else counters.count('pub.unasked-got');
    }
    this.#look();
  }

  #look(): void {
    if (this.#awaited.every(({ to }) => [...to.values()].every(Boolean))) this.#allAnswered();
  }
}
