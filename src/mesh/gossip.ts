/**
 * Announces that are news here are passed on, once, without being asked for (docs/protocol/mesh.md, "Announce"): a new
 * mesh comes to know itself in hours, where one neighbour after the other would ask for each of them. Whoever they do
 * not reach so asks.
 */
import type { Cancel, Clock } from '../core/clock.ts';
import { below, type Random, uniform } from '../core/random.ts';
import { type NodeId, nodeIdKey } from '../identity/node-id.ts';

/** Those in earshot of each other take so much of the channel's time for it together. */
const SHARE = 0.1;
/** Who has just begun to listen hears more of them soon. */
const LEAST_HEARD = 8;
/** Airtimes of an announce after the start: links come first, and many announces that are news then are heard again. */
const SETTLING = 1000;
/** On each medium so many may wait: who lacks one of the others asks. */
const MOST_WAITING = 128;

export interface GossipOptions {
  /** Whether a medium is one without connections, where one frame is heard by many. */
  readonly isShared: (medium: string) => boolean;
  /** Says an announce once the budget has room, of the node that is chosen then; resolves with that, if any was. */
  readonly say: (
    how: { readonly medium: string; readonly trusted: boolean },
    choose: () => NodeId | undefined,
  ) => Promise<NodeId | undefined>;
  readonly isTrusted: (id: NodeId) => boolean;
  /** How many neighbours in earshot have not spoken of that node. */
  readonly lacking: (id: NodeId) => number;
  /** How many nodes are heard here. */
  readonly hears: () => number;
  /** ms that an announce takes. */
  readonly airtime: () => number;
  readonly clock: Clock;
  readonly random: Random;
}

export class Gossip {
  readonly #o: GossipOptions;
  /** By medium and NodeId: what waits. */
  readonly #waiting = new Map<string, Map<string, NodeId>>();
  readonly #timers = new Map<string, Cancel>();
  readonly #startedAt: number;
  #stopped = false;

  constructor(options: GossipOptions) {
    this.#o = options;
    this.#startedAt = options.clock.monotonic();
  }

  stop(): void {
    this.#stopped = true;
    for (const cancel of this.#timers.values()) cancel();
  }

  /** Whether there is anything to be passed on. */
  get hasNews(): boolean {
    for (const news of this.#waiting.values()) if (news.size > 0) return true;
    return false;
  }

  /** An announce was heard: once more, where it waits here, and most neighbours have heard it now as well. */
  heard(id: NodeId, medium: string): void {
    this.#waiting.get(medium)?.delete(nodeIdKey(id));
  }

  /** What was heard was news here. Connections are no media for gossip: the LAN of a thousand boxes would hum with it. */
  add(id: NodeId, medium: string): void {
    if (!this.#o.isShared(medium)) return;
    const news = this.#waiting.get(medium) ?? new Map<string, NodeId>();
    this.#waiting.set(medium, news);
    if (news.size < MOST_WAITING) news.set(nodeIdKey(id), id);
    if (!this.#timers.has(medium)) this.#arm(medium, uniform(this.#o.random));
  }

  #arm(medium: string, part: number): void {
    const { airtime, clock, hears } = this.#o;
    const pause = (Math.max(hears(), LEAST_HEARD) * airtime()) / SHARE;
    const settling = Math.max(0, this.#startedAt + SETTLING * airtime() - clock.monotonic());
    this.#timers.set(
      medium,
      clock.after(settling + part * pause, () => void this.#sayOne(medium)),
    );
  }

  async #sayOne(medium: string): Promise<void> {
    const { isTrusted, random, say } = this.#o;
    const trusted = [...(this.#waiting.get(medium)?.values() ?? [])].some(isTrusted);
    const said = await say({ medium, trusted }, () => this.#choose(medium, trusted));
    if (said) this.heard(said, medium);
    if (this.#waiting.get(medium)?.size && !this.#stopped) this.#arm(medium, 0.5 + uniform(random));
    else this.#timers.delete(medium);
  }

  /**
   * Of contacts, or of all, what the most neighbours lack; any one of these, so that neighbours that have heard the same
   * begin with others.
   */
  #choose(medium: string, ofContacts: boolean): NodeId | undefined {
    const { isTrusted, lacking, random } = this.#o;
    let most = 1;
    let chosen: NodeId[] = [];
    for (const [key, id] of this.#waiting.get(medium) ?? []) {
      if (ofContacts && !isTrusted(id)) continue;
      const count = lacking(id);
      if (count === 0) this.#waiting.get(medium)?.delete(key);
      if (count < most) continue;
      if (count > most) chosen = [];
      most = count;
      chosen.push(id);
    }
    return chosen[below(random, Math.max(chosen.length, 1))];
  }
}
