import { describe, expect, test } from 'vitest';
import { every, SystemClock } from '../../src/core/clock.ts';
import { Simulation } from '../simulation.ts';

describe('virtual time', () => {
  test('runs timers by time, then in the order they were set', async () => {
    const sim = new Simulation();
    const ran: string[] = [];
    sim.after(20, () => ran.push('c'));
    sim.after(10, () => ran.push('a'));
    sim.after(10, () => ran.push('b'));
    await sim.run(15);
    expect(ran).toEqual(['a', 'b']);
    expect(sim.monotonic()).toBe(15);
    await sim.run(5);
    expect(ran).toEqual(['a', 'b', 'c']);
  });
  test('lets promises settle before the next timer', async () => {
    const sim = new Simulation();
    const ran: string[] = [];
    sim.after(1, async () => {
      await null;
      await null;
      ran.push('first');
    });
    sim.after(1, () => ran.push('second'));
    await sim.run(1);
    expect(ran).toEqual(['first', 'second']);
  });
  test('cancels, and never goes back', async () => {
    const sim = new Simulation();
    let ran = 0;
    const cancel = sim.after(5, () => ran++);
    cancel();
    cancel();
    sim.after(-5, () => ran++);
    await sim.run(10);
    expect(ran).toBe(1);
  });
  test('sleep rejects with the reason of its signal', async () => {
    const sim = new Simulation();
    const controller = new AbortController();
    const slept = sim.sleep(1000, controller.signal).catch((e) => e);
    controller.abort('enough');
    expect(await slept).toBe('enough');
    await sim.resolve(sim.sleep(50), 50);
    expect(sim.monotonic()).toBe(50);
  });
  test('says what it waited for in vain, and with which seed', async () => {
    const sim = new Simulation('a seed');
    await expect(sim.until(() => false, 1000, 'the end of the world')).rejects.toThrow(
      /the end of the world .* 1000 ms .*a seed/,
    );
  });
  test('is the same run for the same seed', async () => {
    const trace = async () => {
      const sim = new Simulation(7);
      const seen: string[] = [];
      const step = (depth: number) => {
        seen.push(`${sim.monotonic()} ${sim.random.fork(String(depth)).bytes(2)}`);
        if (depth < 12) for (const b of sim.random.bytes(2)) if (b < 150) sim.after(b, () => step(depth + 1));
      };
      for (let i = 0; i < 20; i++) sim.after(i, () => step(0));
      await sim.run(10_000);
      return seen;
    };
    const first = await trace();
    expect(first.length).toBeGreaterThan(100);
    expect(await trace()).toEqual(first);
  });
});

test('`every` never overlaps itself and stops when told', async () => {
  const sim = new Simulation();
  const starts: number[] = [];
  const stop = every(sim, 10, async () => {
    starts.push(sim.monotonic());
    await sim.sleep(25);
  });
  await sim.run(100);
  expect(starts).toEqual([10, 45, 80]);
  stop();
  await sim.run(100);
  expect(starts).toHaveLength(3);
});

test("the system's clock waits longer than a Node timer can", async () => {
  const clock = new SystemClock();
  let ran = false;
  const cancel = clock.after(2 ** 31 + 1000, () => {
    ran = true;
  });
  await clock.sleep(5);
  expect(ran).toBe(false);
  cancel();
});
