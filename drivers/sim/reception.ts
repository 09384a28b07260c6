/** What noise and other signals do to a frame: pure functions of powers and times. */
import { below, type Random, uniform } from '../../src/core/random.ts';
import { neededSirDb, requiredSnrDb } from './modulation.ts';
import { type Arrival, silentMs, type Transmission } from './transmission.ts';

/** From and to, absolute ms. */
export type Interval = readonly [number, number];

/** Part of `other`'s power that falls into the band of `wanted`: both spectra are nearly rectangular. */
function inBand(wanted: Transmission, other: Transmission): number {
  const [a, b] = [wanted.modulation.bandwidthHz, other.modulation.bandwidthHz];
  const low = Math.max(wanted.carrierHz - a / 2, other.carrierHz - b / 2);
  const high = Math.min(wanted.carrierHz + a / 2, other.carrierHz + b / 2);
  return Math.max(high - low, 0) / b;
}

/**
 * The parts of [fromMs, toMs] in which the others together are too strong for `wanted`. Each is weighed by the
 * ratio its spreading factor is rejected with; a signal counts from its first chirp until it falls silent.
 */
export function drownedIntervals(
  wanted: Arrival,
  others: readonly Arrival[],
  fromMs: number,
  toMs: number,
): Interval[] {
  const signal = 10 ** (wanted.powerDbm / 10);
  const weighed: { from: number; to: number; power: number }[] = [];
  for (const { transmission: t, powerDbm } of others) {
    if (t === wanted.transmission || t.startMs >= toMs || silentMs(t) <= fromMs) continue;
    const sir = neededSirDb(wanted.transmission.modulation, t.modulation);
    const power = 10 ** ((powerDbm + sir) / 10) * inBand(wanted.transmission, t);
    if (power > 0)
      weighed.push({ from: Math.max(t.startMs, fromMs), to: Math.min(silentMs(t), toMs), power });
  }
  if (weighed.length === 0) return [];
  const edges = [...new Set(weighed.flatMap((w) => [w.from, w.to]))].sort((a, b) => a - b);
  const drowned: Interval[] = [];
  for (let i = 0; i + 1 < edges.length; i++) {
    const [from, to] = [edges[i] as number, edges[i + 1] as number];
    let sum = 0;
    for (const w of weighed) if (w.from <= from && w.to >= to) sum += w.power;
    // equal to the threshold is still clean, whatever the rounding of decibels
    if (sum > signal * (1 + 1e-9)) drowned.push([from, to]);
  }
  return drowned;
}

/** dB above what the spreading factor needs. */
export function marginDb(snrDb: number, spreadingFactor: number): number {
  return snrDb - requiredSnrDb(spreadingFactor);
}

/**
 * Whether a preamble is noticed. Many symbols are added up, so it is found somewhat below the level at which
 * payload can be read, with an edge about 2 dB wide.
 */
export function preambleHeard(random: Random, margin: number): boolean {
  return uniform(random) < 1 / (1 + Math.exp(-(margin + 2) / 0.4));
}

/** The header always has the strongest code, 4/8. */
export function headerSurvivesNoise(random: Random, margin: number): boolean {
  return uniform(random) < 1 / (1 + Math.exp(-(margin + 1.5) / 0.35));
}

/**
 * Share of damaged bytes: at the required SNR 1 % of 64-byte packets are lost, which is how the datasheet defines
 * sensitivity (DS20); each dB is worth two decades.
 */
function byteErrorRate(margin: number): number {
  return Math.min((0.01 / 64) * 10 ** (-margin * 2), 0.5);
}

/** Flips random bits of `bytes` in place as noise of this margin does; whether it did. */
export function addNoise(random: Random, bytes: Uint8Array, margin: number): boolean {
  const rate = byteErrorRate(margin);
  if (uniform(random) < (1 - rate) ** bytes.length) return false;
  // at least one, given that the frame was hit at all
  damage(random, bytes, below(random, bytes.length));
  for (let i = 0; i < bytes.length; i++) if (uniform(random) < rate) damage(random, bytes, i);
  return true;
}

/** Flips random bits of the bytes that were being sent during `interval`. */
export function drown(random: Random, bytes: Uint8Array, t: Transmission, interval: Interval): void {
  const perMs = bytes.length / (t.endMs - t.headerEndMs);
  const first = Math.max(Math.floor((interval[0] - t.headerEndMs) * perMs), 0);
  const last = Math.min(Math.ceil((interval[1] - t.headerEndMs) * perMs), bytes.length);
  for (let i = Math.min(first, bytes.length - 1); i < Math.max(last, first + 1); i++)
    damage(random, bytes, i);
}

function damage(random: Random, bytes: Uint8Array, i: number): void {
  if (i < bytes.length) bytes[i] = (bytes[i] as number) ^ (1 + below(random, 255));
}
