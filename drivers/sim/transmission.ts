/** A frame in the air, and what of it reaches one antenna. Everything else is computed from these timestamps. */
import { type Modulation, type Timeline, timeline } from './modulation.ts';

/** What a transmitter tells the air when it starts. */
export interface Emission {
  /** `Clock.monotonic()` of the first chirp, ms. */
  readonly startMs: number;
  readonly modulation: Modulation;
  readonly bytes: Uint8Array;
  /** What the synthesizer was set to. */
  readonly frequencyHz: number;
  /** Error of the transmitter's crystal: shifts the carrier and the symbol clock together. */
  readonly crystalPpm: number;
  /** At the antenna. */
  readonly powerDbm: number;
}

export interface Transmission extends Emission {
  /** Unique in one air. */
  readonly id: number;
  readonly from: string;
  readonly carrierHz: number;
  /** All absolute, ms of `Clock.monotonic()`. */
  readonly criticalMs: number;
  readonly preambleEndMs: number;
  readonly headerEndMs: number;
  readonly endMs: number;
  /** Where the transmitter stopped before `endMs`; Infinity otherwise. Set while the frame is in the air. */
  cutMs: number;
}

/** One transmission at one receiver. */
export interface Arrival {
  readonly transmission: Transmission;
  readonly powerDbm: number;
}

/** The moments of an emission, made absolute. */
export function transmissionOf(id: number, from: string, e: Emission): Transmission {
  const t: Timeline = timeline(e.modulation, e.bytes.length, e.crystalPpm);
  return {
    ...e,
    id,
    from,
    carrierHz: e.frequencyHz * (1 + e.crystalPpm * 1e-6),
    criticalMs: e.startMs + t.criticalMs,
    preambleEndMs: e.startMs + t.preambleEndMs,
    headerEndMs: e.startMs + t.headerEndMs,
    endMs: e.startMs + t.endMs,
    cutMs: Number.POSITIVE_INFINITY,
  };
}

/** When the transmitter fell silent. */
export function silentMs(t: Transmission): number {
  return Math.min(t.endMs, t.cutMs);
}

/** How a frame ended at one radio that was within earshot of it. */
export type Outcome =
  /** In the FIFO, intact. */
  | 'received'
  /** In the FIFO with PayloadCrcError, or damaged without a CRC to tell. */
  | 'corrupted'
  /** Another signal covered the end of the preamble or the header. */
  | 'collided'
  /** The header's checksum failed in noise, or its length is above RegMaxPayloadLength. */
  | 'header-damaged'
  /** The demodulator was following another frame. */
  | 'busy'
  /** The receiver was off, transmitting, or came too late for the last five symbols of the preamble. */
  | 'not-listening'
  /** Spreading factor, bandwidth, carrier, IQ, sync word or header mode differ. */
  | 'mismatched'
  | 'below-sensitivity'
  /** The receiver left receive mode in the middle of the frame. */
  | 'abandoned';

export interface ReceptionReport {
  readonly transmission: Transmission;
  readonly at: string;
  readonly outcome: Outcome;
  readonly powerDbm: number;
}
