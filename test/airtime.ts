/** Who spends the air on what: frames by their kind. */
import type { Air } from '../drivers/sim/air.ts';
import { KIND } from '../src/link/frame.ts';

export type Kind = keyof typeof KIND;

const HOUR = 3_600_000;

/** Kinds of frames that are routing by themselves. */
export const ROUTING: ReadonlySet<number> = new Set([
  KIND.beacon,
  KIND.announce,
  KIND.handshake,
  KIND.solicit,
  KIND.shared,
]);

/** The kind that the first byte of a frame says. */
export function kindOf({ bytes }: { readonly bytes: Uint8Array }): number {
  return ((bytes[0] ?? 0) >> 3) & 7;
}

/** The most airtime within any hour, ms, of frames in the order of their starts. */
export function busiestHour(spent: readonly { readonly at: number; readonly ms: number }[]): number {
  let [most, sum, first] = [0, 0, 0];
  for (const { at, ms } of spent) {
    sum += ms;
    for (let old = spent[first]; old && old.at <= at - HOUR; old = spent[++first]) sum -= old.ms;
    most = Math.max(most, sum);
  }
  return most;
}

/** From now on. */
export function contentKinds(air: Air) {
  const spent = new Map<number, { ms: number; frames: number }>();
  air.onTransmission.on((t) => {
    const kind = kindOf(t);
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
