/**
 * What waits for the channel, and who is served next (docs/protocol/link.md, "Medium access on LoRa"): answers
 * first, then strictly by priority, except that one grant in ten goes to P3 where it waits; turns within one
 * priority go round the neighbours. Bounded, so that a full queue pushes back on the rooms above.
 */
import type { Outgoing, Priority, Submission } from '../medium.ts';

export interface Entry {
  readonly outgoing: Outgoing;
  /** `Clock.monotonic()` when it was submitted. */
  readonly since: number;
  /** Tells whoever submitted it; called once. */
  readonly settle: (submission: Submission) => void;
}

export interface QueueLengths {
  readonly answers: number;
  /** Entries of P0, P1, P2, P3. */
  readonly waiting: readonly [number, number, number, number];
}

/**
 * A priority holds 64 full frames: two and a half minutes on air at SF10, nearly half of what a 10 % band allows in an
 * hour. One neighbour has at most a quarter of it. A window of 150 ms has no room for more than a few answers.
 */
export const PER_PRIORITY = { entries: 64, bytes: 16_384 };
const PER_NEIGHBOUR = { entries: 16, bytes: 4_096 };
const ANSWERS = 8;

export const PRIORITIES = [0, 1, 2, 3] as const satisfies readonly Priority[];
const BULK: Priority = 3;
const GRANTS_TO_A_BULK_TURN = 10;

/** One priority: a first-in-first-out list for each neighbour; a Map's order is the order of turns. */
interface Level {
  readonly lists: Map<string, Entry[]>;
  entries: number;
  bytes: number;
}

const emptyLevel = (): Level => ({ lists: new Map(), entries: 0, bytes: 0 });

/** Broadcasts take turns together, as one neighbour more (NodeIds in hex are never empty). */
const keyOf = (entry: Entry): string => entry.outgoing.fairnessKey ?? '';

const bytesOf = (entries: readonly Entry[]): number =>
  entries.reduce((sum, entry) => sum + entry.outgoing.estimatedBytes, 0);

export class Queue {
  readonly #answers: Entry[] = [];
  readonly #levels: Record<Priority, Level> = [emptyLevel(), emptyLevel(), emptyLevel(), emptyLevel()];
  /** Grants in a row to others while P3 waited. */
  #passedOver = 0;

  get lengths(): QueueLengths {
    const [p0, p1, p2, p3] = [this.#levels[0], this.#levels[1], this.#levels[2], this.#levels[3]];
    return { answers: this.#answers.length, waiting: [p0.entries, p1.entries, p2.entries, p3.entries] };
  }

  get empty(): boolean {
    const { answers, waiting } = this.lengths;
    return answers === 0 && waiting.every((n) => n === 0);
  }

  /** Takes the entry in, or gives false where its priority or its neighbour's part of it is full. */
  offer(entry: Entry): boolean {
    if (entry.outgoing.answerUntil !== undefined) {
      if (this.#answers.length >= ANSWERS) return false;
      this.#answers.push(entry);
      return true;
    }
    const level = this.#levels[entry.outgoing.priority];
    const list = level.lists.get(keyOf(entry)) ?? [];
    const bytes = entry.outgoing.estimatedBytes;
    if (level.entries >= PER_PRIORITY.entries || level.bytes + bytes > PER_PRIORITY.bytes) return false;
    if (list.length >= PER_NEIGHBOUR.entries || bytesOf(list) + bytes > PER_NEIGHBOUR.bytes) return false;
    list.push(entry);
    level.lists.set(keyOf(entry), list);
    level.entries++;
    level.bytes += bytes;
    return true;
  }

  /** Removes the answers whose window has passed by `now`. */
  takeLate(now: number): Entry[] {
    const late = this.#answers.filter((entry) => windowOf(entry) < now);
    for (const entry of late) this.#answers.splice(this.#answers.indexOf(entry), 1);
    return late;
  }

  /** Removes the answer whose window ends first. */
  takeAnswer(): Entry | undefined {
    const next = this.#answers.reduce<Entry | undefined>(
      (first, entry) => (first && windowOf(first) <= windowOf(entry) ? first : entry),
      undefined,
    );
    if (next) this.#answers.splice(this.#answers.indexOf(next), 1);
    return next;
  }

  /**
   * Who is served next, answers apart. `bulkMay` says whether that P3 entry could go now: where it could not,
   * its turn waits and nobody waits for it.
   */
  head(bulkMay: (bulk: Entry) => boolean): Entry | undefined {
    const bulk = this.#first(BULK);
    if (bulk && this.#passedOver >= GRANTS_TO_A_BULK_TURN - 1 && bulkMay(bulk)) return bulk;
    return this.#first(0) ?? this.#first(1) ?? this.#first(2) ?? bulk;
  }

  /** Removes an entry that `head` gave; its neighbour's next turn comes after all the others'. */
  take(entry: Entry): void {
    const level = this.#levels[entry.outgoing.priority];
    const key = keyOf(entry);
    const list = level.lists.get(key);
    if (list?.[0] !== entry) throw new Error('only what heads the queue is taken from it');
    list.shift();
    level.lists.delete(key);
    if (list.length > 0) level.lists.set(key, list);
    level.entries--;
    level.bytes -= entry.outgoing.estimatedBytes;
  }

  /** Counts a grant that was used, for the turn of P3. */
  granted(priority: Priority): void {
    const waits = this.#levels[BULK].entries > 0;
    this.#passedOver = priority === BULK || !waits ? 0 : this.#passedOver + 1;
  }

  /** Removes what of this priority was submitted before `time`, answers apart. */
  takeOlder(priority: Priority, time: number): Entry[] {
    return this.#remove(this.#all(priority).filter((entry) => entry.since < time));
  }

  /** Removes everything. */
  drain(): Entry[] {
    return [...this.#answers.splice(0), ...PRIORITIES.flatMap((p) => this.#remove(this.#all(p)))];
  }

  #first(priority: Priority): Entry | undefined {
    for (const list of this.#levels[priority].lists.values()) return list[0];
    return undefined;
  }

  #all(priority: Priority): Entry[] {
    return [...this.#levels[priority].lists.values()].flat();
  }

  #remove(entries: Entry[]): Entry[] {
    for (const entry of entries) {
      const level = this.#levels[entry.outgoing.priority];
      const list = level.lists.get(keyOf(entry));
      list?.splice(list.indexOf(entry), 1);
      if (list?.length === 0) level.lists.delete(keyOf(entry));
      level.entries--;
      level.bytes -= entry.outgoing.estimatedBytes;
    }
    return entries;
  }
}

const windowOf = (entry: Entry): number => entry.outgoing.answerUntil ?? Number.POSITIVE_INFINITY;
