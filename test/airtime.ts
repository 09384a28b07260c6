/** Who spends the air on what: frames by their kind. */
import type { Air } from '../drivers/sim/air.ts';
import { KIND } from '../src/link/frame.ts';

export type Kind = keyof typeof KIND;

/** From now on. */
export function contentKinds(air: Air) {
  const spent = new Map<number, { ms: number; frames: number }>();
  air.onTransmission.on((t) => {
    const kind = ((t.bytes[0] ?? 0) >> 3) & 7;
    const { frames, ms } = spent.get(kind) ?? { ms: 0, frames: 0 };
    spent.set(kind, { ms: ms + t.endMs - t.startMs, frames: frames + 1 });
  });
  const total = () => [...spent.values()].reduce((sum, s) => sum + s.ms, 0);
  return {
    /** ms on air. */
    get total() {
      return total();
    },
    /** Of all that was on air, 0 … 1. */
    share: (kind: Kind) => (spent.get(KIND[kind])?.ms ?? 0) / total(),
    frames: (kind: Kind) => spent.get(KIND[kind])?.frames ?? 0,
  };
}
