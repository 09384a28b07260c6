/** Asks own mailboxes for what they say waits there, in this node's own order (docs/protocol/store.md, "Mailboxes"). */
import { toHex } from '../core/bytes.ts';
import type { Cancel, Clock } from '../core/clock.ts';
import type { Counters } from '../core/counters.ts';
import { type NodeId, nodeIdKey } from '../identity/node-id.ts';
import type { Link } from '../link/link.ts';
import { RECORD } from '../link/records.ts';
import { Questions } from './questions.ts';
import { encodePull, type Hint, type HintItem, idsWithin, MAIL } from './records.ts';

/** What was asked for and has not come after so long is given up. */
const PATIENCE_MS = 10 * 60_000;
/** Until then so many hints count: a mailbox that has lost its memory says them again. */
const MOST_PULLS = 3;
/** Of the objects that came last: a hint may name them that was made before their receipts had arrived. */
const MOST_OPENED = 1_024;

export interface PullerOptions {
  readonly link: Pick<Link, 'neighbour'>;
  readonly clock: Clock;
  readonly counters: Counters;
}

/** At one mailbox. */
interface Asked {
  readonly from: NodeId;
  /** Short ids in hex that have not come yet. */
  readonly awaited: Set<string>;
  readonly more: boolean;
  readonly pulls: number;
  readonly timer: Cancel;
  arrived: boolean;
}

/** The order in which waiting objects are asked for: the most urgent first, of these the smallest. */
export function pullOrder(items: readonly HintItem[]): HintItem[] {
  return [...items].sort((a, b) => a.priority - b.priority || a.size - b.size);
}

export class Puller {
  readonly #o: PullerOptions;
  readonly #questions: Questions;
  readonly #asked = new Map<string, Asked>();
  /** Short ids in hex, the oldest first. */
  readonly #opened = new Set<string>();

  constructor(options: PullerOptions) {
    this.#o = options;
    this.#questions = new Questions(options.link);
  }

  stop(): void {
    for (const { timer } of this.#asked.values()) timer();
  }

  /** An own mailbox says what waits. */
  hinted(from: NodeId, { items, more }: Hint): void {
    const { clock, counters, link } = this.#o;
    this.#questions.answered(from, MAIL);
    const key = nodeIdKey(from);
    const before = this.#asked.get(key);
    if (before && before.pulls >= MOST_PULLS) {
      counters.count('pub.hint-too-soon');
      return;
    }
    const most = idsWithin(link.neighbour(from).recordRoom);
    const wanted = pullOrder(items.filter((i) => !this.#opened.has(toHex(i.id))));
    const ids = wanted.slice(0, most).map((i) => i.id);
    if (ids.length === 0) {
      if (more && !before) void this.ask(from);
      return;
    }
    const unfulfilled = () => {
      counters.count('pub.unfulfilled-hint');
      this.#over(key);
    };
    this.#asked.set(key, {
      ...{ from, awaited: new Set(ids.map(toHex)), more: more || ids.length < wanted.length, arrived: false },
      pulls: (before?.pulls ?? 0) + 1,
      timer: before?.timer ?? clock.after(PATIENCE_MS, unfulfilled),
    });
    void this.#send(from, ids);
  }

  /** Asks a mailbox what waits. */
  ask(from: NodeId): Promise<boolean> {
    return this.#send(from, []);
  }

  /** An object for this node was opened, and is durable. */
  opened(shortId: Uint8Array): void {
    const id = toHex(shortId);
    this.#opened.add(id);
    for (const oldest of this.#opened) {
      if (this.#opened.size <= MOST_OPENED) break;
      this.#opened.delete(oldest);
    }
    this.came(shortId);
  }

  /** It is not awaited any more, opened or refused: its mailbox hints at neither again, and may have others. */
  came(shortId: Uint8Array): void {
    const id = toHex(shortId);
    for (const [key, asked] of this.#asked) {
      if (!asked.awaited.delete(id)) continue;
      asked.arrived = true;
      if (asked.awaited.size === 0) this.#over(key);
    }
  }

  /** All has come, or is given up: asks for the rest where there is more. */
  #over(key: string): void {
    const asked = this.#asked.get(key);
    this.#asked.delete(key);
    asked?.timer();
    if (asked?.more && asked.arrived) void this.ask(asked.from);
  }

  #send(to: NodeId, ids: readonly Uint8Array[]): Promise<boolean> {
    const body = encodePull({ number: MAIL, ids });
    return this.#questions.ask(to, MAIL, { type: RECORD.pull, body }, 1);
  }
}
