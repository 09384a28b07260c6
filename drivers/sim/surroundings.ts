/** Everything in the air around one antenna, and how a receiver with certain settings perceives it. */
import { type Random, uniform } from '../../src/core/random.ts';
import { type Modulation, NOISE_FIGURE_DB, noiseFloorDbm, symbolMs } from './modulation.ts';
import { marginDb, preambleHeard } from './reception.ts';
import { type Arrival, silentMs, type Transmission } from './transmission.ts';

/** How the receiver is set at this moment. */
export interface ReceiverSettings {
  readonly modulation: Modulation;
  /** Where the synthesizer stands, crystal error included. */
  readonly carrierHz: number;
  /** Of the frames in implicit-header mode. */
  readonly implicitLength: number;
  /** An explicit header that announces more is taken for damaged. */
  readonly maxLength: number;
  /** Worse than the datasheet's sensitivity by this. */
  readonly desensitizedDb: number;
  /** Whether the detector's registers suit the spreading factor. */
  readonly detectorFits: boolean;
  /** Nothing gets past the front end: a fault. */
  readonly deaf: boolean;
}

/** The demodulator follows a carrier within a quarter of the bandwidth. */
const CARRIER_TOLERANCE = 0.25;

/** Symbols of preamble before the modem reports a signal. */
const SYMBOLS_TO_DETECT = 4;

/** What CAD sees of payload, whose chirps rarely start where a preamble's would. */
const CAD_PAYLOAD_CHANCE = 0.1;
const CAD_FALSE_ALARM = 0.001;

/** In dB above what a spreading factor needs: down to here its preamble is noticed as often as not. */
const PREAMBLE_MARGIN_DB = -2;

export class Surroundings {
  #arrivals: Arrival[] = [];

  /** What is or was in the air lately: everything that overlaps with something still under way. */
  get arrivals(): readonly Arrival[] {
    return this.#arrivals;
  }

  add(arrival: Arrival): void {
    this.#forget(arrival.transmission.startMs);
    this.#arrivals.push(arrival);
  }

  /** Whether a preamble that such a receiver, on since `sinceMs`, can follow is being heard. */
  preambleUnderWay(settings: ReceiverSettings, sinceMs: number, nowMs: number): boolean {
    if (settings.deaf) return false;
    const needed = SYMBOLS_TO_DETECT * symbolMs(settings.modulation);
    return this.#arrivals.some(
      (a) =>
        Math.max(a.transmission.startMs, sinceMs) + needed <= nowMs &&
        nowMs < Math.min(a.transmission.preambleEndMs, a.transmission.cutMs) &&
        sameChirp(settings, a.transmission) &&
        marginOf(a, settings) > PREAMBLE_MARGIN_DB,
    );
  }

  /** Noise and all signals in the band together, dBm. */
  powerDbm(settings: ReceiverSettings, nowMs: number): number {
    const { modulation, carrierHz, deaf } = settings;
    let sum = 10 ** (noiseFloorDbm(modulation.bandwidthHz, NOISE_FIGURE_DB) / 10);
    if (!deaf)
      for (const { transmission: t, powerDbm } of this.#arrivals)
        if (
          t.startMs <= nowMs &&
          nowMs < silentMs(t) &&
          Math.abs(t.carrierHz - carrierHz) < (t.modulation.bandwidthHz + modulation.bandwidthHz) / 2
        )
          sum += 10 ** (powerDbm / 10);
    return 10 * Math.log10(sum);
  }

  /** Channel activity detection over [fromMs, toMs]: sees preambles, and payload now and then. */
  activity(settings: ReceiverSettings, random: Random, fromMs: number, toMs: number): boolean {
    if (!settings.deaf)
      for (const a of this.#arrivals) {
        const t = a.transmission;
        if (t.startMs > fromMs || silentMs(t) < toMs || !sameChirp(settings, t)) continue;
        const heard = preambleHeard(random, marginOf(a, settings));
        if (heard && (toMs <= t.preambleEndMs || uniform(random) < CAD_PAYLOAD_CHANCE)) return true;
      }
    return uniform(random) < CAD_FALSE_ALARM;
  }

  /** Lets go of arrivals that overlap with nothing still under way at `nowMs`. */
  #forget(nowMs: number): void {
    let oldest = nowMs;
    for (const { transmission: t } of this.#arrivals)
      if (t.endMs >= nowMs) oldest = Math.min(oldest, t.startMs);
    if (this.#arrivals.some((a) => a.transmission.endMs < oldest))
      this.#arrivals = this.#arrivals.filter((a) => a.transmission.endMs >= oldest);
  }
}

/** The noise a receiver with these settings has to do with, dBm. */
export function noiseOf(settings: ReceiverSettings): number {
  return noiseFloorDbm(settings.modulation.bandwidthHz, NOISE_FIGURE_DB + settings.desensitizedDb);
}

/** How far above the required SNR an arrival is, dB. */
export function marginOf(arrival: Arrival, settings: ReceiverSettings): number {
  return marginDb(arrival.powerDbm - noiseOf(settings), settings.modulation.spreadingFactor);
}

/** Whether the receiver's correlator responds to the transmission at all, before sync word and header. */
export function sameChirp(s: ReceiverSettings, t: Transmission): boolean {
  const [mine, its] = [s.modulation, t.modulation];
  return (
    s.detectorFits &&
    mine.spreadingFactor === its.spreadingFactor &&
    mine.bandwidthHz === its.bandwidthHz &&
    mine.invertedIq === its.invertedIq &&
    Math.abs(s.carrierHz - t.carrierHz) <= CARRIER_TOLERANCE * mine.bandwidthHz
  );
}
