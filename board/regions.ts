/**
 * Where it is lawful to transmit, how strongly and how long. Defaults gathered from public sources, for the operator
 * to check: the law of the place decides.
 */

/** What of the radio's settings the law looks at. */
export interface Emission {
  readonly frequencyHz: number;
  readonly bandwidthHz: number;
  /** At the transmitter's pin. */
  readonly powerDbm: number;
}

/** Settings that make a lawful and sensible start. */
export interface RegionDefaults extends Emission {
  readonly spreadingFactor: number;
  readonly codingRate: 5 | 6 | 7 | 8;
}

export interface SubBand {
  readonly fromHz: number;
  readonly toHz: number;
  readonly maxPowerDbm: number;
  /** Radiated power over a half-wave dipole (ERP) or over an isotropic antenna (EIRP = ERP + 2.15 dB). */
  readonly powerIs: 'ERP' | 'EIRP';
  /** Share of any hour in which may be transmitted; none: no limit. */
  readonly dutyCycle?: number;
  /** Longest single transmission, ms; none: no limit. */
  readonly dwellMs?: number;
  /** Least width of a channel that stays on one frequency, as ours do; none: no limit. */
  readonly minBandwidthHz?: number;
  /** Greatest width of a channel; none: no limit. */
  readonly maxBandwidthHz?: number;
  /** Most power in so much of the channel, as `powerIs` says; of channels wider than `aboveHz` only. None: no limit. */
  readonly density?: { readonly dbm: number; readonly perHz: number; readonly aboveHz: number };
  /** The channel must have been weaker than this for so long just before a transmission. */
  readonly listenBeforeTalk?: { readonly thresholdDbm: number; readonly ms: number };
}

export interface Region {
  readonly name: RegionName;
  readonly where: string;
  /** Where its limits are from; what was seen only as others quote it says so. */
  readonly source: string;
  /** In ascending order, without overlap; what lies between them is forbidden. */
  readonly subBands: readonly SubBand[];
  readonly defaults: RegionDefaults;
}

export type RegionName = 'EU868' | 'EU433' | 'US915' | 'AU915' | 'AS923' | 'IN865' | 'KR920' | 'CN470';

const MHZ = 1_000_000;

/** 2.15 dB: what a half-wave dipole gains over an isotropic antenna. */
const DIPOLE_GAIN_DB = 2.15;

/** Long enough to carry a handshake: a profile below is of no use. */
const LEAST_MTU = 200;

function band(fromMhz: number, toMhz: number, rest: Omit<SubBand, 'fromHz' | 'toHz'>): SubBand {
  return { fromHz: Math.round(fromMhz * MHZ), toHz: Math.round(toMhz * MHZ), ...rest };
}

const erp = (maxPowerDbm: number) => ({ maxPowerDbm, powerIs: 'ERP' }) as const;
const eirp = (maxPowerDbm: number) => ({ maxPowerDbm, powerIs: 'EIRP' }) as const;

export const REGIONS: readonly Region[] = [
  {
    name: 'EU868',
    where: 'Europe, 863–870 MHz',
    source: 'ERC Recommendation 70-03, annex 1; ETSI EN 300 220-2',
    subBands: [
      band(863, 865, { ...erp(14), dutyCycle: 0.001 }),
      band(865, 868, { ...erp(14), dutyCycle: 0.01 }),
      band(868, 868.6, { ...erp(14), dutyCycle: 0.01 }),
      band(868.7, 869.2, { ...erp(14), dutyCycle: 0.001 }),
      band(869.4, 869.65, { ...erp(27), dutyCycle: 0.1 }),
      band(869.7, 870, { ...erp(14), dutyCycle: 0.01 }),
    ],
    // 360 s of airtime an hour where the band's other parts give 36
    defaults: at(869.525, 125_000, 9, 17),
  },
  {
    name: 'EU433',
    where: 'Europe, 433 MHz',
    source: 'ERC Recommendation 70-03, annex 1; ETSI EN 300 220-2',
    subBands: [band(433.05, 434.79, { ...erp(10), dutyCycle: 0.1 })],
    defaults: at(434.165, 125_000, 9, 10),
  },
  {
    name: 'US915',
    where: 'United States, Canada',
    source: '47 CFR 15.247; the 0.4 s as in Lora-net/LoRaMac-node, RegionUS915.c',
    // 15.247(a): from 500 kHz on, or hopping over 25 channels and more, 0.4 s on each at most; the tables have the 0.4 s
    // for all
    subBands: [band(902, 928, { ...eirp(30), dwellMs: 400, minBandwidthHz: 500_000 })],
    // between LoRaWAN's uplinks and downlinks
    defaults: at(919, 500_000, 9, 17),
  },
  {
    name: 'AU915',
    where: 'Australia, New Zealand, South America',
    source:
      'Radiocommunications (Low Interference Potential Devices) Class Licence, as its users quote it; RegionAU915.c',
    // 25 mW in 3 kHz; a least width is not among what is quoted of the licence
    subBands: [
      band(915, 928, { ...eirp(30), dwellMs: 400, density: { dbm: 13.98, perHz: 3_000, aboveHz: 0 } }),
    ],
    defaults: at(920, 500_000, 9, 17),
  },
  {
    name: 'AS923',
    where: 'South-East Asia, Japan, Taiwan',
    source: 'LoRa Alliance RP002, AS923; for Japan ARIB STD-T108, as RegionAS923.c has it',
    subBands: [
      band(915, 928, {
        ...eirp(16),
        dutyCycle: 0.01,
        dwellMs: 400,
        listenBeforeTalk: { thresholdDbm: -80, ms: 5 },
      }),
    ],
    defaults: at(922, 125_000, 7, 13),
  },
  {
    name: 'IN865',
    where: 'India',
    source:
      'G.S.R. 168(E) of 2005, replaced by G.S.R. 853(E) of 2021; the power as in Meshtastic, below both',
    subBands: [band(865, 867, { ...eirp(30), maxBandwidthHz: 200_000 })],
    defaults: at(866.3, 125_000, 9, 17),
  },
  {
    name: 'KR920',
    where: 'South Korea',
    source: 'LoRa Alliance RP002, KR920; RegionKR920.c',
    // channels of 200 kHz: the centres 920.9 … 921.9 and 922.1 … 923.3 of the tables, with their halves
    subBands: [
      band(920.8, 922, { ...eirp(10), listenBeforeTalk: { thresholdDbm: -65, ms: 6 } }),
      band(922, 923.4, { ...eirp(14), listenBeforeTalk: { thresholdDbm: -65, ms: 6 } }),
    ],
    defaults: at(923.1, 125_000, 9, 11),
  },
  {
    name: 'CN470',
    where: 'China',
    source:
      'Notice 52 of 2019 of the ministry of industry (civil metering, 470–510 MHz), as laboratories quote it',
    // 50 mW ERP, but 10 mW in 100 kHz beyond 200 kHz; 1 s a transmission, which at SF9 holds 197 bytes
    subBands: [
      band(470, 510, {
        ...eirp(19),
        dwellMs: 1_000,
        density: { dbm: 10 + DIPOLE_GAIN_DB, perHz: 100_000, aboveHz: 200_000 },
      }),
    ],
    defaults: at(490.1, 125_000, 8, 16),
  },
];

function at(mhz: number, bandwidthHz: number, spreadingFactor: number, powerDbm: number): RegionDefaults {
  return { frequencyHz: Math.round(mhz * MHZ), bandwidthHz, spreadingFactor, codingRate: 5, powerDbm };
}

export function regionNamed(name: string): Region | undefined {
  return REGIONS.find((r) => r.name === name);
}

/** The sub-band that holds the whole of the occupied bandwidth; undefined where there is none. */
export function subBandOf(region: Region, frequencyHz: number, bandwidthHz: number): SubBand | undefined {
  return region.subBands.find(
    (s) => s.fromHz <= frequencyHz - bandwidthHz / 2 && frequencyHz + bandwidthHz / 2 <= s.toHz,
  );
}

/**
 * The longest frame, in bytes, that the region lets be sent in one transmission: 255 at most, 0 where it lets none.
 * `airtimeMs` is the radio's time on air of so many bytes with these settings.
 */
export function mtu(region: Region, settings: Emission, airtimeMs: (bytes: number) => number): number {
  const subBand = subBandOf(region, settings.frequencyHz, settings.bandwidthHz);
  if (!subBand) return 0;
  const { dwellMs = Number.POSITIVE_INFINITY } = subBand;
  for (let bytes = 255; bytes > 0; bytes--) if (airtimeMs(bytes) <= dwellMs) return bytes;
  return 0;
}

/** Why these settings may not be used in the region, in one sentence; undefined where they may. `antennaGainDbi` includes the cable's loss. */
export function checkLawful(
  region: Region,
  settings: Emission,
  antennaGainDbi: number,
  airtimeMs: (bytes: number) => number,
): string | undefined {
  const { frequencyHz, bandwidthHz, powerDbm } = settings;
  const subBand = subBandOf(region, frequencyHz, bandwidthHz);
  if (!subBand) {
    const allowed = region.subBands.map((s) => `${mhz(s.fromHz)}–${mhz(s.toHz)}`).join(', ');
    return (
      `${mhz(frequencyHz)} MHz with a bandwidth of ${bandwidthHz / 1000} kHz does not lie within one sub-band of ` +
      `${region.name}: choose a frequency inside ${allowed} MHz.`
    );
  }
  const { minBandwidthHz = 0 } = subBand;
  if (bandwidthHz < minBandwidthHz)
    return (
      `${region.name} allows a channel that stays on one frequency, as this radio's does, only from ` +
      `${minBandwidthHz / 1000} kHz on, and this one is ${bandwidthHz / 1000} kHz wide: set the bandwidth to ` +
      `${minBandwidthHz / 1000} kHz.`
    );
  const { maxBandwidthHz = Number.POSITIVE_INFINITY } = subBand;
  if (bandwidthHz > maxBandwidthHz)
    return (
      `${region.name} allows channels of ${maxBandwidthHz / 1000} kHz, and this one is ${bandwidthHz / 1000} kHz wide: ` +
      'set the bandwidth to 125 kHz.'
    );
  const mostDbm = Math.min(subBand.maxPowerDbm, mostByDensity(subBand, bandwidthHz));
  const radiatedDbm = powerDbm + antennaGainDbi - (subBand.powerIs === 'ERP' ? DIPOLE_GAIN_DB : 0);
  // a hundredth of a decibel is no offence
  if (radiatedDbm > mostDbm + 0.01)
    return (
      `${powerDbm} dBm into an antenna of ${antennaGainDbi} dBi radiates ${radiatedDbm.toFixed(1)} dBm ${subBand.powerIs}, ` +
      `and ${region.name} allows ${Number(mostDbm.toFixed(1))} dBm at ${mhz(frequencyHz)} MHz: lower the power to ` +
      `${Math.floor(mostDbm + 0.01 - radiatedDbm + powerDbm)} dBm.`
    );
  const longest = mtu(region, settings, airtimeMs);
  if (longest < LEAST_MTU)
    return (
      `${region.name} allows ${subBand.dwellMs} ms for one transmission, which is ${longest} bytes with these settings ` +
      `and too few: choose a lower spreading factor or a larger bandwidth (at least ${LEAST_MTU} bytes must fit).`
    );
  return undefined;
}

/** What a channel of this width may radiate where the law looks at parts of it: LoRa fills it evenly. */
function mostByDensity({ density }: SubBand, bandwidthHz: number): number {
  if (!density || bandwidthHz <= density.aboveHz) return Number.POSITIVE_INFINITY;
  return density.dbm + 10 * Math.log10(bandwidthHz / density.perHz);
}

/** MHz with as many decimals as there are. */
function mhz(hz: number): string {
  return String(hz / MHZ);
}
