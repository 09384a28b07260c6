/** Exact durations on the air, from the settings alone (DS 28–31, §4.1.1.5–4.1.1.7). */
import { bandwidthOf } from './bandwidth.ts';

/** The settings that decide how long a frame lasts; any `LoraSettings` will do. */
export interface Modulation {
  readonly bandwidthHz: number;
  readonly spreadingFactor: number;
  readonly codingRate: number;
  readonly preambleSymbols: number;
}

/** The chip adds 4.25 symbols of sync word and start-of-frame delimiter to the preamble (DS 31). */
const SYNC_SYMBOLS = 4.25;

/** Header and first payload block are always eight symbols long (DS 31). */
const HEADER_SYMBOLS = 8;

/** Above this symbol time the low-data-rate optimisation is mandated (DS 28). */
const LDRO_FROM_MS = 16;

/** Duration of one symbol, ms. Throws `RangeError` for a bandwidth the chip does not have. */
export function symbolMs(m: Pick<Modulation, 'bandwidthHz' | 'spreadingFactor'>): number {
  return (2 ** m.spreadingFactor * 1000) / bandwidthOf(m.bandwidthHz).exactHz;
}

/** Whether the low-data-rate optimisation is on: two bits fewer in every symbol, for clocks that drift in it. */
export function lowDataRate(m: Pick<Modulation, 'bandwidthHz' | 'spreadingFactor'>): boolean {
  return symbolMs(m) >= LDRO_FROM_MS;
}

/** Preamble, sync word and delimiter, ms. */
export function preambleMs(m: Modulation): number {
  return (m.preambleSymbols + SYNC_SYMBOLS) * symbolMs(m);
}

/** From the first preamble symbol until the header is decoded, ms. */
export function headerMs(m: Modulation): number {
  return preambleMs(m) + HEADER_SYMBOLS * symbolMs(m);
}

/** Time on air of a frame of `bytes` payload bytes with explicit header and CRC, ms. */
export function timeOnAirMs(m: Modulation, bytes: number): number {
  const bitsPerSymbol = m.spreadingFactor - (lowDataRate(m) ? 2 : 0);
  const bits = 8 * bytes - 4 * m.spreadingFactor + 28 + 16;
  const blocks = Math.max(Math.ceil(bits / (4 * bitsPerSymbol)), 0);
  return headerMs(m) + blocks * m.codingRate * symbolMs(m);
}

/** One channel activity detection, ms: (2^SF + 32) / BW of listening, then just under a symbol of computing (DS 44). */
export function cadMs(m: Pick<Modulation, 'bandwidthHz' | 'spreadingFactor'>): number {
  return symbolMs(m) + 32_000 / bandwidthOf(m.bandwidthHz).exactHz + symbolMs(m);
}
