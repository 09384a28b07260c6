/** What goes wrong on a roof, and how the driver comes back from it. */
import { describe, expect, test } from 'vitest';
import { RadioFault } from '../../../drivers/sx127x/radio.ts';
import { Register } from '../../../drivers/sx127x/registers.ts';
import { PersonError } from '../../../src/core/errors.ts';
import { type Box, EU868, payload, Roof } from './roof.ts';

/** A frame each way, to show that both radios work. */
async function expectExchange(roof: Roof, a: Box, b: Box): Promise<void> {
  const before = [a.frames.length, b.frames.length] as const;
  await a.transmit(payload(20));
  await b.transmit(payload(30));
  await roof.simulation.run(100);
  expect([a.frames.length - before[0], b.frames.length - before[1]]).toEqual([1, 1]);
}

describe('interrupts', () => {
  test('a lost RxDone is found by the look at the flags within a second or so', async () => {
    const roof = new Roof();
    const [a, b] = await roof.boxes(['A', 'B']);
    b.chip.faults.interruptsToLose = 1;
    await a.transmit(payload(20));
    await roof.simulation.run(1100);
    expect(b.frames.map((f) => f.bytes)).toEqual([payload(20)]);
    expect(b.counters.get('radio.missed-interrupt')).toBe(1);
    expect(b.recoveries()).toEqual(['missed-interrupt']);
    expect(b.counters.get('radio.reset')).toBe(0);
  });

  test('a lost TxDone is found soon after the computed end', async () => {
    const roof = new Roof();
    const [a] = await roof.boxes(['A']);
    a.chip.faults.interruptsToLose = 1;
    const report = await a.transmit(payload(20));
    expect(report.endedAt - report.startedAt).toBeLessThan(report.airtimeMs + 50);
    expect(a.counters.get('radio.missed-interrupt')).toBe(1);
  });

  test('a dead DIO0 line makes the driver poll, fast enough for frames close together', async () => {
    const roof = new Roof();
    const [a, b] = await roof.boxes(['A', 'B']);
    b.chip.faults.interruptsToLose = Number.POSITIVE_INFINITY;
    for (let i = 0; i < 4; i++) {
      await a.transmit(payload(10));
      await roof.simulation.run(1200);
    }
    const before = b.frames.length;
    for (let i = 0; i < 20; i++) await a.transmit(payload(1, i));
    await roof.simulation.run(500);
    expect(b.frames.length - before).toBe(20);
  });
});

describe('the FIFO', () => {
  test('of two packets before one read the last is read from where it begins (RegFifoRxCurrentAddr)', async () => {
    const roof = new Roof();
    const [a, b] = await roof.boxes(['A', 'B']);
    b.chip.faults.interruptsToLose = 2;
    await roof.simulation.run(10); // the look is a second away
    await a.transmit(payload(40, 1));
    await a.transmit(payload(50, 100));
    await roof.simulation.run(1100);
    expect(b.frames.map((f) => f.bytes)).toEqual([payload(50, 100)]);
    expect(b.counters.get('radio.overrun')).toBe(1);
  });

  test('a packet that ends while the flags of the one before are cleared is not lost with them', async () => {
    const roof = new Roof();
    const never = { chance: 0, ms: [0, 0] } as const;
    const slow = { spiMs: [60, 60], spiTail: never, interruptMs: [0, 0], interruptTail: never } as const;
    const a = roof.box('A');
    const b = roof.box('B', { host: slow });
    await a.start();
    await b.start();
    await a.transmit(payload(5, 1));
    await roof.simulation.run(61); // B has read the flags, and clears them 60 ms later
    const { endedAt } = await a.transmit(payload(6, 100));
    await roof.simulation.run(2000);
    expect(b.frames.map((f) => f.bytes)).toEqual([payload(5, 1), payload(6, 100)]);
    const [first, second] = b.frames;
    expect(endedAt - (first?.at ?? 0)).toBeLessThan(120);
    expect(second?.at).toBeGreaterThan(endedAt);
    expect(b.counters.all()).toEqual({});
  });

  test('a packet that waits when a transmission is asked for is taken first', async () => {
    const roof = new Roof();
    const [a, b] = await roof.boxes(['A', 'B']);
    b.chip.faults.interruptsToLose = 1;
    await a.transmit(payload(40));
    await b.transmit(payload(250, 7));
    await roof.simulation.run(100);
    expect(b.frames.map((f) => f.bytes)).toEqual([payload(40)]);
    expect(a.frames.map((f) => f.bytes)).toEqual([payload(250, 7)]);
  });

  test('a packet that wraps around its end is read whole', async () => {
    const roof = new Roof();
    const [a, b] = await roof.boxes(['A', 'B']);
    for (const n of [200, 100, 255, 255, 3]) await a.transmit(payload(n, n));
    await roof.simulation.run(100);
    expect(b.frames.map((f) => f.bytes)).toEqual([200, 100, 255, 255, 3].map((n) => payload(n, n)));
  });
});

describe('damaged frames', () => {
  test('a payload CRC error is counted and nothing is delivered', async () => {
    const roof = new Roof();
    const [a, b, c] = await roof.boxes(['A', 'B', 'C']);
    // C drowns the end of A's frame at B, but begins after its header
    roof.air.setLoss('A', 'B', 100);
    roof.air.setLoss('C', 'B', 98);
    roof.air.setLoss('A', 'C', Number.POSITIVE_INFINITY);
    const long = a.radio.transmit(payload(200));
    await roof.simulation.run(200);
    await c.transmit(payload(50));
    await roof.simulation.resolve(long, 1000);
    await roof.simulation.run(100);
    expect(b.frames).toEqual([]);
    expect(b.counters.get('radio.crc-error')).toBe(1);
    await expectExchange(roof, a, b);
  });

  test('a packet whose header denies the CRC is dropped: ours all have one', async () => {
    const roof = new Roof();
    const [a, b] = await roof.boxes(['A', 'B']);
    a.poke(Register.ModemConfig2, 0x70);
    await a.transmit(payload(20));
    await roof.simulation.run(100);
    expect(b.frames).toEqual([]);
    expect(b.counters.get('radio.no-crc')).toBe(1);
  });
});

describe('a transmission that does not end', () => {
  test('is given up after 1.5 times its time on air, the chip is reset and works again', async () => {
    const roof = new Roof();
    const [a, b] = await roof.boxes(['A', 'B']);
    a.chip.faults.endlessTransmit = 'until-reset';
    const from = roof.simulation.monotonic();
    await expect(a.transmit(payload(255))).rejects.toThrow(RadioFault);
    expect(roof.simulation.monotonic() - from).toBeLessThan(1.5 * 400 + 100);
    expect(a.counters.all()).toMatchObject({ 'radio.transmit-timeout': 1, 'radio.reset': 1 });
    expect(a.recoveries()).toEqual(['transmit-timeout']);
    await expectExchange(roof, a, b);
  });

  test('on a board without RESET is stopped by sleep and every register written again', async () => {
    const roof = new Roof();
    const [a, b] = await roof.boxes(['A', 'B'], EU868, { lines: ['dio0'] });
    a.chip.faults.endlessTransmit = 'on';
    await expect(a.transmit(payload(20))).rejects.toThrow(RadioFault);
    a.chip.faults.endlessTransmit = 'off';
    await expectExchange(roof, a, b);
  });
});

describe('a mode that is not taken', () => {
  test('ends in a reset', async () => {
    const roof = new Roof();
    const [a, b] = await roof.boxes(['A', 'B']);
    a.chip.faults.stuckMode = 'until-reset';
    await expect(a.transmit(payload(20))).rejects.toThrow(RadioFault);
    expect(a.recoveries()).toEqual(['stuck-mode']);
    await expectExchange(roof, a, b);
  });

  test('or left by itself is noticed within a second or so', async () => {
    const roof = new Roof();
    const [a, b] = await roof.boxes(['A', 'B']);
    a.poke(Register.OpMode, 0x81);
    await roof.simulation.run(1200);
    expect(a.recoveries()).toEqual(['stuck-mode']);
    await expectExchange(roof, a, b);
  });
});

describe('a brown-out', () => {
  test.each([
    ['with', undefined],
    ['without', ['dio0'] as const],
  ])('leaves reset values: noticed and written again, %s a RESET line', async (_with, lines) => {
    const roof = new Roof();
    const [a, b] = await roof.boxes(['A', 'B'], EU868, lines ? { lines } : {});
    a.chip.brownOut();
    await roof.simulation.run(1200);
    expect(a.recoveries()).toEqual(['registers-lost']);
    await expectExchange(roof, a, b);
  });

  test('of one register is noticed too', async () => {
    const roof = new Roof();
    const [a, b] = await roof.boxes(['A', 'B']);
    a.poke(Register.SyncWord, 0x12);
    await roof.simulation.run(1200);
    expect(a.recoveries()).toEqual(['registers-lost']);
    await expectExchange(roof, a, b);
  });
});

describe('a bus that gives garbage', () => {
  test.each(['silent', 'floating', 'noise', 'failing'] as const)(
    '(%s) is noticed, told once, retried and recovered from',
    async (fault) => {
      const roof = new Roof();
      const [a, b] = await roof.boxes(['A', 'B']);
      a.chip.faults.bus = fault;
      await roof.simulation.run(30_000);
      expect(a.events.map((e) => e.kind)).toEqual(['failed']);
      expect(a.events[0]).toMatchObject({ sentence: expect.stringContaining('check that the HAT') });
      await expect(a.radio.transmit(payload(3))).rejects.toThrow(RadioFault);
      await expect(a.radio.channel()).rejects.toThrow(RadioFault);
      a.chip.faults.bus = 'off';
      await roof.simulation.run(70_000);
      expect(a.events.map((e) => e.kind)).toEqual(['failed', 'recovered']);
      await expectExchange(roof, a, b);
    },
  );

  test('once is read again, not reset', async () => {
    const roof = new Roof();
    const [a, b] = await roof.boxes(['A', 'B']);
    a.garbled = 1;
    await roof.simulation.run(1200);
    expect(a.garbled).toBe(0);
    expect(a.counters.all()).toEqual({ 'radio.spi-garbage': 1 });
    expect(a.recoveries()).toEqual(['spi-garbage']);
    await expectExchange(roof, a, b);
  });

  test('while registers are written is written again', async () => {
    const roof = new Roof();
    const [a, b] = await roof.boxes(['A', 'B']);
    const configuring = a.radio.configure({ ...EU868, syncWord: 0x12 });
    a.chip.faults.bus = 'noise';
    await roof.simulation.run(5);
    a.chip.faults.bus = 'off';
    await roof.simulation.resolve(
      configuring.catch(() => {}),
      5000,
    );
    await roof.simulation.run(3000);
    expect(a.register(Register.SyncWord)).toBe(0x12);
    expect(a.register(Register.OpMode)).toBe(0x85);
    expect(b.counters.all()).toEqual({});
  });
});

describe('a receiver that hears nothing', () => {
  test('is reset after a long silence, and hears again', async () => {
    const roof = new Roof();
    const [a, b] = await roof.boxes(['A', 'B']);
    b.chip.faults.deaf = 'until-reset';
    await a.transmit(payload(20));
    await roof.simulation.run(3_700_000);
    expect(b.frames).toEqual([]);
    expect(b.recoveries()[0]).toBe('deaf');
    await expectExchange(roof, a, b);
  });
});

describe('a chip that is not there', () => {
  test('at start is a sentence to a person, and start may be tried again', async () => {
    const roof = new Roof();
    const a = roof.box('A');
    a.chip.faults.bus = 'silent';
    const failed = await roof.simulation.resolve(
      a.radio.start(EU868).catch((e) => e),
      5000,
    );
    expect(failed).toBeInstanceOf(PersonError);
    expect(failed.message).toContain('SPI');
    a.chip.faults.bus = 'off';
    await a.start();
    await a.transmit(payload(3));
  });
});
