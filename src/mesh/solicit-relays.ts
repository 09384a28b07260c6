/** Solicits of others that this box passes on, unless enough of its neighbours do (docs/protocol/mesh.md, "Solicit"). */
import type { Cancel, Clock } from '../core/clock.ts';
import type { Counters } from '../core/counters.ts';
import { type Random, uniform } from '../core/random.ts';
import type { Link } from '../link/link.ts';
import type { OpenSolicit } from './open-solicits.ts';
import type { PacedLink } from './paced-link.ts';
import { encodeSolicit, MOST_ENTRIES, type SolicitEntry, solicitLength } from './solicit.ts';

/** A rebroadcast waits for a random time within so many of its airtimes. */
const SPREAD = 20;
/** So many may wait for the budget, on each medium. */
const MOST_RELAYS = 2 * MOST_ENTRIES;

interface Relay {
  readonly open: OpenSolicit;
  /** Sent by so many others, it need not be passed on. */
  readonly enough: number;
}

export interface SolicitRelaysOptions {
  readonly link: Pick<Link, 'airtime' | 'media' | 'shared'>;
  readonly paced: PacedLink;
  /** How many are heard here that are not linked. */
  readonly strangers: () => number;
  /** What is passed on of it. */
  readonly entryOf: (open: OpenSolicit) => SolicitEntry;
  readonly clock: Clock;
  readonly random: Random;
  readonly counters: Counters;
}

export class SolicitRelays {
  readonly #o: SolicitRelaysOptions;
  #timer: Cancel | undefined;
  /** By medium: what is to be passed on there, and where that waits for the budget. */
  readonly #waiting = new Map<string, Relay[]>();
  readonly #sending = new Set<string>();

  constructor(options: SolicitRelaysOptions) {
    this.#o = options;
  }

  stop(): void {
    this.#timer?.();
  }

  /** Passes it on, unless `enough` others have sent it by then. */
  add(open: OpenSolicit, enough: number): void {
    const { clock, counters, link, random } = this.#o;
    for (const { name } of link.media) {
      const waiting = this.#on(name).filter((r) => r.open !== open);
      if (waiting.length < MOST_RELAYS) this.#waiting.set(name, [...waiting, { open, enough }]);
      else counters.count('mesh.over-budget');
    }
    const wait = SPREAD * (link.airtime(solicitLength(1)) ?? 0) * uniform(random);
    this.#timer ??= clock.after(wait, () => {
      this.#timer = undefined;
      for (const { name } of link.media) void this.#send(name);
    });
  }

  /** Once there is room in the budget, those that nobody else has passed on meanwhile. */
  async #send(medium: string): Promise<void> {
    if (this.#sending.has(medium)) return;
    this.#sending.add(medium);
    for (;;) {
      let sent: Relay[] = [];
      const frame = () => {
        sent = this.#on(medium).slice(0, MOST_ENTRIES);
        return sent.length > 0 ? this.#frameOf(sent) : undefined;
      };
      const key = `solicits ${medium}`;
      const isOut = await this.#o.paced.call({ key, medium, trusted: false, need: 'now', frame });
      this.#waiting.set(medium, isOut ? this.#on(medium).filter((r) => !sent.includes(r)) : []);
      if (this.#on(medium).length === 0) break;
    }
    this.#sending.delete(medium);
  }

  #on(medium: string): Relay[] {
    const { strangers } = this.#o;
    return (this.#waiting.get(medium) ?? []).filter(
      ({ enough, open }) => open.copies.count(strangers) < enough,
    );
  }

  #frameOf(relays: readonly Relay[]): Uint8Array {
    const { entryOf, link } = this.#o;
    return encodeSolicit({ from: link.shared.index, entries: relays.map(({ open }) => entryOf(open)) });
  }
}
