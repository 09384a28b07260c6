/**
 * How much room the disk has, as a state with a name (docs/protocol/store.md, "The disk"). It is entered below one
 * bound and left above another, so that a file here or there does not make it change all the time.
 */
export const DISK_STATES = ['ok', 'tight', 'full', 'failed'] as const;
export type DiskState = (typeof DISK_STATES)[number];

/** Multiples of the reserve: below `enter` the state holds, until `leave` is reached again. */
const BOUNDS = { full: { enter: 1, leave: 1.25 }, tight: { enter: 2, leave: 2.5 } } as const;

/** The state after `before` where `free` bytes are left and `reserve` are to stay. Never `failed`. */
export function diskStateAfter(
  before: DiskState,
  free: number,
  reserve: number,
): Exclude<DiskState, 'failed'> {
  const isBelow = ({ enter, leave }: (typeof BOUNDS)['full' | 'tight'], within: boolean) =>
    free < reserve * (within ? leave : enter);
  if (isBelow(BOUNDS.full, before === 'full')) return 'full';
  return isBelow(BOUNDS.tight, before === 'tight' || before === 'full') ? 'tight' : 'ok';
}
