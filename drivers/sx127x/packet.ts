/** What the chip tells of the packet it received last, and of its receiver, in one transfer. */
import { frequencyErrorHz, packetRssiDbm, snrDb } from './measurements.ts';
import type { LoraSettings, ReceivedFrame } from './radio.ts';
import { CRC_ON_PAYLOAD, Register } from './registers.ts';

/** From RxCurrentAddr to the last byte of the frequency error. */
export const STATUS = { first: Register.FifoRxCurrentAddr, length: 27 } as const;

export interface PacketStatus {
  readonly irqFlags: number;
  readonly modemStat: number;
  /** Where the packet begins in the FIFO, and its length. */
  readonly start: number;
  readonly length: number;
  readonly crcOnPayload: boolean;
  readonly rawSnr: number;
  readonly rawRssi: number;
  readonly rawFrequencyError: number;
}

export function packetStatus(burst: Uint8Array): PacketStatus {
  const at = (address: number) => burst[address - STATUS.first] as number;
  return {
    irqFlags: at(Register.IrqFlags),
    modemStat: at(Register.ModemStat),
    start: at(Register.FifoRxCurrentAddr),
    length: at(Register.RxNbBytes),
    crcOnPayload: (at(Register.HopChannel) & CRC_ON_PAYLOAD) !== 0,
    rawSnr: at(Register.PktSnrValue),
    rawRssi: at(Register.PktRssiValue),
    rawFrequencyError:
      ((at(Register.FeiMsb) & 0x0f) << 16) | (at(Register.FeiMsb + 1) << 8) | at(Register.FeiMsb + 2),
  };
}

/** The packet's bytes with its measurements in units. */
export function receivedFrame(
  bytes: Uint8Array,
  status: PacketStatus,
  settings: LoraSettings,
  at: number,
): ReceivedFrame {
  const snr = snrDb(status.rawSnr);
  return {
    bytes,
    snrDb: snr,
    rssiDbm: packetRssiDbm(status.rawRssi, snr, settings.frequencyHz),
    frequencyErrorHz: frequencyErrorHz(status.rawFrequencyError, settings.bandwidthHz),
    at,
  };
}
