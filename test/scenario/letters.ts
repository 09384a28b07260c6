/** The letters of a mesh scenario, and what became of them, in figures. */
import { timeOnAirMs } from '../../drivers/sx127x/time-on-air.ts';
import { SF7 } from '../world.ts';

export interface Letter {
  readonly from: number;
  readonly to: number;
  readonly text: string;
  /** When it was written, virtual ms; as all times here. */
  readonly at: number;
  /** Shortest path, all up. */
  readonly hops: number;
  /** Of its object, in hex. */
  readonly lock: string;
  deliveredAt: number | undefined;
  /** When an epidemic over free air has delivered it. */
  oracleAt: number | undefined;
  copies: number;
  /** The writer knows. */
  receipted: boolean;
  /** Boxes that had it in custody on the way, and attempts begun anew. */
  entries: number;
  raised: number;
}

export interface Outcome {
  readonly spreadingFactor: number;
  readonly letters: readonly Letter[];
  /** Share of channel time spent on routing at each box, after the warm-up. */
  readonly routingShare: readonly number[];
  /** ms on air of everything that is not routing. */
  readonly mailAirtimeMs: number;
  /** The most that any box was on air in any hour, ms. */
  readonly busiestHourMs: number;
  /** What must never be, and was. */
  readonly violations: readonly string[];
  readonly virtualHours: number;
  readonly wallMs: number;
}

export interface Figures {
  readonly written: number;
  /** Letters that the epidemic delivered. */
  readonly deliverable: number;
  readonly delivered: number;
  /** Of the deliverable, 0 … 1. */
  readonly ratio: number;
  /** The same within so many hours of writing. */
  within(hours: number): number;
  /** Of the delivered, 0 … 1. */
  readonly receipted: number;
  /** s from writing to delivery. */
  readonly medianS: number;
  readonly p95S: number;
  readonly oracleP95S: number;
  /** Hops taken over hops needed, all letters together. */
  readonly stretch: number;
  /** s on air for each delivered letter, and what its text alone would take over the shortest path. */
  readonly airS: number;
  readonly minimumS: number;
  /** Share of channel time, at the busiest box and on average. */
  readonly routingMost: number;
  readonly routingMean: number;
}

const HOUR = 3_600_000;

export function figures({
  letters,
  mailAirtimeMs,
  routingShare,
  spreadingFactor,
}: Pick<Outcome, 'letters' | 'mailAirtimeMs' | 'routingShare' | 'spreadingFactor'>): Figures {
  const deliverable = letters.filter((l) => l.oracleAt !== undefined || l.deliveredAt !== undefined);
  const delivered = letters.filter((l) => l.deliveredAt !== undefined);
  const took = (l: Letter) => (l.deliveredAt ?? Number.POSITIVE_INFINITY) - l.at;
  const times = delivered.map(took);
  const oracle = deliverable.map((l) => (l.oracleAt ?? l.deliveredAt ?? 0) - l.at);
  const sum = (of: (l: Letter) => number) => delivered.reduce((s, l) => s + of(l), 0);
  const share = (part: number) => (deliverable.length > 0 ? part / deliverable.length : 1);
  const text = timeOnAirMs({ ...SF7, spreadingFactor }, 100) / 1000;
  return {
    written: letters.length,
    deliverable: deliverable.length,
    delivered: delivered.length,
    ratio: share(delivered.length),
    within: (hours) => share(delivered.filter((l) => took(l) <= hours * HOUR).length),
    receipted: delivered.filter((l) => l.receipted).length / Math.max(delivered.length, 1),
    medianS: quantile(times, 0.5) / 1000,
    p95S: quantile(times, 0.95) / 1000,
    oracleP95S: quantile(oracle, 0.95) / 1000,
    stretch:
      sum((l) => l.entries + 1) /
      Math.max(
        sum((l) => l.hops),
        1,
      ),
    airS: mailAirtimeMs / 1000 / Math.max(delivered.length, 1),
    minimumS: (text * sum((l) => l.hops)) / Math.max(delivered.length, 1),
    routingMost: Math.max(...routingShare),
    routingMean: routingShare.reduce((a, b) => a + b, 0) / Math.max(routingShare.length, 1),
  };
}

/** Figures of one run as one row of text. */
export function summary(outcome: Outcome): string {
  const f = figures(outcome);
  const { busiestHourMs, violations, virtualHours, wallMs } = outcome;
  const percent = (x: number, digits = 2) => `${(100 * x).toFixed(digits)} %`;
  return [
    `${f.written} letters, ${f.deliverable} deliverable, ${f.delivered} delivered (${percent(f.ratio)})`,
    `receipts ${percent(f.receipted)}`,
    `median ${f.medianS.toFixed(1)} s, p95 ${f.p95S.toFixed(1)} s (epidemic ${f.oracleP95S.toFixed(1)} s)`,
    `stretch ${f.stretch.toFixed(2)}`,
    `air per letter ${f.airS.toFixed(2)} s (text alone ${f.minimumS.toFixed(2)} s)`,
    `routing ${percent(f.routingMean)} of channel time, at most ${percent(f.routingMost)}`,
    `busiest hour ${(busiestHourMs / 1000).toFixed(0)} s on air`,
    `${violations.length} violations`,
    `${virtualHours.toFixed(0)} h in ${(wallMs / 1000).toFixed(0)} s`,
  ].join(' · ');
}

function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(share * (sorted.length - 1))] ?? Number.NaN;
}
