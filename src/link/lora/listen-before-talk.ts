/** Where the law wants the channel heard before it is used: measured levels, whoever they come from. */
import type { Radio } from '../../../drivers/sx127x/radio.ts';
import type { Clock } from '../../core/clock.ts';

/** The channel must have been weaker than this for so long just before a transmission. */
export interface ListenRule {
  readonly thresholdDbm: number;
  readonly ms: number;
}

const BETWEEN_READINGS_MS = 1;
/** A channel that is not quiet by then is taken: the frame waits for another turn. */
const LONGEST_MS = 1000;

/** Listens until the rule is kept, and gives whether it is. Rejects with `RadioFault`. */
export async function listenBeforeTalk(
  radio: Pick<Radio, 'channel'>,
  clock: Clock,
  rule: ListenRule,
): Promise<boolean> {
  const begun = clock.monotonic();
  let quietSince: number | undefined;
  while (clock.monotonic() - begun < LONGEST_MS) {
    const readAt = clock.monotonic();
    const { rssiDbm } = await radio.channel();
    if (rssiDbm >= rule.thresholdDbm) quietSince = undefined;
    else {
      quietSince ??= clock.monotonic();
      // from the end of the first reading to the beginning of this one
      if (readAt - quietSince >= rule.ms) return true;
    }
    await clock.sleep(BETWEEN_READINGS_MS);
  }
  return false;
}
