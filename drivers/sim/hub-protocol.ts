/**
 * What goes over the hub's socket: one JSON object per line. A radio says its name, then announces transmissions
 * and cuts; the hub tells each radio what reaches it.
 */
import { fromHex, toHex } from '../../src/core/bytes.ts';
import { BANDWIDTHS_HZ, type Modulation } from './modulation.ts';
import type { Emission } from './transmission.ts';

export type ToHub =
  | { readonly kind: 'hello'; readonly name: string }
  /** `id` is the radio's own. */
  | { readonly kind: 'transmit'; readonly id: number; readonly emission: Emission }
  | { readonly kind: 'cut'; readonly id: number; readonly atMs: number };

export type FromHub =
  | { readonly kind: 'welcome' }
  /** `id` is the hub's. */
  | {
      readonly kind: 'arrive';
      readonly id: number;
      readonly from: string;
      readonly powerDbm: number;
      readonly emission: Emission;
    }
  | { readonly kind: 'cut'; readonly id: number; readonly atMs: number };

/** A frame of 255 bytes needs about 900 characters. */
const LONGEST_LINE = 4096;

/** A message as a line, its end included. */
export function encodeLine(message: ToHub | FromHub): string {
  const plain =
    'emission' in message
      ? { ...message, emission: { ...message.emission, bytes: toHex(message.emission.bytes) } }
      : message;
  return `${JSON.stringify(plain)}\n`;
}

/** Cuts a stream into lines; `undefined` once a line is longer than any message. */
export class LineReader {
  #rest = '';

  push(chunk: string): string[] | undefined {
    const lines = (this.#rest + chunk).split('\n');
    this.#rest = lines.pop() ?? '';
    if (this.#rest.length > LONGEST_LINE || lines.some((l) => l.length > LONGEST_LINE)) return undefined;
    return lines;
  }
}

/** A line from a radio, or undefined where it is none. */
export function decodeToHub(line: string): ToHub | undefined {
  const m = parse(line);
  if (!m) return undefined;
  const { kind, id, atMs, name } = m;
  if (kind === 'hello') return isName(name) ? { kind, name } : undefined;
  if (!isCount(id)) return undefined;
  if (kind === 'cut') return isNumber(atMs) ? { kind, id, atMs } : undefined;
  const emission = kind === 'transmit' ? decodeEmission(m.emission) : undefined;
  return emission && { kind: 'transmit', id, emission };
}

/** A line from the hub, or undefined where it is none. */
export function decodeFromHub(line: string): FromHub | undefined {
  const m = parse(line);
  if (!m) return undefined;
  const { kind, id, atMs, from, powerDbm } = m;
  if (kind === 'welcome') return { kind };
  if (!isCount(id)) return undefined;
  if (kind === 'cut') return isNumber(atMs) ? { kind, id, atMs } : undefined;
  if (kind !== 'arrive' || !isName(from) || !isNumber(powerDbm)) return undefined;
  const emission = decodeEmission(m.emission);
  return emission && { kind, id, from, powerDbm, emission };
}

type Fields = Readonly<Record<string, unknown>>;

function parse(line: string): Fields | undefined {
  try {
    return fields(JSON.parse(line));
  } catch {
    return undefined;
  }
}

function fields(value: unknown): Fields | undefined {
  return typeof value === 'object' && value !== null ? (value as Fields) : undefined;
}

function decodeEmission(value: unknown): Emission | undefined {
  const e = fields(value);
  const modulation = e && decodeModulation(e.modulation);
  if (!modulation) return undefined;
  const { startMs, frequencyHz, crystalPpm, powerDbm } = e;
  const bytes = typeof e.bytes === 'string' ? fromHex(e.bytes) : undefined;
  if (!bytes || bytes.length < 1 || bytes.length > 255) return undefined;
  if (!isNumber(startMs) || !isBetween(frequencyHz, 0, 1100e6)) return undefined;
  if (!isBetween(crystalPpm, -200, 200) || !isBetween(powerDbm, -60, 30)) return undefined;
  return { startMs, modulation, bytes, frequencyHz, crystalPpm, powerDbm };
}

function decodeModulation(value: unknown): Modulation | undefined {
  const m = fields(value);
  if (!m) return undefined;
  const { bandwidthHz, spreadingFactor, codingRate, preambleSymbols, syncWord } = m;
  const { implicitHeader, crc, invertedIq, lowDataRate } = m;
  if (!BANDWIDTHS_HZ.some((b) => b === bandwidthHz) || !isNumber(bandwidthHz)) return undefined;
  if (!isCount(spreadingFactor) || !isBetween(spreadingFactor, 6, 12)) return undefined;
  if (!isCount(codingRate) || !isBetween(codingRate, 5, 8)) return undefined;
  if (!isCount(preambleSymbols) || !isBetween(preambleSymbols, 0, 65535)) return undefined;
  if (!isCount(syncWord) || !isBetween(syncWord, 0, 255)) return undefined;
  if (!isFlag(implicitHeader) || !isFlag(crc) || !isFlag(invertedIq) || !isFlag(lowDataRate))
    return undefined;
  return {
    ...{ bandwidthHz, spreadingFactor, codingRate, preambleSymbols, syncWord },
    ...{ implicitHeader, crc, invertedIq, lowDataRate },
  };
}

const isNumber = (v: unknown): v is number => typeof v === 'number' && Number.isFinite(v);
const isCount = (v: unknown): v is number => Number.isSafeInteger(v) && (v as number) >= 0;
const isFlag = (v: unknown): v is boolean => typeof v === 'boolean';
const isName = (v: unknown): v is string => typeof v === 'string' && /^[\w.-]{1,64}$/.test(v);
const isBetween = (v: unknown, low: number, high: number): v is number =>
  isNumber(v) && v >= low && v <= high;
