/** What the link asks of a LoRa transceiver, and the settings and reports that pass between them. */
import type { Event } from '../../src/core/events.ts';
import type { FaultKind } from './faults.ts';

export type CodingRate = 5 | 6 | 7 | 8;

export interface LoraSettings {
  readonly frequencyHz: number;
  /** One of the chip's ten: 7800, 10400, 15600, 20800, 31250, 41700, 62500, 125000, 250000, 500000. */
  readonly bandwidthHz: number;
  /** 6 needs an implicit header and is refused here: 7–12. */
  readonly spreadingFactor: number;
  /** The denominator: 4/5 … 4/8. */
  readonly codingRate: CodingRate;
  /** Symbols, without the 4.25 of sync and start-of-frame. */
  readonly preambleSymbols: number;
  readonly syncWord: number;
  /** At the chip's pin: 2 … 17, or 18 … 20 (1 % duty only), on PA_BOOST. */
  readonly powerDbm: number;
}

export interface ReceivedFrame {
  readonly bytes: Uint8Array;
  /** Of the packet, in dBm; below the noise floor where snr < 0. */
  readonly rssiDbm: number;
  readonly snrDb: number;
  readonly frequencyErrorHz: number;
  /** `Clock.monotonic()` when the driver learned of RxDone: the end of the frame, plus interrupt latency. */
  readonly at: number;
}

export interface TransmitReport {
  /** `Clock.monotonic()` just before the mode was switched, and when TxDone was seen. */
  readonly startedAt: number;
  readonly endedAt: number;
  /** Computed time on air of the frame, ms. */
  readonly airtimeMs: number;
}

/** What the receiver is in the middle of; `clear` says nothing of what is below the detection threshold. */
export interface ChannelState {
  readonly activity: 'clear' | 'preamble' | 'frame';
  /** Momentary, dBm. */
  readonly rssiDbm: number;
}

export type RadioEvent =
  /** A recovery that worked; counted as `radio.<what>`. */
  | { readonly kind: 'recovered'; readonly what: FaultKind }
  /** The chip does not answer; the driver keeps trying and tells when it does (`recovered`). */
  | { readonly kind: 'failed'; readonly what: FaultKind; readonly sentence: string };

/**
 * The transceiver was lost and reset, is being recovered, or is stopped. A frame whose transmission ends so may or
 * may not be out.
 */
export class RadioFault extends Error {
  override name = 'RadioFault';
}

/** Operations wait for each other in the order they were asked for; all reject with `RadioFault` where the chip fails. */
export interface Radio {
  /**
   * Resets where it can, checks the version, writes and reads back every register, and enters continuous receive.
   * Rejects with a `PersonError` where no chip answers; may then be called again.
   */
  start(settings: LoraSettings): Promise<void>;
  /**
   * New settings on a started radio; ends in continuous receive. `RangeError` where the chip does not have them;
   * after a `RadioFault` the recovery under way brings up the new ones.
   */
  configure(settings: LoraSettings): Promise<void>;
  /**
   * Sends 1–255 bytes now, whatever is in the air, and returns to continuous receive. One at a time.
   * Rejects with `RadioFault` after 1.5 × time on air without TxDone (the chip is then reset and reconfigured).
   */
  transmit(bytes: Uint8Array): Promise<TransmitReport>;
  /** The receiver's own state, without disturbing a reception. Waits for a transmission under way. */
  channel(): Promise<ChannelState>;
  /**
   * Channel activity detection. True at once where the receiver is in the middle of something, which detection
   * would cost; otherwise the receiver is off for about two symbols.
   */
  detect(): Promise<boolean>;
  readonly onFrame: Event<ReceivedFrame>;
  readonly onEvent: Event<RadioEvent>;
  /** Puts the chip to sleep and lets go of its lines. */
  stop(): Promise<void>;
}
