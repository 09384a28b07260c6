/** The receiver's own account of what it is in the middle of, with the false detections taken out. */
import type { ChannelState } from './radio.ts';
import { ModemStat } from './registers.ts';
import { headerMs, type Modulation, timeOnAirMs } from './time-on-air.ts';

type Activity = ChannelState['activity'];

/** What `ModemStat` says. */
export function activityOf(modemStat: number): Activity {
  if (modemStat & ModemStat.HeaderValid) return 'frame';
  if (modemStat & (ModemStat.SignalDetected | ModemStat.SignalSynchronized)) return 'preamble';
  return 'clear';
}

/**
 * A detection that lasts longer than what it claims to be is noise that looked like a preamble, or a receiver that
 * hangs: it ages out. Sightings further apart than that duration are taken for two.
 */
export class ActivityAge {
  readonly #longest: Record<Activity, number>;
  #seen: Activity = 'clear';
  #since = 0;
  #last = 0;

  constructor(modulation: Modulation) {
    const slack = 1.25;
    this.#longest = {
      clear: 0,
      preamble: slack * headerMs(modulation),
      frame: slack * timeOnAirMs(modulation, 255),
    };
  }

  /** Whether `activity`, seen now and without a break before, can no longer be what it claims. */
  expired(activity: Activity, now: number): boolean {
    const longest = this.#longest[activity];
    if (activity !== this.#seen || now - this.#last > longest) this.#since = now;
    this.#seen = activity;
    this.#last = now;
    return activity !== 'clear' && now - this.#since > longest;
  }
}
