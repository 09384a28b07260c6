/**
 * Watches custody over a whole mesh, at every commit of every box, against what docs/protocol/store.md promises: an
 * object never lacks a holder before receipt or expiry, and each box is entered by offer at most once per stamp.
 */
import { toHex } from '../../src/core/bytes.ts';
import type { Holding } from '../../src/store/holding.ts';
import { newer, type Stamp } from '../../src/store/stamp.ts';
import type { Trace } from '../../src/store/trace.ts';

interface Seen {
  readonly state: Trace['state'];
  /** The newest under which the object came in. */
  readonly entered: Stamp | undefined;
}

interface Way {
  /** By box. */
  readonly at: Map<string, Seen>;
  /** Boxes that took custody, the writer's not counted; again where it came again. */
  entries: number;
  /** Times that the sender raised its attempt. */
  raised: number;
  over: boolean;
}

export class CustodyWatch {
  readonly violations: string[] = [];
  readonly #ways = new Map<string, Way>();
  readonly #written = new Map<string, string>();

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
    const way = this.#ways.get(lock) ?? { at: new Map<string, Seen>(), entries: 0, raised: 0, over: false };
    this.#ways.set(lock, way);
    const before = way.at.get(box);
    if (!before && holding.from === undefined) this.#written.set(box, lock);
    way.at.set(box, { state: trace.state, entered: this.#entered(box, holding, way, before) });
    if (trace.state === 'receipted' || trace.state === 'unreadable') way.over = true;
    if (before?.state === 'held' && trace.state === 'handed-on') this.#expectHolder(lock, box, way);
  }

  #entered(box: string, { from, trace }: Holding, way: Way, before: Seen | undefined): Stamp | undefined {
    if (trace.state !== 'held') return before?.entered;
    const { attempt, sequence } = trace;
    const stamp = { attempt, sequence };
    if (before?.state === 'held')
      return before.entered && newer(before.entered, stamp) ? before.entered : stamp;
    if (from === undefined) {
      if (before) way.raised += attempt > (before.entered?.attempt ?? 0) ? 1 : 0;
      return stamp;
    }
    const cameBack = before?.state === 'handed-on';
    if (before?.entered && !cameBack && !newer(stamp, before.entered))
      this.violations.push(`${box} was entered twice under attempt ${attempt}, sequence ${sequence}`);
    if (!cameBack) way.entries++;
    return stamp;
  }

  #expectHolder(lock: string, box: string, { at, over }: Way): void {
    if (over || [...at.values()].some(({ state }) => state === 'held')) return;
    this.violations.push(`${box} handed ${lock} on, and nobody holds it`);
  }
}
