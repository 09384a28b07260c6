/** The channel as one box senses it: the access rules joined to the receiver they ask, and what is learned on the way. */
import {
  type ChannelState,
  type LoraSettings,
  type Radio,
  RadioFault,
} from '../../../drivers/sx127x/radio.ts';
import { symbolMs, timeOnAirMs } from '../../../drivers/sx127x/time-on-air.ts';
import { type Cancel, type Clock, every } from '../../core/clock.ts';
import type { Counters } from '../../core/counters.ts';
import type { Log } from '../../core/log.ts';
import { below, type Random } from '../../core/random.ts';
import { Access, type Sense, type Sight, type Wait, type Won } from './access.ts';
import { NoiseFloor } from './noise-floor.ts';
import { Occupancy } from './occupancy.ts';

export interface ChannelParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly counters: Counters;
  readonly log: Log;
}

/** Far enough above the noise floor to be somebody. */
const LOUD_DB = 10;
const SAMPLE_MS = 5000;
/** Of a frame that answers: ack, bitmap, custody, receipt, Noise message 2 (docs/protocol/link.md). */
const ANSWER_BYTES = 64;
const LONGEST_FRAME = 255;

export class Channel {
  readonly #radio: Pick<Radio, 'channel' | 'detect'>;
  readonly #clock: Clock;
  readonly #counters: Counters;
  readonly #log: Log;
  readonly #access: Access;
  readonly #floor = new NoiseFloor();
  readonly #occupancy = new Occupancy();
  readonly #cancel: Cancel;
  #transmitting = false;

  constructor(radio: Pick<Radio, 'channel' | 'detect'>, settings: LoraSettings, parts: ChannelParts) {
    const { clock, random, counters, log } = parts;
    this.#radio = radio;
    this.#clock = clock;
    this.#counters = counters;
    this.#log = log;
    this.#access = new Access(
      {
        slotMs: 4 * symbolMs(settings) + 10,
        answerMs: timeOnAirMs(settings, ANSWER_BYTES),
        longestMs: timeOnAirMs(settings, LONGEST_FRAME),
      },
      (slots) => below(random, slots),
      (sense) => this.#disbelieve(sense),
    );
    this.#cancel = every(clock, SAMPLE_MS, () => this.#sample());
  }

  /** Share of the last hour in which somebody was on the channel, this box included. */
  get occupancy(): number | undefined {
    return this.#occupancy.share;
  }

  get noiseFloorDbm(): number | undefined {
    return this.#floor.dbm;
  }

  /** One step towards the channel, for something that waits: won, or not before a time. Rejects with `RadioFault`. */
  async contend(): Promise<Wait | Won> {
    const begun = this.#access.step(this.#clock.monotonic());
    if (begun.kind === 'wait') return begun;
    const looked = this.#access.looked(await this.#look(), this.#clock.monotonic());
    if (looked.kind !== 'detect') return looked;
    return this.#access.detected(await this.#radio.detect(), this.#clock.monotonic());
  }

  /** The grant was used, or nothing waits for one any more. */
  done(): void {
    this.#access.done();
  }

  heard(firstByte: number, airtimeMs: number, at: number): void {
    this.#access.heard(firstByte, airtimeMs, at);
  }

  /** Runs `transmit`, and takes what it sent into account. */
  async speak<T extends { readonly endedAt: number; readonly airtimeMs: number }>(
    firstByte: number,
    transmit: () => Promise<T>,
  ): Promise<T> {
    this.#transmitting = true;
    try {
      const report = await transmit();
      this.#access.sent(firstByte, report.airtimeMs, report.endedAt);
      return report;
    } finally {
      this.#transmitting = false;
    }
  }

  stop(): void {
    this.#cancel();
  }

  async #look(): Promise<Sight> {
    const { activity, rssiDbm } = await this.#radio.channel();
    return this.#sight(activity, rssiDbm);
  }

  #sight(activity: ChannelState['activity'], rssiDbm: number): Sight {
    const floor = this.#floor.dbm;
    return { receiving: activity !== 'clear', loud: floor !== undefined && rssiDbm > floor + LOUD_DB };
  }

  async #sample(): Promise<void> {
    if (this.#transmitting) return this.#occupancy.add(true);
    try {
      const { activity, rssiDbm } = await this.#radio.channel();
      // from here only: a grant that waits looks so often that a single long frame would become the floor
      if (activity === 'clear') this.#floor.add(rssiDbm);
      const { receiving, loud } = this.#sight(activity, rssiDbm);
      this.#occupancy.add(receiving || loud);
    } catch (e) {
      // the driver is at it, and tells
      if (!(e instanceof RadioFault)) throw e;
    }
  }

  #disbelieve(sense: Sense): void {
    this.#counters.count(`link.disbelieved-${sense}`);
    this.#log.warn(
      { sense },
      'the channel has seemed busy for longer than anything lasts: going on without it',
    );
  }
}
