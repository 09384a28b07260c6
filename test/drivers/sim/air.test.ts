/** The air: losses, who hears whom, what observers see, other people's traffic. */
import { describe, expect, test } from 'vitest';
import { Air, type AirOptions } from '../../../drivers/sim/air.ts';
import { startForeignTraffic } from '../../../drivers/sim/foreign.ts';
import { Propagation } from '../../../drivers/sim/propagation.ts';
import { silentMs, type Transmission } from '../../../drivers/sim/transmission.ts';
import { SeededRandom } from '../../../src/core/random.ts';
import { Simulation } from '../../simulation.ts';
import { bench, Probe } from './bench.ts';

const HOUR_MS = 3_600_000;

function air(options: Partial<AirOptions> = {}): { simulation: Simulation; air: Air } {
  const simulation = new Simulation(7);
  return { simulation, air: new Air({ clock: simulation, random: simulation.random, ...options }) };
}

describe('loss', () => {
  test('is what was set, one way or both, and the default otherwise', () => {
    const { air: a } = air({ lossDb: 120 });
    a.setLoss('A', 'B', 90);
    a.setOneWayLoss('B', 'A', 95);
    expect(a.lossDb('A', 'B')).toBe(90);
    expect(a.lossDb('B', 'A')).toBe(95);
    expect(a.lossDb('A', 'C')).toBe(120);
  });

  test('between places: 128.95 dB at one kilometre, 23.2 dB per decade (Petäjäjärvi et al. 2015)', () => {
    const { air: a } = air({ shadowingDb: 0, asymmetryDb: 0 });
    a.place('A', 0, 0);
    a.place('B', 600, 800);
    a.place('C', 10_000, 0);
    expect(a.lossDb('A', 'B')).toBeCloseTo(128.95, 9);
    expect(a.lossDb('A', 'C')).toBeCloseTo(152.15, 9);
  });

  test('shadowing differs from pair to pair and little between directions', () => {
    const p = new Propagation(new SeededRandom(1), { shadowingDb: 6, asymmetryDb: 1 });
    const shadows: number[] = [];
    const skews: number[] = [];
    for (let i = 0; i < 400; i++) {
      p.place(`a${i}`, 0, 0);
      p.place(`b${i}`, 1000, 0);
      const there = p.meanLossDb(`a${i}`, `b${i}`);
      shadows.push(there - 128.95);
      skews.push(there - p.meanLossDb(`b${i}`, `a${i}`));
      expect(p.meanLossDb(`a${i}`, `b${i}`)).toBe(there);
    }
    expect(deviation(shadows)).toBeGreaterThan(5.3);
    expect(deviation(shadows)).toBeLessThan(6.7);
    expect(deviation(skews)).toBeGreaterThan(0.85);
    expect(deviation(skews)).toBeLessThan(1.15);
  });

  test('fading wanders slowly, alike both ways, with its deviation', () => {
    const p = new Propagation(new SeededRandom(1), { fadingDb: 3 });
    const values: number[] = [];
    for (let pair = 0; pair < 40; pair++)
      for (let t = 0; t < 48; t++) {
        const v = p.fadingDb(`a${pair}`, 'b', t * HOUR_MS);
        values.push(v);
        expect(p.fadingDb('b', `a${pair}`, t * HOUR_MS)).toBe(v);
        expect(Math.abs(p.fadingDb(`a${pair}`, 'b', t * HOUR_MS + 1000) - v)).toBeLessThan(0.5);
        expect(Math.abs(v)).toBeLessThanOrEqual(p.deepestGainDb);
      }
    expect(deviation(values)).toBeGreaterThan(2.6);
    expect(deviation(values)).toBeLessThan(3.4);
  });
});

test('observers see every transmission as it was, whatever became of it', async () => {
  const b = bench({ lossDb: Number.POSITIVE_INFINITY });
  const p = new Probe(b, 'A');
  const seen: Transmission[] = [];
  b.air.onTransmission.on((t) => seen.push(t));
  const started: number[] = [];
  b.air.onStart.on(() => started.push(b.simulation.monotonic()));
  await p.configure();
  p.send(Uint8Array.of(1, 2, 3));
  await b.simulation.run(1);
  expect([started.length, seen.length]).toEqual([1, 0]);
  await b.simulation.run(100);
  expect(seen).toHaveLength(1);
  expect(seen[0]?.startMs).toBe(started[0]);
  const [t] = seen;
  expect(t).toMatchObject({
    from: 'A',
    bytes: Uint8Array.of(1, 2, 3),
    powerDbm: 14,
    modulation: { spreadingFactor: 7, bandwidthHz: 125_000, codingRate: 5, syncWord: 0x12, crc: true },
  });
  // 12.25 + 8 + ceil((24 - 28 + 28 + 16) / 28) * 5 symbols
  expect((t?.endMs ?? 0) - (t?.startMs ?? 0)).toBeCloseTo(30.25 * 1.024, 6);
});

test('a slow crystal stretches a frame and lowers its carrier', async () => {
  const b = bench();
  const p = new Probe(b, 'A', { crystalPpm: -20 });
  let t: Transmission | undefined;
  b.air.onTransmission.on((x) => {
    t = x;
  });
  await p.configure();
  p.send(Uint8Array.of(1, 2, 3));
  await b.simulation.run(100);
  expect(((t?.endMs ?? 0) - (t?.startMs ?? 0)) / (30.25 * 1.024)).toBeCloseTo(1.00002, 7);
  expect((t?.carrierHz ?? 0) - (t?.frequencyHz ?? 0)).toBeCloseTo(-20e-6 * 869.525e6, 0);
});

test('a radio out of range costs no event', async () => {
  const b = bench({ lossDb: Number.POSITIVE_INFINITY });
  const sender = new Probe(b, 'A');
  await sender.configure();
  for (let i = 0; i < 50; i++) {
    const p = new Probe(b, `far${i}`);
    await p.configure();
    p.listen();
  }
  await b.simulation.run(10);
  const before = b.simulation.events;
  await b.simulation.run(24 * HOUR_MS);
  expect(b.simulation.events - before).toBe(0);
  sender.send(Uint8Array.of(1));
  await b.simulation.run(1000);
  expect(b.simulation.events - before).toBe(2); // the transmitter's ramp and the end
});

test('a radio that leaves in the middle of its frame falls silent', async () => {
  const b = bench();
  const [a, c] = [new Probe(b, 'A'), new Probe(b, 'B')];
  await a.configure();
  await c.configure();
  c.listen();
  await b.simulation.run(1);
  a.send(new Uint8Array(50));
  await b.simulation.run(40);
  a.chip.remove();
  await b.simulation.run(200);
  expect(c.read(0x12)).toBe(0x70);
  // the name is free again
  new Probe(b, 'A');
});

test('the same seed gives the same run', async () => {
  const run = async (seed: number) => {
    const b = bench({ lossDb: 138, fadingDb: 2 }, seed);
    const outcomes: string[] = [];
    b.air.onReception.on((r) => outcomes.push(`${r.at} ${r.outcome} ${r.powerDbm} ${r.transmission.endMs}`));
    startForeignTraffic(b.air, b.simulation.random.fork('foreign'), { occupancy: 0.3 });
    const probes = ['A', 'B', 'C'].map((name) => new Probe(b, name));
    for (const p of probes) {
      await p.configure();
      p.listen();
    }
    for (let i = 0; i < 30; i++) {
      const p = probes[i % 3] as Probe;
      p.send(new Uint8Array(30));
      await b.simulation.run(150);
      p.listen();
      await b.simulation.run(300);
    }
    return outcomes;
  };
  const first = await run(1);
  expect(first.length).toBeGreaterThan(60);
  expect(await run(1)).toEqual(first);
  expect(await run(2)).not.toEqual(first);
});

describe('foreign traffic', () => {
  test.each([0.1, 0.5])('takes its share of the air: %f', async (occupancy) => {
    const { simulation, air: a } = air();
    let airtime = 0;
    a.onTransmission.on((t) => {
      airtime += silentMs(t) - t.startMs;
      expect(t.modulation.syncWord).toBe(0x34);
    });
    const stop = startForeignTraffic(a, simulation.random, { occupancy });
    await simulation.run(4 * HOUR_MS);
    stop();
    expect(airtime / (4 * HOUR_MS)).toBeGreaterThan(occupancy * 0.93);
    expect(airtime / (4 * HOUR_MS)).toBeLessThan(occupancy * 1.07);
    const events = simulation.events;
    await simulation.run(HOUR_MS);
    expect(simulation.events - events).toBeLessThanOrEqual(2); // timers already set
  });

  test('is never received', async () => {
    const b = bench();
    const p = new Probe(b, 'A');
    await p.configure();
    p.listen();
    startForeignTraffic(b.air, b.simulation.random, { occupancy: 0.5, spreadingFactors: [7] });
    await b.simulation.run(60_000);
    expect(p.read(0x12)).toBe(0);
  });
});

function deviation(values: readonly number[]): number {
  const mean = values.reduce((s, v) => s + v, 0) / values.length;
  return Math.sqrt(values.reduce((s, v) => s + (v - mean) ** 2, 0) / values.length);
}
