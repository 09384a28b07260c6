/** Judging a copy of the register file, taken in one transfer, against what it should hold. Pure. */
import type { RegisterValue } from './configuration.ts';
import type { FaultKind } from './faults.ts';
import { OpMode, Register, SNAPSHOT, VERSIONS } from './registers.ts';

/** The value of the register at `address` in a snapshot. */
export function registerOf(snapshot: Uint8Array, address: number): number {
  return snapshot[address - SNAPSHOT.first] as number;
}

/** Addresses whose verifiable bits differ from the configuration. */
export function differences(snapshot: Uint8Array, configured: readonly RegisterValue[]): number[] {
  return configured
    .filter((r) => ((registerOf(snapshot, r.address) ^ r.value) & r.verify) !== 0)
    .map((r) => r.address);
}

/**
 * What is wrong with a chip that should be in `opMode` with `configured` registers; undefined where nothing is.
 * A version that cannot be means that no chip was read; a plausible version over other registers, that it was reset.
 */
export function diagnose(
  snapshot: Uint8Array,
  opMode: number,
  configured: readonly RegisterValue[],
): FaultKind | undefined {
  if (!VERSIONS.includes(registerOf(snapshot, Register.Version))) return 'spi-garbage';
  if (differences(snapshot, configured).length > 0) return 'registers-lost';
  return sameMode(registerOf(snapshot, Register.OpMode), opMode) ? undefined : 'stuck-mode';
}

/** Whether two values of OpMode are the same modem in the same mode. */
export function sameMode(a: number, b: number): boolean {
  return ((a ^ b) & (OpMode.LongRange | OpMode.ModeMask)) === 0;
}
