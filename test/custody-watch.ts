/**
 * Watches custody over a whole world, at every commit of every box, against what docs/protocol/store.md promises: an
 * object never lacks a holder before receipt or expiry, and each box is entered by offer at most once per stamp.
 */
import { toHex } from '../src/core/bytes.ts';
import type { Clock } from '../src/core/clock.ts';
import { minutesOf } from '../src/core/log-byte.ts';
import { type Holding, hasBytes } from '../src/store/holding.ts';
import { newer, type Stamp } from '../src/store/stamp.ts';
import type { Trace } from '../src/store/trace.ts';

/** Writers start with a random age of up to so much of the ttl, so that age does not betray them. */
const LEAST_LIFE = 0.7;
const MINUTE = 60_000;

interface Seen {
  readonly trace: Trace;
  /** Its bytes are here: it is held, or the writer keeps its copy. */
  readonly hasBytes: boolean;
  /** The newest stamp under which the object came in. */
  readonly entered: Stamp | undefined;
}

interface Way {
  /** When it was written, or first seen. */
  readonly since: number;
  /** By box. */
  readonly at: Map<string, Seen>;
  /** Boxes that took custody, the writer's not counted; again where it came again. */
  entries: number;
  /** Times that the sender raised its attempt. */
  raised: number;
  /** Its receipt, or the word that it is unreadable, is known somewhere. */
  over: boolean;
}

export class CustodyWatch {
  readonly violations: string[] = [];
  readonly #clock: Pick<Clock, 'monotonic'>;
  readonly #ways = new Map<string, Way>();
  readonly #written = new Map<string, string>();

  constructor(clock: Pick<Clock, 'monotonic'>) {
    this.#clock = clock;
  }

  /** Lock (in hex) of what was written last at a box. */
  lastWritten(box: string): string | undefined {
    return this.#written.get(box);
  }

  /** Hand-overs to relays of the object with this lock (in hex), and attempts raised. */
  way(lock: string): Pick<Way, 'entries' | 'raised'> {
    const { entries, raised } = this.#ways.get(lock) ?? { entries: 0, raised: 0 };
    return { entries, raised };
  }

  /** A trace has become durable at a box. */
  trace(box: string, holding: Holding): void {
    const { trace } = holding;
    const lock = toHex(holding.lock);
    const way = this.#wayOf(lock);
    const before = way.at.get(box);
    if (!before && holding.from === undefined) this.#written.set(box, lock);
    const entered = this.#entered(box, holding, way, before);
    way.at.set(box, { trace, hasBytes: hasBytes(holding), entered });
    if (trace.state === 'receipted' || trace.state === 'unreadable') way.over = true;
    if (way.over || before?.trace.state !== 'held') return;
    const seen = [...way.at.values()];
    if (trace.state === 'handed-on' && !seen.some((s) => s.trace.state === 'held'))
      this.violations.push(`${box} handed ${lock} on, and nobody holds it`);
    // what strangers do not pay for may go, but never the last copy
    if (trace.state === 'dropped' && !seen.some((s) => s.hasBytes))
      this.violations.push(`${box} dropped ${lock}, and nobody has it any more`);
  }

  /** A trace has been removed at a box, durably. */
  removed(box: string, holding: Holding): void {
    const lock = toHex(holding.lock);
    const way = this.#wayOf(lock);
    way.at.delete(box);
    const lives = LEAST_LIFE * (minutesOf(holding.ttl) ?? 0) * MINUTE;
    if (this.#clock.monotonic() - way.since < lives)
      this.violations.push(`${box} forgot ${lock} before it had expired`);
  }

  #wayOf(lock: string): Way {
    const known = this.#ways.get(lock);
    if (known) return known;
    const way = { since: this.#clock.monotonic(), at: new Map(), entries: 0, raised: 0, over: false };
    this.#ways.set(lock, way);
    return way;
  }

  #entered(box: string, { from, trace }: Holding, way: Way, before: Seen | undefined): Stamp | undefined {
    if (trace.state !== 'held') return before?.entered;
    const { attempt, sequence } = trace;
    const stamp = { attempt, sequence };
    if (before?.trace.state === 'held')
      return before.entered && newer(before.entered, stamp) ? before.entered : stamp;
    if (from === undefined) {
      if (before) way.raised += attempt > (before.entered?.attempt ?? 0) ? 1 : 0;
      return stamp;
    }
    if (before && wasReturned(before.trace, trace)) return stamp;
    if (before?.entered && !newer(stamp, before.entered))
      this.violations.push(`${box} was entered twice under attempt ${attempt}, sequence ${sequence}`);
    way.entries++;
    return stamp;
  }
}

/** Whoever gives it back is not offered it again under this stamp; whoever offers it is a giver from then on. */
function wasReturned(before: Trace, now: Trace): boolean {
  if (before.state !== 'handed-on' || now.state !== 'held') return false;
  const isSeen = (trace: typeof before | typeof now, neighbour: string | undefined) =>
    trace.tried.some((t) => t.neighbour === neighbour && t.reason === 'seen');
  const returner = now.tried.at(-1)?.neighbour;
  const hasNewGiver = now.givers.at(-1) !== before.givers.at(-1) || now.givers.length > before.givers.length;
  return isSeen(now, returner) && !isSeen(before, returner) && !hasNewGiver;
}
