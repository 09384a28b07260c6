/** Large meshes for days of virtual time, held to their limits: `make scenarios`, `make scenarios-300`. */
import { expect, test } from 'vitest';
import { figures, summary } from '../letters.ts';
import { runMesh } from '../mesh.ts';
import { LONG, type MeshScenario, VERY_LONG } from '../mesh-scenarios.ts';

const HOURS = 3_600_000;
const scenarios = process.env.BOXES === '300' ? VERY_LONG : LONG;

/** What is found on the way is lost where the run is cut off: to the terminal at once. */
const say = (line: string) => void process.stdout.write(`${line}\n`);

/** One test for each mesh of that spreading factor. A file for each factor: files run side by side. */
export function holdToLimits(spreadingFactor: number): void {
  const those = scenarios.filter((s) => s.mesh.spreadingFactor === spreadingFactor);
  test.each(those.map((s) => [s.name, s] as const))('%s', { timeout: 48 * HOURS }, (_name, s) => hold(s));
}

async function hold({ limits, mesh, name }: MeshScenario): Promise<void> {
  const outcome = await runMesh(
    mesh,
    () => performance.now(),
    (line) => say(`  ${name}: ${line}`),
  );
  say(`${name}: ${summary(outcome)}`);
  const f = figures(outcome);
  expect(outcome.violations).toEqual([]);
  for (const [share, hours] of limits.delivered)
    expect(f.within(hours), `delivered within ${hours} h`).toBeGreaterThanOrEqual(share);
  expect(f.receipted, 'writers that know').toBe(1);
  const most = Math.max(limits.p95S ?? 0, (limits.p95OfOracle ?? 0) * f.oracleP95S);
  if (most > 0) expect(f.p95S, 'p95, s').toBeLessThanOrEqual(most);
  expect(f.stretch, 'stretch').toBeLessThanOrEqual(limits.stretch);
  expect(f.routingMost, 'routing').toBeLessThanOrEqual(limits.routing);
  expect(outcome.busiestHourMs, 'the law, ms').toBeLessThanOrEqual(360_000);
}
