/** Whose turn it is for a handshake on the LAN: docs/protocol/link.md, "The LAN". */
import { describe, expect, test } from 'vitest';
import { Counters } from '../../src/core/counters.ts';
import { Newcomers } from '../../src/link/newcomers.ts';
import { Simulation } from '../simulation.ts';

function scene() {
  const sim = new Simulation(1);
  const counters = new Counters();
  const newcomers = new Newcomers(sim, counters);
  const served: string[] = [];
  const enter = (via: string, what = via) => newcomers.enter(via, () => served.push(what));
  return { sim, counters, newcomers, served, enter };
}

describe('handshakes over connections', () => {
  test('are served at once while they are few', () => {
    const { enter, served } = scene();
    for (let i = 0; i < 10; i++) enter('a', `${i}`);
    expect(served).toHaveLength(10);
  });

  test('are 10 a second beyond, however many come and by however many connections', async () => {
    const { enter, served, sim } = scene();
    for (let ms = 0; ms < 10_000; ms += 10) {
      enter(`lan-${(ms / 10) % 40}`);
      await sim.run(10);
    }
    expect(served.length).toBeGreaterThanOrEqual(10 + 10 * 9.5);
    expect(served.length).toBeLessThanOrEqual(10 + 10 * 10);
  });

  test('of one connection keep one place, and the last of them is served', async () => {
    const { counters, enter, served, sim } = scene();
    for (let i = 0; i < 10; i++) enter('flood');
    served.length = 0;
    for (let i = 0; i < 500; i++) enter('flood', `flood ${i}`);
    enter('newcomer');
    enter('flood', 'last');
    await sim.run(250);
    expect(served).toEqual(['last', 'newcomer']);
    expect(counters.get('link.refused.too-many-handshakes')).toBe(500);
  });

  test('wait no longer where their connection has ended', async () => {
    const { enter, newcomers, served, sim } = scene();
    for (let i = 0; i < 10; i++) enter('flood');
    served.length = 0;
    enter('gone');
    enter('stays');
    newcomers.ended('gone');
    await sim.run(1_000);
    expect(served).toEqual(['stays']);
  });

  test('are not served after the stop', async () => {
    const { enter, newcomers, served, sim } = scene();
    for (let i = 0; i < 12; i++) enter(`lan-${i}`);
    newcomers.stop();
    await sim.run(1_000);
    expect(served).toHaveLength(10);
  });
});
