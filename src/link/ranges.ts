/** Which bytes of a content are here: disjoint ranges [from, to), in order, none touching the next. */

export type ByteRange = readonly [from: number, to: number];

/** `ranges` with [from, to) added. */
export function withRange(ranges: readonly ByteRange[], from: number, to: number): ByteRange[] {
  const apart = ranges.filter(([f, t]) => t < from || f > to);
  const touched = ranges.filter(([f, t]) => t >= from && f <= to);
  const joined: ByteRange = [
    Math.min(from, ...touched.map(([f]) => f)),
    Math.max(to, ...touched.map(([, t]) => t)),
  ];
  return [...apart, joined].sort((a, b) => a[0] - b[0]);
}

/** Whether all of [from, to) is in one of `ranges`. */
export function covers(ranges: readonly ByteRange[], from: number, to: number): boolean {
  return ranges.some(([f, t]) => f <= from && to <= t);
}
