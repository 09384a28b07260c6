/**
 * Where every held object stands: in its recipient's line, to be looked at or parked until there is news, or in the
 * queue to a neighbour. Only a few of each recipient's objects are queued at a time, and only so many are looked at in
 * one go, so that a recipient with a hundred thousand of them neither fills the queues nor stops the box.
 */
import type { Cancel, Clock } from '../core/clock.ts';

/** Objects of one recipient in queues at a time. */
const WINDOW = 16;
/** Objects looked at before everything else has its turn. */
const SLICE = 256;

interface Line {
  /** To be looked at. */
  backlog: Set<number>;
  /** Looked at in vain. */
  parked: Set<number>;
  /** Told of, and not asked for: news of routes change nothing. */
  readonly aside: Set<number>;
  /** In queues to neighbours, or being handed over. */
  readonly lined: Set<number>;
}

interface Place {
  readonly recipient: string;
  readonly line: Line;
  /** Where it stands; undefined while it is handed over. */
  set: Set<number> | undefined;
}

export interface LineActions {
  /** Decides on one object, and calls `park`, `line` or `remove`. */
  look(n: number): void;
  /** Nothing is held for this recipient any more. */
  empty(recipient: string): void;
}

export class WaitingLines {
  readonly #clock: Clock;
  readonly #actions: LineActions;
  readonly #lines = new Map<string, Line>();
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

  add(recipient: string, n: number): void {
    if (this.#places.has(n)) return;
    const line = this.#lines.get(recipient) ?? {
      backlog: new Set<number>(),
      parked: new Set<number>(),
      aside: new Set<number>(),
      lined: new Set<number>(),
    };
    this.#lines.set(recipient, line);
    const place: Place = { recipient, line, set: undefined };
    this.#places.set(n, place);
    this.#move(n, place, line.backlog);
    this.#look(recipient);
  }

  remove(n: number): void {
    const place = this.#places.get(n);
    if (!place) return;
    const { line, recipient } = place;
    this.#move(n, place, undefined);
    line.lined.delete(n);
    this.#places.delete(n);
    if (line.backlog.size + line.parked.size + line.aside.size + line.lined.size > 0) this.#look(recipient);
    else if (this.#lines.delete(recipient)) this.#actions.empty(recipient);
  }

  /** Looks at one object again, at once. */
  again(n: number): void {
    const place = this.#places.get(n);
    if (!place) return;
    place.line.lined.delete(n);
    this.#move(n, place, place.line.backlog);
    this.#actions.look(n);
  }

  /** Looks at all of a recipient's parked ones again. */
  wake(recipient: string): void {
    const line = this.#lines.get(recipient);
    if (!line || line.parked.size === 0) return;
    if (line.backlog.size === 0) [line.backlog, line.parked] = [line.parked, line.backlog];
    else for (const n of line.parked) line.backlog.add(n);
    if (line.parked.size > 0) line.parked = new Set();
    this.#look(recipient);
  }

  /** Nothing can be done with it now. */
  park(n: number): void {
    const place = this.#places.get(n);
    if (!place) return;
    place.line.lined.delete(n);
    this.#move(n, place, place.line.parked);
    this.#look(place.recipient);
  }

  /** It is not to be looked at again before `recall`, or `again`. */
  setAside(n: number): void {
    const place = this.#places.get(n);
    if (!place) return;
    place.line.lined.delete(n);
    this.#move(n, place, place.line.aside);
    this.#look(place.recipient);
  }

  /** Looks at a recipient's objects that were set aside. */
  recall(recipient: string): void {
    const line = this.#lines.get(recipient);
    for (const n of [...(line?.aside ?? [])]) {
      const place = this.#places.get(n);
      if (line && place) this.#move(n, place, line.backlog);
    }
    if (line) this.#look(recipient);
  }

  /** It waits in a neighbour's queue. */
  line(n: number, queue: Set<number>): void {
    const place = this.#places.get(n);
    if (!place) return;
    place.line.lined.add(n);
    this.#move(n, place, queue);
  }

  /** It is being handed over. */
  inHand(n: number): void {
    const place = this.#places.get(n);
    if (place) this.#move(n, place, undefined);
  }

  #move(n: number, place: Place, to: Set<number> | undefined): void {
    // a line's two sets may have changed places since
    place.set?.delete(n);
    place.line.backlog.delete(n);
    place.line.parked.delete(n);
    place.line.aside.delete(n);
    place.set = to;
    to?.add(n);
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
      for (; line && left > 0 && line.lined.size < WINDOW; left--) {
        const [n] = line.backlog;
        if (n === undefined) break;
        this.#actions.look(n);
      }
      if (left > 0) continue;
      if (line && line.backlog.size > 0) this.#due.add(recipient);
      break;
    }
    this.#working = false;
    if (this.#due.size > 0) this.#timer = this.#clock.after(0, () => this.#work());
  }
}
