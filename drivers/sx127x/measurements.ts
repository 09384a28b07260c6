/** What the chip's raw measurements mean. */
import { bandwidthOf } from './bandwidth.ts';
import { BAND_SPLIT_HZ } from './registers.ts';

/** dBm at a raw reading of 0, for the high- and the low-frequency port (DS 87). */
function rssiOffset(frequencyHz: number): number {
  return frequencyHz > BAND_SPLIT_HZ ? -157 : -164;
}

/** Momentary RSSI from `RssiValue`, dBm (DS 87). */
export function rssiDbm(raw: number, frequencyHz: number): number {
  return rssiOffset(frequencyHz) + raw;
}

/** SNR of the last packet from `PktSnrValue`, a signed byte of quarter decibels (DS 111). */
export function snrDb(raw: number): number {
  return ((raw << 24) >> 24) / 4;
}

/** Strength of the last packet from `PktRssiValue` and its SNR, dBm, also below the noise (DS 87). */
export function packetRssiDbm(raw: number, snr: number, frequencyHz: number): number {
  return snr < 0 ? rssiOffset(frequencyHz) + raw + snr : rssiOffset(frequencyHz) + (raw * 16) / 15;
}

/** Frequency error of the last packet from the 20-bit two's complement `Fei`, Hz (DS 37, §4.1.5). */
export function frequencyErrorHz(raw: number, bandwidthHz: number): number {
  const signed = (raw << 12) >> 12;
  const khz = bandwidthOf(bandwidthHz).exactHz / 1000;
  return ((signed * 2 ** 24) / 32e6) * (khz / 500);
}
