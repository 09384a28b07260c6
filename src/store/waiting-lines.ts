/**
 * Where every held object stands: in its recipient's line, to be looked at or looked at in vain, or in the queue to a
 * neighbour. A line is gone through in the order of numbers, and how far is all that is remembered of those that wait:
 * a hundred thousand of them cost nothing here. Only a few of each recipient's objects are queued at a time, and only
 * so many are looked at in one go, so that such a recipient neither fills the queues nor stops the box.
 */
import type { Cancel, Clock } from '../core/clock.ts';

/** Objects of one recipient in queues at a time. */
const WINDOW = 16;
/** Objects looked at before everything else has its turn. */
const SLICE = 256;

interface Line {
  /** All up to this number have been looked at. */
  lookedTo: number;
  /** To be looked at although they stand before that. */
  readonly again: Set<number>;
  /** To be looked at although they are in queues: there may be a better one. */
  readonly anew: Set<number>;
  /** In queues to neighbours, or being handed over. */
  readonly lined: Set<number>;
}

interface Place {
  readonly line: Line;
  readonly recipient: string;
  /** Undefined while it is handed over. */
  queue: Set<number> | undefined;
}

export interface LineActions {
  /** The first object above `n` that is held for a recipient. */
  after(recipient: string, n: number): number | undefined;
  /** Decides on one object, and calls `park`, `line` or `remove`. */
  look(n: number): void;
}

export class WaitingLines {
  readonly #clock: Clock;
  readonly #actions: LineActions;
  readonly #lines = new Map<string, Line>();
  /** Of those in queues or in hand. */
  readonly #places = new Map<number, Place>();
  /** Recipients with objects to be looked at. */
  readonly #due = new Set<string>();
  #timer: Cancel | undefined;
  #working = false;

  constructor(clock: Clock, actions: LineActions) {
    this.#clock = clock;
    this.#actions = actions;
  }

  stop(): void {
    this.#timer?.();
    this.#due.clear();
  }

  /** It is held from now on. */
  add(recipient: string, n: number): void {
    const line = this.#line(recipient);
    if (n <= line.lookedTo && !this.#places.has(n)) line.again.add(n);
    this.#look(recipient);
  }

  /** All that is held for this recipient stands in line. */
  open(recipient: string): void {
    this.#line(recipient);
    this.#look(recipient);
  }

  /** It is held no longer. Where it stands to be looked at, that will be seen then. */
  remove(n: number): void {
    const recipient = this.#places.get(n)?.recipient;
    this.#release(n);
    if (recipient !== undefined) this.#look(recipient);
  }

  /** Nothing is held for this recipient any more. */
  close(recipient: string): void {
    this.#lines.delete(recipient);
    this.#due.delete(recipient);
  }

  /** Looks at one object again, at once. */
  again(n: number): void {
    this.#release(n);
    this.#actions.look(n);
  }

  /** Looks at all of a recipient's objects again, but for those that are being handed over. */
  wake(recipient: string): void {
    const line = this.#lines.get(recipient);
    if (!line) return;
    line.lookedTo = 0;
    line.again.clear();
    for (const n of line.lined) line.anew.add(n);
    this.#look(recipient);
  }

  /** Nothing can be done with it now. */
  park(recipient: string, n: number): void {
    this.#release(n);
    this.#look(recipient);
  }

  /** Whose line it stands in, while it is in a queue or handed over. */
  recipientOf(n: number): string | undefined {
    return this.#places.get(n)?.recipient;
  }

  /** It waits in a neighbour's queue. */
  line(recipient: string, n: number, queue: Set<number>): void {
    this.#release(n);
    const line = this.#line(recipient);
    line.again.delete(n);
    line.lined.add(n);
    this.#places.set(n, { line, recipient, queue });
    queue.add(n);
  }

  /** It is being handed over. */
  inHand(n: number): void {
    const place = this.#places.get(n);
    place?.queue?.delete(n);
    if (place) place.queue = undefined;
  }

  #line(recipient: string): Line {
    const known = this.#lines.get(recipient);
    if (known) return known;
    const line: Line = { lookedTo: 0, again: new Set(), anew: new Set(), lined: new Set() };
    this.#lines.set(recipient, line);
    return line;
  }

  /** It is in no queue and in no hand. */
  #release(n: number): void {
    const place = this.#places.get(n);
    if (!place) return;
    place.queue?.delete(n);
    place.line.lined.delete(n);
    place.line.anew.delete(n);
    this.#places.delete(n);
  }

  #look(recipient: string): void {
    this.#due.add(recipient);
    if (!this.#working && !this.#timer) this.#work();
  }

  #work(): void {
    this.#timer = undefined;
    this.#working = true;
    let left = SLICE;
    for (const recipient of this.#due) {
      this.#due.delete(recipient);
      const line = this.#lines.get(recipient);
      if (!line) continue;
      for (const n of line.anew) {
        if (left === 0) break;
        line.anew.delete(n);
        if (!this.#places.get(n)?.queue) continue;
        this.#actions.look(n);
        left--;
      }
      for (; left > 0 && line.lined.size < WINDOW; left--) {
        const n = this.#next(recipient, line);
        if (n === undefined) break;
        if (!this.#places.has(n)) this.#actions.look(n);
      }
      if (left > 0) continue;
      this.#due.add(recipient);
      break;
    }
    this.#working = false;
    if (this.#due.size > 0) this.#timer = this.#clock.after(0, () => this.#work());
  }

  /** Takes the next one to be looked at. */
  #next(recipient: string, line: Line): number | undefined {
    for (const n of line.again) {
      line.again.delete(n);
      return n;
    }
    const n = this.#actions.after(recipient, line.lookedTo);
    if (n !== undefined) line.lookedTo = n;
    return n;
  }
}
