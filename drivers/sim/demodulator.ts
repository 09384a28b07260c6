/**
 * The receiving half of a LoRa modem: follows one frame at a time from the end of its preamble to its last symbol,
 * and knows everything that is in the air around it.
 */
import type { Cancel } from '../../src/core/clock.ts';
import { below, type Random, uniform } from '../../src/core/random.ts';
import { type AirPort, NOISE_FIGURE_DB } from './air.ts';
import { type Modulation, noiseFloorDbm, symbolMs } from './modulation.ts';
import {
  addNoise,
  drown,
  drownedIntervals,
  headerSurvivesNoise,
  marginDb,
  preambleHeard,
} from './reception.ts';
import { type Arrival, type Outcome, silentMs, type Transmission } from './transmission.ts';

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

export interface Header {
  readonly length: number;
  readonly codingRate: number;
  readonly crc: boolean;
}

export interface DemodulatedFrame {
  readonly bytes: Uint8Array;
  readonly crcFailed: boolean;
  readonly snrDb: number;
  readonly powerDbm: number;
  readonly frequencyErrorHz: number;
}

/** What the chip is told. */
export interface DemodulatorEvents {
  settings(): ReceiverSettings;
  header(header: Header): void;
  frame(frame: DemodulatedFrame): void;
  /** A preamble came to nothing; `followed`: after its sync word had matched. */
  lost(followed: boolean): void;
}

interface Lock {
  readonly arrival: Arrival;
  readonly settings: ReceiverSettings;
  header: Header | undefined;
  /** A damaged header that passed its checksum: nothing after it is right. */
  garbled: boolean;
  appointment: Cancel;
}

/** The header's checksum has five bits: one damaged header in 32 passes. */
const HEADER_CHECK_MISSES = 32;

/** The demodulator follows a carrier within a quarter of the bandwidth (DS36, frequency error). */
const CARRIER_TOLERANCE = 0.25;

/** Symbols of preamble before the modem reports a signal. */
const SYMBOLS_TO_DETECT = 4;

/** What CAD sees of payload, whose chirps rarely start where a preamble's would. */
const CAD_PAYLOAD_CHANCE = 0.1;
const CAD_FALSE_ALARM = 0.001;

export class Demodulator {
  readonly #port: AirPort;
  readonly #random: Random;
  readonly #events: DemodulatorEvents;
  #arrivals: Arrival[] = [];
  /** In receive mode and free since; a preamble must be heard from here on. */
  #sinceMs: number | undefined;
  #lock: Lock | undefined;

  constructor(port: AirPort, random: Random, events: DemodulatorEvents) {
    this.#port = port;
    this.#random = random;
    this.#events = events;
  }

  /** To be called for every frame that reaches the antenna, whether the receiver is on or not. */
  arrive(arrival: Arrival): void {
    const { startMs, preambleEndMs } = arrival.transmission;
    this.#forget(startMs);
    this.#arrivals.push(arrival);
    this.#port.agenda.at(preambleEndMs, () => this.#preambleEnds(arrival));
  }

  /** Receive mode begins at `sinceMs`, which may still be to come. */
  listen(sinceMs: number): void {
    this.#sinceMs = sinceMs;
  }

  /** Receive mode ends; a frame being followed is lost. */
  stop(): void {
    this.#sinceMs = undefined;
    if (!this.#lock) return;
    this.#lock.appointment();
    this.#report(this.#lock.arrival, 'abandoned');
    this.#lock = undefined;
  }

  /** How far the receiver is (DS111, RegModemStat). */
  state(nowMs: number): 'clear' | 'detected' | 'synchronized' | 'header' {
    if (this.#lock) return this.#lock.header ? 'header' : 'synchronized';
    return this.preambleUnderWay(nowMs) ? 'detected' : 'clear';
  }

  /** Whether a preamble that this receiver can follow is being heard. */
  preambleUnderWay(nowMs: number): boolean {
    const since = this.#sinceMs;
    const settings = this.#events.settings();
    if (since === undefined || settings.deaf) return false;
    const needed = SYMBOLS_TO_DETECT * symbolMs(settings.modulation);
    return this.#arrivals.some(
      (a) =>
        Math.max(a.transmission.startMs, since) + needed <= nowMs &&
        nowMs < Math.min(a.transmission.preambleEndMs, a.transmission.cutMs) &&
        sameChirp(settings, a.transmission) &&
        this.#margin(a, settings) >= -2,
    );
  }

  /** The bytes demodulated so far of the frame being followed: they go to the FIFO as they come. */
  soFar(nowMs: number): Uint8Array | undefined {
    const { header, garbled, arrival } = this.#lock ?? {};
    if (!header || !arrival || garbled) return undefined;
    const { bytes, headerEndMs, endMs } = arrival.transmission;
    const part = Math.min(Math.max((nowMs - headerEndMs) / (endMs - headerEndMs), 0), 1);
    return bytes.subarray(0, Math.min(Math.floor(part * bytes.length), header.length));
  }

  /** Noise and all signals in the band together, dBm. */
  powerDbm(nowMs: number): number {
    const { modulation, carrierHz, deaf } = this.#events.settings();
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
  activity(fromMs: number, toMs: number): boolean {
    const settings = this.#events.settings();
    if (!settings.deaf)
      for (const a of this.#arrivals) {
        const t = a.transmission;
        if (t.startMs > fromMs || silentMs(t) < toMs || !sameChirp(settings, t)) continue;
        const heard = preambleHeard(this.#random, this.#margin(a, settings));
        if (heard && (toMs <= t.preambleEndMs || uniform(this.#random) < CAD_PAYLOAD_CHANCE)) return true;
      }
    return uniform(this.#random) < CAD_FALSE_ALARM;
  }

  #preambleEnds(arrival: Arrival): void {
    const t = arrival.transmission;
    if (t.cutMs < t.preambleEndMs) {
      this.#events.lost(false);
      return;
    }
    const settings = this.#events.settings();
    const outcome = this.#hears(arrival, settings);
    if (outcome) {
      this.#report(arrival, outcome);
      this.#events.lost(false);
      return;
    }
    const appointment = this.#port.agenda.at(t.headerEndMs, () => this.#headerEnds(lock));
    const lock: Lock = { arrival, settings, header: undefined, garbled: false, appointment };
    this.#lock = lock;
  }

  /** Why `arrival` cannot be followed, or undefined where it can. */
  #hears(arrival: Arrival, settings: ReceiverSettings): Outcome | undefined {
    const t = arrival.transmission;
    if (this.#sinceMs === undefined || this.#sinceMs > t.criticalMs) return 'not-listening';
    if (settings.deaf) return 'below-sensitivity';
    if (!sameChirp(settings, t)) return 'mismatched';
    if (this.#lock) return 'busy';
    if (drownedIntervals(arrival, this.#arrivals, t.criticalMs, t.preambleEndMs).length > 0)
      return 'collided';
    if (!preambleHeard(this.#random, this.#margin(arrival, settings))) return 'below-sensitivity';
    return t.modulation.syncWord === settings.modulation.syncWord ? undefined : 'mismatched';
  }

  #headerEnds(lock: Lock): void {
    const t = lock.arrival.transmission;
    const { modulation, implicitLength, maxLength } = lock.settings;
    const noisy = !headerSurvivesNoise(this.#random, this.#margin(lock.arrival, lock.settings));
    const drowned =
      drownedIntervals(lock.arrival, this.#arrivals, t.preambleEndMs, t.headerEndMs).length > 0 ||
      t.cutMs < t.headerEndMs;
    const wrongMode = modulation.implicitHeader !== t.modulation.implicitHeader;
    const m = t.modulation;
    if (modulation.implicitHeader) {
      lock.header = { length: implicitLength, codingRate: modulation.codingRate, crc: modulation.crc };
      lock.garbled =
        wrongMode ||
        implicitLength !== t.bytes.length ||
        modulation.codingRate !== m.codingRate ||
        modulation.crc !== m.crc;
    } else if (!noisy && !drowned && !wrongMode && t.bytes.length <= maxLength) {
      lock.header = { length: t.bytes.length, codingRate: m.codingRate, crc: m.crc };
    } else if (below(this.#random, HEADER_CHECK_MISSES) === 0) {
      const length = 1 + below(this.#random, Math.min(maxLength, 255));
      const [codingRate, crc] = [5 + below(this.#random, 4), below(this.#random, 2) === 1];
      lock.header = { length, codingRate, crc };
      lock.garbled = true;
    } else {
      this.#lock = undefined;
      this.#report(
        lock.arrival,
        wrongMode ? 'mismatched' : drowned && !noisy ? 'collided' : 'header-damaged',
      );
      this.#sinceMs = t.headerEndMs;
      this.#events.lost(true);
      return;
    }
    if (m.lowDataRate !== modulation.lowDataRate) lock.garbled = true;
    lock.appointment = this.#port.agenda.at(t.endMs, () => this.#frameEnds(lock));
    if (!modulation.implicitHeader) this.#events.header(lock.header);
  }

  #frameEnds(lock: Lock): void {
    const { arrival, settings, header } = lock;
    if (!header) return;
    const t = arrival.transmission;
    const bytes = lock.garbled ? this.#random.bytes(header.length) : t.bytes.slice();
    let damaged = lock.garbled;
    if (!damaged) {
      const drowned = drownedIntervals(arrival, this.#arrivals, t.headerEndMs, t.endMs);
      if (t.cutMs < t.endMs) drowned.push([Math.max(t.cutMs, t.headerEndMs), t.endMs]);
      for (const interval of drowned) drown(this.#random, bytes, t, interval);
      const noisy = addNoise(this.#random, bytes, this.#margin(arrival, settings));
      damaged = noisy || drowned.length > 0;
    }
    this.#lock = undefined;
    this.#sinceMs = t.endMs;
    this.#report(arrival, damaged ? 'corrupted' : 'received');
    this.#events.frame({
      bytes,
      crcFailed: damaged && header.crc,
      snrDb: arrival.powerDbm - this.#noiseDbm(settings),
      powerDbm: arrival.powerDbm,
      frequencyErrorHz: t.carrierHz - settings.carrierHz,
    });
  }

  #noiseDbm(settings: ReceiverSettings): number {
    return noiseFloorDbm(settings.modulation.bandwidthHz, NOISE_FIGURE_DB + settings.desensitizedDb);
  }

  #margin(arrival: Arrival, settings: ReceiverSettings): number {
    return marginDb(arrival.powerDbm - this.#noiseDbm(settings), settings.modulation.spreadingFactor);
  }

  #report(arrival: Arrival, outcome: Outcome): void {
    this.#port.report(arrival, outcome);
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

/** Whether the receiver's correlator responds to the transmission at all, before sync word and header. */
function sameChirp(s: ReceiverSettings, t: Transmission): boolean {
  const [mine, its] = [s.modulation, t.modulation];
  return (
    s.detectorFits &&
    mine.spreadingFactor === its.spreadingFactor &&
    mine.bandwidthHz === its.bandwidthHz &&
    mine.invertedIq === its.invertedIq &&
    Math.abs(s.carrierHz - t.carrierHz) <= CARRIER_TOLERANCE * mine.bandwidthHz
  );
}
