/** The LoRa waveform as the SX1276 sends and demodulates it: settings, times, and what a receiver needs. */

/** Everything that shapes a frame on the air, and everything a receiver must share to read it. */
export interface Modulation {
  readonly bandwidthHz: number;
  /** 6–12. */
  readonly spreadingFactor: number;
  /** The denominator: 4/5 … 4/8. */
  readonly codingRate: number;
  /** Symbols, without the 4.25 of sync word and start of frame. */
  readonly preambleSymbols: number;
  readonly syncWord: number;
  readonly implicitHeader: boolean;
  readonly crc: boolean;
  readonly invertedIq: boolean;
  /** Two bits less in each symbol (DS114, LowDataRateOptimize). */
  readonly lowDataRate: boolean;
}

/** The ten bandwidths in the order of their codes 0–9 (DS112, RegModemConfig1). */
export const BANDWIDTHS_HZ = [
  7_800, 10_400, 15_600, 20_800, 31_250, 41_700, 62_500, 125_000, 250_000, 500_000,
] as const;

/** 2^SF chips at one chip per hertz and second (DS28). */
export function symbolMs(m: Modulation): number {
  return (2 ** m.spreadingFactor / m.bandwidthHz) * 1000;
}

/** Moments of a frame, ms from its first chirp. */
export interface Timeline {
  /** Where the last five symbols of the preamble begin: a receiver needs these. */
  readonly criticalMs: number;
  /** Preamble, sync word and start of frame are over. */
  readonly preambleEndMs: number;
  /** The first eight symbols, which carry the header, are over. */
  readonly headerEndMs: number;
  readonly endMs: number;
}

const SYNC_AND_START_SYMBOLS = 4.25;
const HEADER_SYMBOLS = 8;
const PREAMBLE_SYMBOLS_NEEDED = 5;

/** Time on air of `length` bytes, by the formula of DS31. A slow crystal (negative `ppm`) stretches it. */
export function timeline(m: Modulation, length: number, ppm = 0): Timeline {
  const symbol = symbolMs(m) * (1 - ppm * 1e-6);
  const bits = 8 * length - 4 * m.spreadingFactor + 28 + (m.crc ? 16 : 0) - (m.implicitHeader ? 20 : 0);
  const bitsPerBlock = 4 * (m.spreadingFactor - (m.lowDataRate ? 2 : 0));
  const payload = Math.max(Math.ceil(bits / bitsPerBlock) * m.codingRate, 0);
  const preamble = m.preambleSymbols + SYNC_AND_START_SYMBOLS;
  return {
    criticalMs: Math.max(m.preambleSymbols - PREAMBLE_SYMBOLS_NEEDED, 0) * symbol,
    preambleEndMs: preamble * symbol,
    headerEndMs: (preamble + HEADER_SYMBOLS) * symbol,
    endMs: (preamble + HEADER_SYMBOLS + payload) * symbol,
  };
}

/** SNR at which the demodulator still works: −5 dB at SF6 … −20 dB at SF12 (DS27, table 13). */
export function requiredSnrDb(spreadingFactor: number): number {
  return -5 - 2.5 * (spreadingFactor - 6);
}

/** Puts the sensitivities of DS20 (SF7 at 125 kHz: −123 dBm) within 2 dB of the table above. */
export const NOISE_FIGURE_DB = 6;

/** Thermal noise at 290 K is −174 dBm in one hertz. */
export function noiseFloorDbm(bandwidthHz: number, noiseFigureDb: number): number {
  return -174 + 10 * Math.log10(bandwidthHz) + noiseFigureDb;
}

/**
 * By how much a signal must exceed an interferer of the same chirp rate: the capture threshold that M. Bor et al.
 * measured ("Do LoRa low-power wide-area networks scale?", MSWiM 2016).
 */
const CAPTURE_DB = 6;

/**
 * Signal-to-interference ratios in dB that a frame of SF7 … SF12 (rows) survives from SF7 … SF12 (columns):
 * D. Croce et al., "Impact of LoRa imperfect orthogonality", IEEE Communications Letters 22(4), 2018.
 */
const REJECTION_DB = [
  [CAPTURE_DB, -8, -9, -9, -9, -9],
  [-11, CAPTURE_DB, -11, -12, -13, -13],
  [-15, -13, CAPTURE_DB, -13, -14, -15],
  [-19, -18, -17, CAPTURE_DB, -17, -18],
  [-22, -22, -21, -20, CAPTURE_DB, -20],
  [-25, -25, -25, -24, -23, CAPTURE_DB],
] as const;

/** The signal-to-interference ratio in dB that a frame of `wanted` needs beside an `other` one in the same band. */
export function neededSirDb(wanted: Modulation, other: Modulation): number {
  const sameChirp =
    wanted.bandwidthHz ** 2 / 2 ** wanted.spreadingFactor ===
    other.bandwidthHz ** 2 / 2 ** other.spreadingFactor;
  if (sameChirp && wanted.invertedIq === other.invertedIq) return CAPTURE_DB;
  const row = REJECTION_DB[clampSf(wanted.spreadingFactor) - 7] ?? REJECTION_DB[0];
  // another slope or direction at the same SF is rejected like the next SF
  const otherSf = clampSf(other.spreadingFactor);
  const column = otherSf !== wanted.spreadingFactor ? otherSf : otherSf === 12 ? 11 : otherSf + 1;
  return row[column - 7] ?? CAPTURE_DB;
}

/** SF6 is not in the table: it behaves like SF7. */
function clampSf(sf: number): number {
  return Math.min(Math.max(sf, 7), 12);
}
