/** Whole meshes in figures: delivery, delay, airtime against the physical minimum, and what routing costs by size. */
import { type Figures, figures } from '../scenario/letters.ts';
import { type MeshOptions, runMesh } from '../scenario/mesh.ts';
import { meshOf, QUARTER_OFF } from '../scenario/mesh-scenarios.ts';

/** Shorter and smaller than those of `make scenarios`, so that all of them take minutes. */
const MESHES: readonly (readonly [string, MeshOptions])[] = ([7, 10] as const).flatMap((spreadingFactor) => {
  const mesh = (n: number, oneWay = 0) => meshOf({ n, spreadingFactor, seed: n + spreadingFactor, oneWay });
  const day = { warmUp: 12, writing: 12, after: 12, ttlDays: 7 };
  return [
    [`20 boxes, SF${spreadingFactor}, all up`, { ...mesh(20, 0.1), ...day }],
    [`20 boxes, SF${spreadingFactor}, a quarter off`, { ...mesh(20), ...day, after: 48, churn: QUARTER_OFF }],
    [
      `20 boxes, SF${spreadingFactor}, in halves for 12 h`,
      { ...mesh(20), ...day, after: 48, partition: [0, 12] },
    ],
  ] as const;
});

export interface MeshRow {
  readonly name: string;
  readonly figures: Figures;
  readonly violations: number;
}

export async function* meshes(): AsyncGenerator<MeshRow> {
  for (const [name, options] of MESHES) yield await run(name, options);
}

/** Without mail: share of channel time spent on routing, hours 6 to 12 after power-up. */
export async function* routing(): AsyncGenerator<MeshRow> {
  for (const n of [10, 30, 100, 300]) {
    const options = {
      ...meshOf({ n, spreadingFactor: 10, seed: n }),
      warmUp: 6,
      writing: 6,
      after: 0,
      perDay: 0,
    };
    yield await run(`${n} boxes, SF10`, options);
  }
}

async function run(name: string, options: MeshOptions): Promise<MeshRow> {
  const outcome = await runMesh(options, () => performance.now());
  return { name, figures: figures(outcome), violations: outcome.violations.length };
}
