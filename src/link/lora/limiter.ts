/**
 * The law, below everything (docs/protocol/link.md, "The law"): whoever transmits does it through here, and nobody
 * else holds the transceiver's `transmit`. Airtime within any hour, the length of one transmission, and a record on
 * disk that no reboot forgets.
 *
 * The record is written ahead: a block of airtime is on disk as spent before the first frame out of it is on the air,
 * so a frame costs no commit. After a crash the whole of an open block counts as spent at the moment of starting.
 * Nobody knows how long the box was off (it may have no clock that runs on), so ages are counted in time that it was
 * known to run: they may come out too young, never too old. While anything counts the record is renewed now and then,
 * lest a box that keeps losing its power never grows older.
 */
import type { SubBand } from '../../../board/regions.ts';
import type { Radio, TransmitReport } from '../../../drivers/sx127x/radio.ts';
import { type Cancel, type Clock, every } from '../../core/clock.ts';
import type { Counters } from '../../core/counters.ts';
import { DamagedRecord, StorageFailed } from '../../db/db.ts';
import type { Priority } from '../medium.ts';
import { HOUR_MS, Ledger, microsOf, type Spent } from './ledger.ts';
import { listenBeforeTalk } from './listen-before-talk.ts';

/** What of a sub-band's rules the limiter holds to; what the region does not limit is absent. */
export type Limits = Pick<SubBand, 'fromHz' | 'toHz' | 'dutyCycle' | 'dwellMs' | 'listenBeforeTalk'>;

/** What is known on disk of a sub-band's last hour. Times are ms that the box has run, over all its starts. */
export interface Allowance {
  /** At the moment of writing. */
  readonly ranMs: number;
  readonly spent: readonly Spent[];
  /** µs that may have been sent since. */
  readonly reserved: number;
}

export interface AllowanceStore {
  load(band: string): Allowance | undefined;
  /** Resolves when durable; rejects with `StorageFailed`. */
  save(band: string, allowance: Allowance): Promise<void>;
}

/** `transmit` is given to nobody else. */
export type Transmitter = Pick<Radio, 'transmit' | 'channel'>;

/** Nothing was sent: the law wants silence before a transmission, and there was none for long. */
export class ChannelTaken extends Error {
  override name = 'ChannelTaken';
}

/** What each priority may bring the hour's total to: bulk stops first, control and a burst under way never before the law. */
const SHARES: Record<Priority, number> = { 0: 1, 1: 0.95, 2: 0.85, 3: 0.7 };

const BLOCKS_AN_HOUR = 32;
const RENEW_MS = 600_000;
const LONGEST_FRAME = 255;

export class Limiter {
  readonly #transmitter: Transmitter;
  readonly #limits: Limits;
  readonly #airtime: (bytes: number) => number;
  readonly #store: AllowanceStore;
  readonly #clock: Clock;
  readonly #counters: Counters;
  readonly #ledger = new Ledger();
  /** Whose allowance is counted, as it is called on disk. */
  readonly #band: string;
  /** µs, Infinity without a duty cycle; `block` is what is reserved at a time. */
  readonly #allowance: number;
  readonly #block: number;
  /** `clock.monotonic()` at which the box would have started, had it never been off. */
  readonly #origin: number;
  /** µs on disk as spent that are not. */
  #reserved = 0;
  #onAir = 0;
  #saving: Promise<void> | undefined;
  readonly #cancelRenewal: Cancel;

  /** `airtime`: ms on air of so many bytes with the transmitter's settings. Reads the record, writes nothing. */
  constructor(
    transmitter: Transmitter,
    limits: Limits,
    airtime: (bytes: number) => number,
    store: AllowanceStore,
    { clock, counters }: { readonly clock: Clock; readonly counters: Counters },
  ) {
    this.#transmitter = transmitter;
    this.#limits = limits;
    this.#airtime = airtime;
    this.#store = store;
    this.#clock = clock;
    this.#counters = counters;
    this.#band = `${limits.fromHz}-${limits.toHz}`;
    const { dutyCycle } = limits;
    // 0.1 % of an hour is a whole number of µs, its product with a binary fraction is not
    this.#allowance =
      dutyCycle === undefined ? Number.POSITIVE_INFINITY : Math.floor(dutyCycle * HOUR_MS * 1000 + 1e-3);
    this.#block = Math.max(Math.ceil(this.#allowance / BLOCKS_AN_HOUR), microsOf(airtime(LONGEST_FRAME)));
    const now = clock.monotonic();
    const known = this.#limited ? this.#known() : undefined;
    this.#origin = now - (known?.ranMs ?? 0);
    for (const { at, micros } of known?.spent ?? [])
      this.#ledger.add({ at: Math.min(this.#origin + at, now), micros });
    if (known && known.reserved > 0) this.#ledger.add({ at: now, micros: known.reserved });
    this.#cancelRenewal = every(clock, RENEW_MS, () => this.#renew());
  }

  /** Of a record that cannot be read, the worst is assumed. */
  #known(): Allowance | undefined {
    try {
      return this.#store.load(this.#band);
    } catch (e) {
      if (!(e instanceof DamagedRecord)) throw e;
      this.#counters.count('link.allowance-damaged');
      return { ranMs: 0, spent: [], reserved: this.#allowance };
    }
  }

  /** ms on air within the last hour, as far as the law counts. */
  get usedMs(): number {
    return (this.#ledger.spent(this.#clock.monotonic()) + this.#onAir) / 1000;
  }

  /** ms allowed in any hour; undefined where the region sets no duty cycle. */
  get allowedMs(): number | undefined {
    return this.#limited ? this.#allowance / 1000 : undefined;
  }

  /**
   * The earliest time at which something of `priority` and this airtime may go on the air: `now` or later, or
   * undefined for never. `begun`: the next frame of a burst under way, which may use what the law allows.
   */
  when(
    airtimeMs: number,
    priority: Priority | 'begun',
    now: number = this.#clock.monotonic(),
  ): number | undefined {
    if (this.#limits.dwellMs !== undefined && airtimeMs > this.#limits.dwellMs) return undefined;
    if (!this.#limited) return now;
    const share = priority === 'begun' ? 1 : SHARES[priority];
    const room = Math.floor(share * this.#allowance) - microsOf(airtimeMs) - this.#onAir;
    return room < 0 ? undefined : this.#ledger.whenAtMost(room, now);
  }

  /** Resolves when as much airtime is reserved on disk; rejects with `StorageFailed`. */
  async prepare(airtimeMs: number): Promise<void> {
    if (!this.#limited) return;
    while (this.#reserved < microsOf(airtimeMs)) await this.#reserve(this.#block);
  }

  /**
   * Sends a frame. Rejects with `StorageFailed` where the airtime cannot be written down, with `ChannelTaken`, and
   * with `RadioFault`, upon which the frame counts as sent. Where `when` does not say now that is the caller's mistake.
   */
  async transmit(bytes: Uint8Array): Promise<TransmitReport> {
    const airtimeMs = this.#airtime(bytes.length);
    const micros = microsOf(airtimeMs);
    await this.prepare(airtimeMs);
    const { listenBeforeTalk: rule } = this.#limits;
    if (rule && !(await listenBeforeTalk(this.#transmitter, this.#clock, rule)))
      throw new ChannelTaken(`the channel is not weaker than ${rule.thresholdDbm} dBm`);
    const lawful = this.when(airtimeMs, 'begun');
    if (this.#onAir > 0 || lawful === undefined || lawful > this.#clock.monotonic())
      throw new Error(`a frame of ${airtimeMs} ms on air is not allowed now`);
    this.#onAir = micros;
    try {
      return await this.#transmitter.transmit(bytes);
    } finally {
      this.#onAir = 0;
      this.#ledger.add({ at: this.#clock.monotonic(), micros });
      this.#reserved -= micros;
      // early enough that the disk is done before an answer is due
      if (this.#limited && this.#reserved < this.#block / 2) this.#background(this.#reserve(this.#block));
    }
  }

  /** Gives back what was reserved and not used. Nothing is sent after it. */
  async close(): Promise<void> {
    this.#cancelRenewal();
    await this.#saving?.catch(() => {});
    this.#reserved = 0;
    if (this.#counts) await this.#save(0);
  }

  get #limited(): boolean {
    return this.#limits.dutyCycle !== undefined;
  }

  /** There is something to write down. */
  get #counts(): boolean {
    return this.#limited && this.#ledger.spent(this.#clock.monotonic()) > 0;
  }

  #renew(): void {
    if (this.#counts) this.#background(this.#reserve(this.#reserved));
  }

  /** A save that nobody waits for: whoever needs it next meets the same error. */
  #background(save: Promise<void>): void {
    save.catch((e) => {
      if (!(e instanceof StorageFailed)) throw e;
    });
  }

  /** Writes the record with `micros` reserved in all; one at a time, a second caller waits for the first one's. */
  #reserve(micros: number): Promise<void> {
    this.#saving ??= this.#reserveNow(micros).finally(() => {
      this.#saving = undefined;
    });
    return this.#saving;
  }

  async #reserveNow(micros: number): Promise<void> {
    const more = Math.max(micros - this.#reserved, 0);
    await this.#save(this.#reserved + more);
    this.#reserved += more;
  }

  async #save(reserved: number): Promise<void> {
    const now = this.#clock.monotonic();
    const spent = this.#ledger
      .summary(now, this.#block)
      .map(({ at, micros }) => ({ at: Math.max(at - this.#origin, 0), micros }));
    try {
      await this.#store.save(this.#band, { ranMs: now - this.#origin, spent, reserved });
    } catch (e) {
      this.#counters.count('link.allowance-not-saved');
      throw e;
    }
  }
}
