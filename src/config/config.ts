/** The configuration in force: defaults of the region filled in, names resolved, lawfulness checked. */
import { BOARDS } from '../../board/boards.ts';
import { checkLawful, REGIONS, type Region, regionNamed } from '../../board/regions.ts';
import type { PersonError } from '../core/errors.ts';
import { nearest } from './nearest.ts';
import { refusal } from './parse.ts';
import { lineOf } from './positions.ts';
import { type FileConfig, LAN_PORT, type LOG_LEVELS } from './schema.ts';

/** What all boxes that are to hear each other have in common. */
export interface Channel {
  readonly frequencyHz: number;
  readonly bandwidthHz: number;
  readonly spreadingFactor: number;
  /** 4/x. */
  readonly codingRate: 5 | 6 | 7 | 8;
}

/** ms on air of a frame of so many bytes: the driver's knowledge, handed in. */
export type Airtime = (channel: Channel, bytes: number) => number;

export interface RadioConfig extends Channel {
  /** Name of a board, or `detect`. */
  readonly board: string;
  readonly region: Region;
  /** At the chip's pin. */
  readonly powerDbm: number;
  readonly antennaGainDbi: number;
  readonly sim: { readonly air: string; readonly name: string };
}

export interface LanConfig {
  /** TCP; undefined: it takes no connections. */
  readonly port: number | undefined;
  readonly peers: readonly { readonly host: string; readonly port: number }[];
  readonly multicast: boolean;
}

export interface Config {
  /** Empty: none. */
  readonly name: string;
  /** Undefined for a node without one. */
  readonly radio: RadioConfig | undefined;
  /** Undefined for a node that is not to be on one. */
  readonly lan: LanConfig | undefined;
  readonly store: { readonly reserveBytes: number; readonly maxBytes: number };
  readonly ttlDays: number;
  /** Names of contacts, or contact codes; empty: the box chooses. */
  readonly mailboxes: readonly string[];
  readonly logLevel: (typeof LOG_LEVELS)[number];
}

/** Highest power with which the chip may transmit for as long as the law lets it (datasheet 5.4.3: +20 dBm for 1 % only). */
const FULL_DUTY_DBM = 17;
const LEAST_DBM = 2;

const MEGABYTE = 1_000_000;

/**
 * What follows from the `values` of the text `toml` in `file`. Throws `refusal` where a board or region does not exist
 * or the region's law forbids the settings.
 */
export function effective(values: FileConfig, toml: string, file: string, airtime: Airtime): Config {
  const { node, lan, store, messages, log } = values;
  const refuse = (key: string, sentence: string) =>
    refusal(file, [{ key, line: lineOf(toml, key.split('.')), sentence: `${key}: ${sentence}` }]);

  const radio = radioOf(values.radio, airtime, refuse);
  if (!radio && !lan.enabled)
    throw refuse(
      'lan.enabled',
      'without a radio and without the LAN it would speak to nobody; set it to true.',
    );
  return {
    name: node.name,
    radio,
    lan: lan.enabled ? lanOf(lan) : undefined,
    store: { reserveBytes: store.reserve_mb * MEGABYTE, maxBytes: store.max_mb * MEGABYTE },
    ttlDays: messages.ttl_days,
    mailboxes: messages.mailboxes,
    logLevel: log.level,
  };
}

/** Undefined where there is to be none. */
function radioOf(
  radio: FileConfig['radio'],
  airtime: Airtime,
  refuse: (key: string, sentence: string) => PersonError,
): RadioConfig | undefined {
  const boards = ['detect', 'none', ...BOARDS.map((b) => b.name)];
  if (!boards.includes(radio.board))
    throw refuse('radio.board', `there is no board ${unknown(radio.board, boards)}`);
  if (radio.board === 'none') return undefined;
  const region = regionNamed(radio.region);
  const regions = REGIONS.map((r) => r.name);
  if (!region) throw refuse('radio.region', `there is no region ${unknown(radio.region, regions)}`);

  const { defaults } = region;
  const channel: Channel = {
    frequencyHz:
      radio.frequency_mhz === undefined ? defaults.frequencyHz : Math.round(radio.frequency_mhz * 1e6),
    bandwidthHz: radio.bandwidth_khz === undefined ? defaults.bandwidthHz : radio.bandwidth_khz * 1e3,
    spreadingFactor: radio.spreading_factor ?? defaults.spreadingFactor,
    codingRate: Number(radio.coding_rate.slice(2)) as Channel['codingRate'],
  };
  const antennaGainDbi = radio.antenna_gain_dbi;
  const objection = (powerDbm: number) =>
    checkLawful(region, { ...channel, powerDbm }, antennaGainDbi, (bytes) => airtime(channel, bytes));
  const powerDbm = radio.power_dbm ?? mostLawful(objection);
  const sentence = objection(powerDbm);
  if (sentence !== undefined) throw refuse('radio', sentence);

  return { board: radio.board, region, ...channel, powerDbm, antennaGainDbi, sim: radio.sim };
}

function lanOf({ port, peers, multicast }: FileConfig['lan']): LanConfig {
  return { port: port === 0 ? undefined : port, peers: peers.map(addressOf), multicast };
}

/** Of what the schema lets through. */
function addressOf(peer: string): { host: string; port: number } {
  const [, v6, name = '', port] = /^(?:\[(.+)\]|([^:]+))(?::(\d+))?$/.exec(peer) ?? [];
  return { host: v6 ?? name, port: port === undefined ? LAN_PORT : Number(port) };
}

/** The highest power that nothing is said against, or the least there is where something always is. */
function mostLawful(objection: (powerDbm: number) => string | undefined): number {
  for (let dbm = FULL_DUTY_DBM; dbm > LEAST_DBM; dbm--) if (objection(dbm) === undefined) return dbm;
  return LEAST_DBM;
}

function unknown(name: string, known: readonly string[]): string {
  const meant = nearest(name, known);
  return meant === undefined
    ? `"${name}"; give one of ${known.join(', ')}.`
    : `"${name}"; did you mean ${meant}?`;
}
