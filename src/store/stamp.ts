/**
 * How new a copy of an object is: the attempt its sender has raised, then the destination's sequence by which it was
 * routed (docs/protocol/store.md, "Travel").
 */

export interface Stamp {
  /** 0–255; only the sender raises it. */
  readonly attempt: number;
  /** u16, compared serially; 0 where none is known, older than every other. */
  readonly sequence: number;
}

/** Whether sequence `a` is newer than `b`: serial numbers (RFC 1982), but for 0. */
export function newerSequence(a: number, b: number): boolean {
  if (a === 0 || b === 0) return a !== 0 && b === 0;
  const ahead = (a - b) & 0xffff;
  return ahead !== 0 && ahead < 0x8000;
}

export function newer(a: Stamp, b: Stamp): boolean {
  return a.attempt !== b.attempt ? a.attempt > b.attempt : newerSequence(a.sequence, b.sequence);
}

export function newestOf(a: Stamp, b: Stamp): Stamp {
  const { attempt, sequence } = newer(a, b) ? a : b;
  return { attempt, sequence };
}

export function sameStamp(a: Stamp, b: Stamp): boolean {
  return a.attempt === b.attempt && a.sequence === b.sequence;
}
