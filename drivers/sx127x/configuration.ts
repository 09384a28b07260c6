/** From settings to register values: a pure function, so that what the chip must hold can be compared at any time. */
import { bandwidthOf } from './bandwidth.ts';
import type { LoraSettings } from './radio.ts';
import { BAND_SPLIT_HZ, Irq, Register } from './registers.ts';
import { lowDataRate } from './time-on-air.ts';

export interface RegisterValue {
  readonly address: number;
  readonly value: number;
  /** The bits that read back as written; others are changed by the chip or by a transmission. */
  readonly verify: number;
}

const STEP_HZ = 32e6 / 2 ** 19;

/** The 24-bit carrier word nearest to `frequencyHz` (DS 82). */
export function frf(frequencyHz: number): number {
  return Math.round(frequencyHz / STEP_HZ);
}

/** Throws `RangeError` where the settings are not the chip's: settings come from a checked configuration. */
export function checkSettings(s: LoraSettings): void {
  bandwidthOf(s.bandwidthHz);
  const within = (name: string, value: number, low: number, high: number) => {
    if (!(value >= low && value <= high)) throw new RangeError(`${name} ${value} is not in ${low} … ${high}`);
  };
  const whole = (name: string, value: number, low: number, high: number) => {
    within(name, value, low, high);
    if (!Number.isInteger(value)) throw new RangeError(`${name} ${value} is not a whole number`);
  };
  within('frequency in Hz', s.frequencyHz, 137e6, 1020e6);
  whole('spreading factor', s.spreadingFactor, 7, 12);
  whole('coding rate', s.codingRate, 5, 8);
  whole('preamble in symbols', s.preambleSymbols, 6, 65535);
  whole('sync word', s.syncWord, 0, 255);
  whole('power in dBm', s.powerDbm, 2, 20);
}

/**
 * Every register the driver relies on, in ascending order: on a board without a reset line this is all that
 * brings the chip into a known state. Errata numbers are those of Semtech's errata note for the SX1276/77/78;
 * 2.2 (frequency offset tolerance at 500 kHz) has no remedy, 2.4 (packet counter) concerns a register not used.
 */
export function registerValues(s: LoraSettings): readonly RegisterValue[] {
  checkSettings(s);
  return [
    ...carrier(s),
    ...amplifiers(s),
    set(Register.FifoTxBaseAddr, 0),
    set(Register.FifoRxBaseAddr, 0),
    set(Register.IrqFlagsMask, Irq.FhssChangeChannel),
    ...modem(s),
    ...spuriousReception(s),
    // not inverted: gateways' and end devices' inversion is LoRaWAN's (DS 113)
    set(Register.InvertIq, 0x27),
    ...highBandwidth(s),
    set(Register.DetectionThreshold, 0x0a),
    set(Register.SyncWord, s.syncWord),
    set(Register.InvertIq2, 0x1d),
    set(Register.DioMapping1, 0),
    set(Register.DioMapping2, 0),
    set(Register.PaDac, s.powerDbm > 17 ? 0x87 : 0x84),
  ].sort((a, b) => a.address - b.address);
}

function set(address: number, value: number, verify = 0xff): RegisterValue {
  return { address, value, verify };
}

function carrier(s: LoraSettings): RegisterValue[] {
  const word = frf(s.frequencyHz);
  // the write to the lowest byte makes the chip take the word over (DS 109)
  return [16, 8, 0].map((shift, i) => set(Register.FrfMsb + i, (word >> shift) & 0xff));
}

/** PA_BOOST: 17 − (15 − OutputPower) dBm, three more with the high-power DAC (DS 83–84); OCP: DS 85. */
function amplifiers(s: LoraSettings): RegisterValue[] {
  const high = s.powerDbm > 17;
  const outputPower = s.powerDbm - (high ? 5 : 2);
  const ocpMilliamperes = high ? 140 : 100;
  const trim = ocpMilliamperes <= 120 ? (ocpMilliamperes - 45) / 5 : (ocpMilliamperes + 30) / 10;
  return [
    set(Register.PaConfig, 0x80 | 0x70 | outputPower),
    set(Register.PaRamp, 0x09),
    set(Register.Ocp, 0x20 | trim),
    // gain G1 to begin with, then the AGC's; the current boost exists on the high-frequency port only
    set(Register.Lna, 0x20 | (s.frequencyHz > BAND_SPLIT_HZ ? 0x03 : 0x00), 0x03),
  ];
}

function modem(s: LoraSettings): RegisterValue[] {
  const ldro = lowDataRate(s) ? 0x08 : 0;
  const agcAuto = 0x04;
  const crcOn = 0x04;
  return [
    set(Register.ModemConfig1, (bandwidthOf(s.bandwidthHz).code << 4) | ((s.codingRate - 4) << 1)),
    set(Register.ModemConfig2, (s.spreadingFactor << 4) | crcOn),
    set(Register.SymbTimeoutLsb, 0x64),
    set(Register.PreambleMsb, s.preambleSymbols >> 8),
    set(Register.PreambleMsb + 1, s.preambleSymbols & 0xff),
    // written anew for every transmission; 0 is not allowed
    set(Register.PayloadLength, 1, 0),
    set(Register.MaxPayloadLength, 0xff),
    set(Register.HopPeriod, 0),
    set(Register.ModemConfig3, ldro | agcAuto),
  ];
}

/**
 * Errata 2.3, receiver spurious reception: a fixed intermediate frequency from 62.5 to 250 kHz. Below, the remedy
 * also shifts the receiver by a bandwidth, and is reported to do more harm than good (RadioLib): the reset state is kept.
 */
function spuriousReception(s: LoraSettings): RegisterValue[] {
  const automaticIf = 0x80;
  const detectOptimize = 0x43;
  if (s.bandwidthHz < 62_500 || s.bandwidthHz === 500_000)
    return [set(Register.DetectOptimize, automaticIf | detectOptimize, 0x87)];
  return [
    set(Register.IfFreq2, 0x40),
    set(Register.IfFreq1, 0x00),
    set(Register.DetectOptimize, detectOptimize, 0x87),
  ];
}

/** Errata 2.1, sensitivity at 500 kHz. Whether these test registers read back is not documented. */
function highBandwidth(s: LoraSettings): RegisterValue[] {
  if (s.bandwidthHz === 500_000) {
    if (s.frequencyHz >= 862e6)
      return [set(Register.HighBwOptimize1, 0x02, 0), set(Register.HighBwOptimize2, 0x64, 0)];
    if (s.frequencyHz >= 410e6 && s.frequencyHz <= 525e6)
      return [set(Register.HighBwOptimize1, 0x02, 0), set(Register.HighBwOptimize2, 0x7f, 0)];
  }
  return [set(Register.HighBwOptimize1, 0x03, 0)];
}

/** Neighbouring registers in one transfer each: `[first address, values]`. */
export function bursts(values: readonly RegisterValue[]): [number, Uint8Array][] {
  const runs: { first: number; bytes: number[] }[] = [];
  for (const { address, value } of values) {
    const last = runs.at(-1);
    if (last && last.first + last.bytes.length === address) last.bytes.push(value);
    else runs.push({ first: address, bytes: [value] });
  }
  return runs.map((r) => [r.first, Uint8Array.from(r.bytes)]);
}
