/** One clock for all processes of a machine, so that timestamps can be compared between them. */
import { SystemClock } from '../../src/core/clock.ts';

export class HubClock extends SystemClock {
  /** The kernel's monotonic clock, ms since the machine was started. */
  override monotonic(): number {
    const [seconds, nanoseconds] = process.hrtime();
    return seconds * 1e3 + nanoseconds / 1e6;
  }
}
