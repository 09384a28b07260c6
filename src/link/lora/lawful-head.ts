/** Who is served next where the law has a say: which wait for the allowance, and which cannot wait so long. */
import type { Priority } from '../medium.ts';
import { type Entry, PRIORITIES, type Queue } from './queue.ts';

/**
 * Refused as `law` where the allowance would not do for longer. Control is stale by then, bulk asks again by itself; a
 * message waits for an hour and some, in which something has always grown old.
 */
const PATIENCE_MS: Record<Priority, number> = { 0: 60_000, 1: 3_900_000, 2: 1_800_000, 3: 600_000 };
/** While something waits for the allowance, what has waited too long is looked for so often. */
const LOOK_MS = 60_000;

/**
 * The entry that is next and lawful now, or when to ask again; undefined: nothing waits. `when` gives the earliest
 * time at which the law lets an entry go, undefined for never. Refuses those who would wait too long for that.
 */
export function lawfulHead(
  queue: Queue,
  when: (entry: Entry) => number | undefined,
  now: number,
): { readonly entry: Entry } | { readonly until: number } | undefined {
  const timeOf = (entry: Entry) => when(entry) ?? Number.POSITIVE_INFINITY;
  for (;;) {
    const entry = queue.head((bulk) => timeOf(bulk) <= now);
    if (!entry) return undefined;
    const at = timeOf(entry);
    if (at <= now) return { entry };
    if (refuseOlder(queue, (p) => now - PATIENCE_MS[p], 'law') > 0) continue;
    if (at <= entry.since + PATIENCE_MS[entry.outgoing.priority])
      return { until: Math.min(at, now + LOOK_MS) };
    queue.take(entry);
    entry.settle({ sent: false, refused: 'law' });
  }
}

/** Refuses what was submitted before the time of its priority; gives how many. */
export function refuseOlder(
  queue: Queue,
  before: (priority: Priority) => number,
  refused: 'law' | 'radio',
): number {
  const older = PRIORITIES.flatMap((p) => queue.takeOlder(p, before(p)));
  for (const entry of older) entry.settle({ sent: false, refused });
  return older.length;
}
