/**
 * The receiving half of a LoRa modem: follows one frame at a time from the end of its preamble to its last symbol.
 */
import type { Cancel } from '../../src/core/clock.ts';
import { below, type Random } from '../../src/core/random.ts';
import type { AirPort } from './air.ts';
import {
  addNoise,
  drown,
  drownedIntervals,
  headerSurvivesNoise,
  type Interval,
  preambleHeard,
} from './reception.ts';
import { marginOf, noiseOf, type ReceiverSettings, Surroundings, sameChirp } from './surroundings.ts';
import type { Arrival, Outcome } from './transmission.ts';

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

export class Demodulator {
  readonly #port: AirPort;
  readonly #random: Random;
  readonly #events: DemodulatorEvents;
  readonly #surroundings = new Surroundings();
  /** In receive mode since; and not following a frame since. A preamble must be heard from both on. */
  #onSinceMs: number | undefined;
  #freeSinceMs = 0;
  #lock: Lock | undefined;

  constructor(port: AirPort, random: Random, events: DemodulatorEvents) {
    this.#port = port;
    this.#random = random;
    this.#events = events;
  }

  /** To be called for every frame that reaches the antenna, whether the receiver is on or not. */
  arrive(arrival: Arrival): void {
    const { preambleEndMs } = arrival.transmission;
    this.#surroundings.add(arrival);
    this.#port.agenda.at(preambleEndMs, () => this.#preambleEnds(arrival));
  }

  /** Receive mode begins at `sinceMs`, which may still be to come. */
  listen(sinceMs: number): void {
    this.#onSinceMs = sinceMs;
    this.#freeSinceMs = sinceMs;
  }

  /** Receive mode ends; a frame being followed is lost. */
  stop(): void {
    this.#onSinceMs = undefined;
    if (!this.#lock) return;
    this.#lock.appointment();
    this.#report(this.#lock.arrival, 'abandoned');
    this.#lock = undefined;
  }

  /** How far the receiver is (DS111, RegModemStat). */
  state(nowMs: number): 'clear' | 'detected' | 'synchronized' | 'header' {
    if (this.#lock) return this.#lock.header ? 'header' : 'synchronized';
    const since = this.#onSinceMs;
    if (since === undefined) return 'clear';
    const detected = this.#surroundings.preambleUnderWay(this.#events.settings(), since, nowMs);
    return detected ? 'detected' : 'clear';
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
    return this.#surroundings.powerDbm(this.#events.settings(), nowMs);
  }

  /** Channel activity detection over [fromMs, toMs]: sees preambles, and payload now and then. */
  activity(fromMs: number, toMs: number): boolean {
    return this.#surroundings.activity(this.#events.settings(), this.#random, fromMs, toMs);
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
    if (this.#onSinceMs === undefined || this.#onSinceMs > t.criticalMs) return 'not-listening';
    if (settings.deaf) return 'below-sensitivity';
    if (!sameChirp(settings, t)) return 'mismatched';
    if (this.#lock || this.#freeSinceMs > t.criticalMs) return 'busy';
    if (this.#drowned(arrival, t.criticalMs, t.preambleEndMs).length > 0) return 'collided';
    if (!preambleHeard(this.#random, marginOf(arrival, settings))) return 'below-sensitivity';
    return t.modulation.syncWord === settings.modulation.syncWord ? undefined : 'mismatched';
  }

  #headerEnds(lock: Lock): void {
    const t = lock.arrival.transmission;
    const { modulation, implicitLength, maxLength } = lock.settings;
    const noisy = !headerSurvivesNoise(this.#random, marginOf(lock.arrival, lock.settings));
    const drowned =
      this.#drowned(lock.arrival, t.preambleEndMs, t.headerEndMs).length > 0 || t.cutMs < t.headerEndMs;
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
      this.#freeSinceMs = t.headerEndMs;
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
      const drowned = this.#drowned(arrival, t.headerEndMs, t.endMs);
      if (t.cutMs < t.endMs) drowned.push([Math.max(t.cutMs, t.headerEndMs), t.endMs]);
      for (const interval of drowned) drown(this.#random, bytes, t, interval);
      const noisy = addNoise(this.#random, bytes, marginOf(arrival, settings));
      damaged = noisy || drowned.length > 0;
    }
    this.#lock = undefined;
    this.#freeSinceMs = t.endMs;
    this.#report(arrival, damaged ? 'corrupted' : 'received');
    this.#events.frame({
      bytes,
      crcFailed: damaged && header.crc,
      snrDb: arrival.powerDbm - noiseOf(settings),
      powerDbm: arrival.powerDbm,
      frequencyErrorHz: t.carrierHz - settings.carrierHz,
    });
  }

  #drowned(arrival: Arrival, fromMs: number, toMs: number): Interval[] {
    return drownedIntervals(arrival, this.#surroundings.arrivals, fromMs, toMs);
  }

  #report(arrival: Arrival, outcome: Outcome): void {
    this.#port.report(arrival, outcome);
  }
}
