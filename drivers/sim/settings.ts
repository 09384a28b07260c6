/** What the registers mean: settings of the waveform, the synthesizer and the power amplifier. */
import { BANDWIDTHS_HZ, type Modulation } from './modulation.ts';
import { REG, type RegisterFile } from './registers.ts';

/** The crystal's frequency over 2^19 (DS94, RegFrf). */
const FREQUENCY_STEP_HZ = 32e6 / 2 ** 19;

/** Below this the chip's low-frequency port is in use, with other constants for RSSI (DS112). */
const BAND_SPLIT_HZ = 525e6;

export function frequencyOf(frf: number): number {
  return frf * FREQUENCY_STEP_HZ;
}

/** DS111–115: RegModemConfig1 to 3, RegPreamble, RegInvertIQ, RegSyncWord; `crc` as it would be sent. */
export function modulationOf(r: RegisterFile, direction: 'transmit' | 'receive'): Modulation {
  const config1 = r.get(REG.MODEM_CONFIG_1);
  const config2 = r.get(REG.MODEM_CONFIG_2);
  const invert = r.get(REG.INVERT_IQ);
  // in transmission the bit has the opposite sense (DS115)
  const invertedIq = direction === 'receive' ? (invert & 0x40) !== 0 : (invert & 0x01) === 0;
  return {
    bandwidthHz: BANDWIDTHS_HZ[config1 >> 4] ?? BANDWIDTHS_HZ[9],
    spreadingFactor: Math.min(Math.max(config2 >> 4, 6), 12),
    codingRate: 4 + Math.min(Math.max((config1 >> 1) & 7, 1), 4),
    preambleSymbols: (r.get(REG.PREAMBLE_MSB) << 8) | r.get(REG.PREAMBLE_LSB),
    syncWord: r.get(REG.SYNC_WORD),
    implicitHeader: (config1 & 1) !== 0,
    crc: (config2 & 0x04) !== 0,
    invertedIq,
    lowDataRate: (r.get(REG.MODEM_CONFIG_3) & 0x08) !== 0,
  };
}

/** Whether the detector is set for the spreading factor: SF6 is special and has no explicit header (DS27). */
export function detectorFits(r: RegisterFile, m: Modulation): boolean {
  const optimize = r.get(REG.DETECT_OPTIMIZE) & 0x07;
  const threshold = r.get(REG.DETECTION_THRESHOLD);
  if (m.spreadingFactor === 6) return m.implicitHeader && optimize === 5 && threshold === 0x0c;
  return optimize === 3 && threshold === 0x0a;
}

/** How much sensitivity a 500 kHz receiver loses without the settings of erratum 2.1; the amount is a guess. */
const ERRATUM_21_DB = 3;

/** Loss of sensitivity by erratum 2.1 (SX1276 errata note, "Sensitivity optimization with a 500 kHz bandwidth"). */
export function desensitizedDb(r: RegisterFile, m: Modulation, frequencyHz: number): number {
  if (m.bandwidthHz !== 500_000) return 0;
  const wanted = frequencyHz >= BAND_SPLIT_HZ ? 0x64 : 0x7f;
  const right = r.get(REG.HIGH_BW_OPTIMIZE_1) === 0x02 && r.get(REG.HIGH_BW_OPTIMIZE_2) === wanted;
  return right ? 0 : ERRATUM_21_DB;
}

/** What a current limit below the PA's need at +20 dBm leaves (DS20: 120 mA, and 87 mA at +17 dBm). */
const NEED_AT_20_DBM_MA = 120;
const LIMITED_DBM = 17;

/** Output power from RegPaConfig, RegPaDac and RegOcp (DS83–85, DS94). */
export function powerOf(r: RegisterFile): number {
  const config = r.get(REG.PA_CONFIG);
  const output = config & 0x0f;
  if ((config & 0x80) === 0) return 10.8 + 0.6 * ((config >> 4) & 7) - (15 - output);
  const high = (r.get(REG.PA_DAC) & 0x07) === 0x07;
  const power = (high ? 20 : 17) - (15 - output);
  return currentLimitMa(r.get(REG.OCP)) < NEED_AT_20_DBM_MA ? Math.min(power, LIMITED_DBM) : power;
}

/** DS85, over-current protection. */
function currentLimitMa(ocp: number): number {
  if ((ocp & 0x20) === 0) return Number.POSITIVE_INFINITY;
  const trim = ocp & 0x1f;
  if (trim <= 15) return 45 + 5 * trim;
  return trim <= 27 ? -30 + 10 * trim : 240;
}

/** What is added to RegRssiValue and RegPktRssiValue to give dBm (DS112). */
function rssiOffset(frequencyHz: number): number {
  return frequencyHz >= BAND_SPLIT_HZ ? -157 : -164;
}

const byte = (v: number) => Math.min(Math.max(Math.round(v), 0), 255);

/** RegRssiValue for a momentary power. */
export function rssiByte(powerDbm: number, frequencyHz: number): number {
  return byte(powerDbm - rssiOffset(frequencyHz));
}

/**
 * RegPktRssiValue for a packet. Below the noise it says the noise, so that adding the SNR gives the signal; above,
 * it rises by 15 for every 16 dB (DS87, section 5.5.5 and its notes).
 */
export function packetRssiByte(powerDbm: number, snrDb: number, frequencyHz: number): number {
  const raw = powerDbm - rssiOffset(frequencyHz);
  return byte(snrDb < 0 ? raw - snrDb : (raw * 15) / 16);
}

/** The modem's estimate of SNR levels off: fielded SX1276 do not report much more than 10 dB. */
const SNR_CEILING_DB = 12;

/** RegPktSnrValue: signed, in quarters of a decibel (DS111). */
export function snrByte(snrDb: number): number {
  return Math.max(Math.round(Math.min(snrDb, SNR_CEILING_DB) * 4), -128) & 0xff;
}

/** RegFei, 20 bits, signed: positive where the sender's carrier is above the receiver's. */
export function feiBytes(errorHz: number, bandwidthHz: number): readonly [number, number, number] {
  const raw = Math.round(((errorHz * 32e6) / 2 ** 24) * (500_000 / bandwidthHz));
  return [(raw >> 16) & 0x0f, (raw >> 8) & 0xff, raw & 0xff];
}
