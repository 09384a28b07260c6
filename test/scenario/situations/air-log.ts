/** What was on the air, for the two promises that hold in every situation: the law, and the budget of routing. */
import type { Air } from '../../../drivers/sim/air.ts';
import { busiestHour, kindOf, ROUTING } from '../../airtime.ts';

export const HOUR = 3_600_000;
/** EU868's 10 % of an hour, ms. */
export const ALLOWED_MS = 360_000;

interface Frame {
  readonly from: string;
  readonly kind: number;
  readonly at: number;
  readonly ms: number;
  readonly bytes: Uint8Array;
}

/** Every frame from now on, in the order of their ends. */
export class AirLog {
  readonly frames: Frame[] = [];

  constructor(air: Air) {
    air.onTransmission.on((t) => {
      const { bytes, endMs, from, startMs } = t;
      this.frames.push({ from, kind: kindOf(t), at: startMs, ms: endMs - startMs, bytes: bytes.slice() });
    });
  }

  /** The most that one box was on air in any hour, ms. */
  busiestHourMs(from: string): number {
    return busiestHour(this.frames.filter((f) => f.from === from));
  }

  /** ms on air of those named, between two times. */
  spentMs(
    from: readonly string[],
    {
      kinds,
      since = 0,
      until = Infinity,
    }: { kinds?: ReadonlySet<number>; since?: number; until?: number } = {},
  ): number {
    return this.frames
      .filter((f) => from.includes(f.from) && f.at >= since && f.at < until && (kinds?.has(f.kind) ?? true))
      .reduce((sum, f) => sum + f.ms, 0);
  }

  /** Share of the time between two moments that those named spent on routing, of all that one hears. */
  routingShare(from: readonly string[], since: number, until: number): number {
    return this.spentMs(from, { kinds: ROUTING, since, until }) / (until - since);
  }
}
