/** The meshes that are run: how large, how bad, how long, and what must come of it. */
import type { MeshOptions } from './mesh.ts';
import { randomTopology, topologyWithSleepers } from './topology.ts';

/** Loss at which every third frame is lost, by spreading factor, dB (125 kHz, 14 dBm). */
export const EDGE_DB = { 7: 139.2, 10: 146.7 } as const;

export interface Limits {
  /** Of the letters that an epidemic delivers: at least so many within so many hours. */
  readonly delivered: readonly (readonly [share: number, withinHours: number])[];
  /** s, at most; or so many times the epidemic's, where that is more. */
  readonly p95S?: number;
  readonly p95OfOracle?: number;
  readonly stretch: number;
  /** Share of channel time at every box. */
  readonly routing: number;
}

export interface MeshScenario {
  readonly name: string;
  readonly mesh: MeshOptions;
  readonly limits: Limits;
}

export interface Size {
  readonly n: number;
  readonly spreadingFactor: keyof typeof EDGE_DB;
  readonly seed: number;
  /** Share of links that work in one direction only. */
  readonly oneWay?: number;
}

const DAY = 24;
/** A quarter of the boxes off at any time. */
export const QUARTER_OFF = { onHours: 9, offHours: 3 };
const MOSTLY_OFF = { onHours: 2, offHours: 8 };

/** A random mesh, six neighbours to each box on average. */
export function meshOf({ n, seed, spreadingFactor, oneWay = 0 }: Size) {
  const edgeDb = EDGE_DB[spreadingFactor];
  return {
    ...{ seed, spreadingFactor },
    topology: (random: Parameters<typeof randomTopology>[0]) =>
      randomTopology(random, { n, degree: 6, edgeDb, oneWay }),
  };
}

const ROUTING = 0.03;
const WITHIN_DAYS = [
  [0.99, 2 * DAY],
  [0.995, 7 * DAY],
] as const;

function allUp(n: number, spreadingFactor: Size['spreadingFactor'], seed: number): MeshScenario {
  return {
    name: `${n} boxes, SF${spreadingFactor}, all up, every tenth link one-way`,
    mesh: {
      ...meshOf({ n, spreadingFactor, seed, oneWay: 0.1 }),
      ...{ warmUp: n > 60 ? 3 * DAY : DAY, writing: DAY, after: DAY },
    },
    limits: {
      delivered: [[n > 60 ? 0.99 : 0.999, 48]],
      ...(n > 60 ? {} : { p95S: spreadingFactor === 7 ? 30 : 120 }),
      ...{ stretch: 1.3, routing: ROUTING },
    },
  };
}

function churn(n: number, spreadingFactor: Size['spreadingFactor'], seed: number): MeshScenario {
  const slow = n > 60 && spreadingFactor === 10;
  return {
    name: `${n} boxes, SF${spreadingFactor}, a quarter off at any time`,
    mesh: {
      ...meshOf({ n, spreadingFactor, seed }),
      ...{ warmUp: n > 60 ? 3 * DAY : DAY, writing: DAY, after: 7 * DAY, ttlDays: 14, churn: QUARTER_OFF },
    },
    limits: {
      delivered: slow
        ? [
            [0.95, 2 * DAY],
            [0.99, 7 * DAY],
          ]
        : WITHIN_DAYS,
      ...(n > 60 ? {} : { p95OfOracle: 2 }),
      ...{ stretch: 2.5, routing: ROUTING },
    },
  };
}

/** Half of the boxes are people's and mostly off; the others relay, and keep their mail. */
function mostlyOff(spreadingFactor: Size['spreadingFactor'], seed: number): MeshScenario {
  const n = 60;
  const edgeDb = EDGE_DB[spreadingFactor];
  return {
    name: `60 boxes, SF${spreadingFactor}, half of them off four fifths of the time`,
    mesh: {
      ...{ seed, spreadingFactor, ttlDays: 14, churn: MOSTLY_OFF },
      topology: (random) => topologyWithSleepers(random, { n, degree: 6, edgeDb }, n / 2),
      ...{ warmUp: DAY, writing: DAY, after: 7 * DAY },
    },
    limits: { delivered: WITHIN_DAYS, ...{ p95OfOracle: 2, stretch: 2.5, routing: ROUTING } },
  };
}

function partition(spreadingFactor: Size['spreadingFactor'], seed: number): MeshScenario {
  return {
    name: `60 boxes, SF${spreadingFactor}, in two halves for a day`,
    mesh: {
      ...meshOf({ n: 60, spreadingFactor, seed }),
      ...{ warmUp: DAY, writing: DAY, after: 7 * DAY, ttlDays: 14, partition: [0, DAY] as const },
    },
    limits: { delivered: WITHIN_DAYS, ...{ p95OfOracle: 2, stretch: 2.5, routing: ROUTING } },
  };
}

/** `make scenarios`: half an hour on two cores. */
export const LONG: readonly MeshScenario[] = [
  allUp(60, 7, 1),
  allUp(60, 10, 2),
  churn(60, 7, 3),
  churn(60, 10, 4),
  partition(7, 5),
  partition(10, 6),
  mostlyOff(7, 11),
  mostlyOff(10, 12),
];

/** `make scenarios-300`: a night. */
export const VERY_LONG: readonly MeshScenario[] = [
  allUp(300, 7, 7),
  allUp(300, 10, 8),
  churn(300, 7, 9),
  churn(300, 10, 10),
];
