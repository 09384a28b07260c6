/** Two drivers on two simulated chips: sending and receiving as it should be. */
import { describe, expect, test } from 'vitest';
import { BUSY_PI } from '../../../drivers/sim/host.ts';
import { RadioFault } from '../../../drivers/sx127x/radio.ts';
import { Register } from '../../../drivers/sx127x/registers.ts';
import { timeOnAirMs } from '../../../drivers/sx127x/time-on-air.ts';
import { toHex } from '../../../src/core/bytes.ts';
import { EU868, payload, Roof } from './roof.ts';

describe('a frame from A to B', () => {
  test.each([1, 2, 100, 255])('of %i bytes arrives as it was sent', async (n) => {
    const roof = new Roof();
    const [a, b] = await roof.boxes(['A', 'B']);
    const report = await a.transmit(payload(n));
    await roof.simulation.run(100);
    expect(b.frames.map((f) => f.bytes)).toEqual([payload(n)]);
    expect(report.airtimeMs).toBeCloseTo(timeOnAirMs(EU868, n), 9);
    const sent = roof.sent[0];
    expect(sent && sent.endMs - sent.startMs).toBeCloseTo(report.airtimeMs, 6);
    expect(report.startedAt).toBeLessThanOrEqual(sent?.startMs ?? 0);
    expect(report.endedAt).toBeGreaterThanOrEqual(sent?.endMs ?? 0);
  });

  test.each([
    [7, 125_000, 5],
    [9, 125_000, 8],
    [11, 125_000, 5],
    [12, 125_000, 5],
    [12, 250_000, 6],
    [9, 500_000, 5],
    [8, 62_500, 7],
    [7, 31_250, 5],
  ] as const)(
    'at SF%i, %i Hz, 4/%i takes exactly the computed time',
    async (spreadingFactor, bandwidthHz, codingRate) => {
      const roof = new Roof();
      const settings = { ...EU868, spreadingFactor, bandwidthHz, codingRate };
      const [a, b] = await roof.boxes(['A', 'B'], settings);
      const { airtimeMs } = await a.transmit(payload(40));
      await roof.simulation.run(100);
      expect(b.frames.map((f) => f.bytes)).toEqual([payload(40)]);
      const sent = roof.sent[0];
      expect(sent && sent.endMs - sent.startMs).toBeCloseTo(airtimeMs, 6);
    },
  );

  test('is measured: strength, SNR, frequency error and the time of its end', async () => {
    const roof = new Roof(1, 120);
    const a = roof.box('A', { crystalPpm: 4 });
    const b = roof.box('B', { crystalPpm: -1 });
    await a.start();
    await b.start();
    const { endedAt } = await a.transmit(payload(20));
    await roof.simulation.run(100);
    const [frame] = b.frames;
    expect(frame?.rssiDbm).toBeGreaterThan(14 - 120 - 2);
    expect(frame?.rssiDbm).toBeLessThan(14 - 120 + 2);
    expect(frame?.snrDb).toBeGreaterThan(5);
    // 5 parts per million of 869.525 MHz
    expect(frame?.frequencyErrorHz).toBeGreaterThan(4300);
    expect(frame?.frequencyErrorHz).toBeLessThan(4400);
    expect(Math.abs((frame?.at ?? 0) - endedAt)).toBeLessThan(1);
  });

  test('of a pair that talks in turns goes both ways, many times', async () => {
    const roof = new Roof();
    const [a, b] = await roof.boxes(['A', 'B']);
    for (let i = 0; i < 20; i++) {
      await a.transmit(payload(30, i));
      await b.transmit(payload(60, i));
    }
    await roof.simulation.run(100);
    expect(b.frames).toHaveLength(20);
    expect(a.frames).toHaveLength(20);
    expect(a.counters.all()).toEqual({});
    expect(b.counters.all()).toEqual({});
  });

  test('is not lost on a busy machine: late interrupts, slow SPI, stalls', async () => {
    const roof = new Roof('busy');
    const [a, b] = await roof.boxes(['A', 'B'], EU868, { host: BUSY_PI });
    for (let i = 0; i < 200; i++) {
      await a.transmit(payload(50, i));
      await roof.simulation.run(700);
    }
    expect(b.frames.map((f) => f.bytes[0])).toEqual(Array.from({ length: 200 }, (_, i) => i));
    expect(a.counters.get('radio.reset') + b.counters.get('radio.reset')).toBe(0);
  });
});

describe('start', () => {
  test('resets for 1 ms, waits 6, and waits for the end of the calibration at the carrier (DS 53, DS 117)', async () => {
    const roof = new Roof();
    const a = roof.box('A');
    const wrote: string[] = [];
    const { exchange } = a.chip;
    a.chip.exchange = (tx) => {
      if ((tx[0] ?? 0) & 0x80) wrote.push(toHex(tx));
      return exchange.call(a.chip, tx);
    };
    await a.start();
    expect(roof.simulation.monotonic()).toBeGreaterThanOrEqual(1 + 6 + 10);
    expect(roof.simulation.monotonic()).toBeLessThan(25);
    // PA off, carrier, calibration, and only then sleep and the LoRa modem
    expect(wrote.slice(2, 8)).toEqual(['8101', '8900', '86d9619a', 'bbc2', '8100', '8180']);
    expect(a.register(Register.OpMode)).toBe(0x85);
  });
});

describe('power', () => {
  test.each([2, 14, 17, 18, 20])('of %i dBm comes out of PA_BOOST', async (powerDbm) => {
    const roof = new Roof();
    const [a] = await roof.boxes(['A'], { ...EU868, powerDbm });
    await a.transmit(payload(5));
    expect(roof.sent[0]?.powerDbm).toBe(powerDbm);
  });
});

describe('new settings', () => {
  test('take effect for what is sent and received next', async () => {
    const roof = new Roof();
    const [a, b] = await roof.boxes(['A', 'B']);
    const next = { ...EU868, spreadingFactor: 9, bandwidthHz: 500_000, frequencyHz: 868_300_000 };
    await roof.simulation.resolve(a.radio.configure(next), 1000);
    await a.transmit(payload(10));
    await roof.simulation.run(200);
    expect(b.frames).toHaveLength(0);
    await roof.simulation.resolve(b.radio.configure(next), 1000);
    await a.transmit(payload(11));
    await roof.simulation.run(200);
    expect(b.frames.map((f) => f.bytes.length)).toEqual([11]);
  });

  test('that the chip does not have are refused and change nothing', async () => {
    const roof = new Roof();
    const [a, b] = await roof.boxes(['A', 'B']);
    await expect(a.radio.configure({ ...EU868, spreadingFactor: 6 })).rejects.toThrow(RangeError);
    await a.transmit(payload(10));
    await roof.simulation.run(100);
    expect(b.frames).toHaveLength(1);
  });
});

describe('operations', () => {
  test('asked for at once are carried out one after the other', async () => {
    const roof = new Roof();
    const [a, b] = await roof.boxes(['A', 'B']);
    const all = Promise.all([
      a.radio.transmit(payload(20, 1)),
      a.radio.channel(),
      a.radio.detect(),
      a.radio.transmit(payload(20, 2)),
    ]);
    const [first, , , second] = await roof.simulation.resolve(all, 5000);
    await roof.simulation.run(100);
    expect(second.startedAt).toBeGreaterThan(first.endedAt);
    expect(b.frames.map((f) => f.bytes[0])).toEqual([1, 2]);
  });

  test('may be started by who is told of a frame', async () => {
    const roof = new Roof();
    const [a, b] = await roof.boxes(['A', 'B']);
    b.radio.onFrame.on((f) => void b.radio.transmit(f.bytes));
    await a.transmit(payload(20));
    await roof.simulation.run(500);
    expect(a.frames.map((f) => f.bytes)).toEqual([payload(20)]);
  });

  test('are refused before start and after stop, and the stopped chip sleeps', async () => {
    const roof = new Roof();
    const a = roof.box('A');
    await expect(a.radio.transmit(payload(3))).rejects.toThrow(RadioFault);
    await a.start();
    await roof.simulation.resolve(a.radio.stop(), 1000);
    await expect(a.radio.channel()).rejects.toThrow(RadioFault);
    expect(a.register(Register.OpMode)).toBe(0x80);
    const before = a.transfers;
    await roof.simulation.run(10_000);
    expect(a.transfers).toBe(before);
  });

  test.each([0, 256])('a frame of %i bytes is a mistake of the caller', async (n) => {
    const roof = new Roof();
    const [a] = await roof.boxes(['A']);
    await expect(a.radio.transmit(new Uint8Array(n))).rejects.toThrow(RangeError);
  });
});

describe('a quiet receiver', () => {
  test('costs one transfer a second', async () => {
    const roof = new Roof();
    const [a] = await roof.boxes(['A']);
    const before = a.transfers;
    await roof.simulation.run(60_000);
    expect(a.transfers - before).toBeGreaterThanOrEqual(59);
    expect(a.transfers - before).toBeLessThanOrEqual(60);
    expect(a.counters.all()).toEqual({});
  });

  test('takes five transfers for a frame, and a transmission sixteen', async () => {
    const roof = new Roof();
    const [a, b] = await roof.boxes(['A', 'B']);
    const before = [a.transfers, b.transfers] as const;
    await a.transmit(payload(100));
    await roof.simulation.run(100);
    expect(b.frames).toHaveLength(1);
    expect(b.transfers - before[1]).toBe(5);
    expect(a.transfers - before[0]).toBe(16);
  });
});

describe('boards', () => {
  test.each([
    ['without RESET', ['dio0']],
    ['without DIO1', ['reset', 'dio0']],
    ['without any DIO', ['reset']],
    ['with nothing but SPI', []],
  ] as const)('%s send and receive', async (_what, lines) => {
    const roof = new Roof();
    const [a, b] = await roof.boxes(['A', 'B'], EU868, { lines });
    for (let i = 0; i < 10; i++) {
      await a.transmit(payload(1 + i, i));
      await b.transmit(payload(200 + i, i));
    }
    await roof.simulation.run(200);
    expect(b.frames.map((f) => f.bytes.length)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    expect(a.frames.map((f) => f.bytes.length)).toEqual([200, 201, 202, 203, 204, 205, 206, 207, 208, 209]);
    expect(a.counters.get('radio.missed-interrupt')).toBe(0);
  });
});
