/** What the receiver says of the channel: its own state first, detection only when it is idle. */
import { describe, expect, test } from 'vitest';
import { ActivityAge, activityOf } from '../../../drivers/sx127x/activity.ts';
import { headerMs, preambleMs, timeOnAirMs } from '../../../drivers/sx127x/time-on-air.ts';
import { EU868, payload, Roof } from './roof.ts';

const SLOW = { ...EU868, spreadingFactor: 10 };

describe('channel', () => {
  test('tells nothing, preamble, frame, nothing', async () => {
    const roof = new Roof();
    const [a, b] = await roof.boxes(['A', 'B'], SLOW);
    const ask = async () => (await roof.simulation.resolve(b.radio.channel(), 100)).activity;
    expect(await ask()).toBe('clear');
    const sending = a.radio.transmit(payload(50));
    await roof.simulation.run(0.9 * preambleMs(SLOW));
    expect(await ask()).toBe('preamble');
    await roof.simulation.run(0.1 * preambleMs(SLOW) + 10 * 8.192);
    expect(await ask()).toBe('frame');
    await roof.simulation.resolve(sending, 2000);
    await roof.simulation.run(10);
    expect(await ask()).toBe('clear');
    expect(b.frames).toHaveLength(1);
  });

  test('measures noise when quiet and the signal when not', async () => {
    const roof = new Roof();
    const [a, b] = await roof.boxes(['A', 'B'], SLOW);
    const quiet = await roof.simulation.resolve(b.radio.channel(), 100);
    expect(quiet.rssiDbm).toBeLessThan(-105);
    const sending = a.radio.transmit(payload(50));
    await roof.simulation.run(100);
    expect((await roof.simulation.resolve(b.radio.channel(), 100)).rssiDbm).toBeGreaterThan(-90);
    await roof.simulation.resolve(sending, 2000);
  });
});

describe('detect', () => {
  test('says no in a quiet channel and leaves the receiver on', async () => {
    const roof = new Roof('quiet');
    const [a, b] = await roof.boxes(['A', 'B']);
    let found = 0;
    for (let i = 0; i < 20; i++) if (await roof.simulation.resolve(b.radio.detect(), 100)) found++;
    expect(found).toBeLessThan(3); // a detector has false alarms
    await a.transmit(payload(20));
    await roof.simulation.run(50);
    expect(b.frames).toHaveLength(1);
  });

  test('sees a preamble that began while it listened', async () => {
    const roof = new Roof();
    const [a, b] = await roof.boxes(['A', 'B'], SLOW);
    const sending = a.radio.transmit(payload(50));
    // too early for the receiver to have locked
    await roof.simulation.run(2 * 8.192);
    expect(await roof.simulation.resolve(b.radio.detect(), 200)).toBe(true);
    await roof.simulation.resolve(sending, 2000);
  });

  test('does not cost a reception under way', async () => {
    const roof = new Roof();
    const [a, b] = await roof.boxes(['A', 'B'], SLOW);
    const sending = a.radio.transmit(payload(50));
    await roof.simulation.run(300);
    expect(await roof.simulation.resolve(b.radio.detect(), 100)).toBe(true);
    await roof.simulation.resolve(sending, 2000);
    await roof.simulation.run(50);
    expect(b.frames.map((f) => f.bytes)).toEqual([payload(50)]);
  });

  test.each([7, 12])('at SF%i ends by interrupt and without one', async (spreadingFactor) => {
    const roof = new Roof();
    const [a] = await roof.boxes(['A'], { ...EU868, spreadingFactor });
    await roof.simulation.resolve(a.radio.detect(), 200);
    a.chip.faults.interruptsToLose = 1;
    await roof.simulation.resolve(a.radio.detect(), 200);
    expect(a.counters.all()).toEqual({ 'radio.missed-interrupt': 1 });
  });
});

describe('what ModemStat says', () => {
  test.each([
    [0x10, 'clear'],
    [0x14, 'clear'], // "RX on-going" of a quiet receiver
    [0x05, 'preamble'],
    [0x07, 'preamble'],
    [0x0f, 'frame'],
  ])('0x%s is %s', (value, activity) => {
    expect(activityOf(value)).toBe(activity);
  });
});

describe('false detections age out', () => {
  test('a preamble that lasts longer than preamble and header', () => {
    const age = new ActivityAge(SLOW);
    const longest = 1.25 * headerMs(SLOW);
    expect(age.expired('preamble', 0)).toBe(false);
    expect(age.expired('preamble', longest)).toBe(false);
    expect(age.expired('preamble', longest + 1)).toBe(true);
    expect(age.expired('clear', longest + 2)).toBe(false);
    expect(age.expired('preamble', longest + 3)).toBe(false);
  });

  test('a frame that lasts longer than the longest', () => {
    const age = new ActivityAge(SLOW);
    const longest = 1.25 * timeOnAirMs(SLOW, 255);
    for (let t = 0; t <= longest; t += 500) expect(age.expired('frame', t)).toBe(false);
    expect(age.expired('frame', longest + 1)).toBe(true);
  });

  test('but two that are far apart are two', () => {
    const age = new ActivityAge(SLOW);
    const longest = 1.25 * headerMs(SLOW);
    for (let i = 0; i < 10; i++) expect(age.expired('preamble', 2 * i * longest)).toBe(false);
  });

  test('a step from preamble to frame begins anew', () => {
    const age = new ActivityAge(SLOW);
    expect(age.expired('preamble', 0)).toBe(false);
    expect(age.expired('frame', 1.2 * headerMs(SLOW))).toBe(false);
    expect(age.expired('frame', 2 * headerMs(SLOW))).toBe(false);
  });
});
