/** What a simulated receiver makes of frames: registers, mismatches, collisions, the FIFO. */
import { describe, expect, test } from 'vitest';
import type { AirOptions } from '../../../drivers/sim/air.ts';
import type { SimSx1276Options } from '../../../drivers/sim/sx1276.ts';
import type { ReceptionReport } from '../../../drivers/sim/transmission.ts';
import { type Bench, bench, Probe } from './bench.ts';

interface Lab {
  readonly b: Bench;
  readonly probes: Probe[];
  /** `outcome at name`, in order. */
  readonly outcomes: string[];
}

/** Radios A, B, C … in standby, configured alike. */
async function lab(
  count: number,
  options: Partial<AirOptions> = {},
  chips: readonly Partial<SimSx1276Options>[] = [],
): Promise<Lab> {
  const b = bench(options);
  const probes: Probe[] = [];
  const outcomes: string[] = [];
  b.air.onReception.on((r: ReceptionReport) => outcomes.push(`${r.outcome} at ${r.at}`));
  for (let i = 0; i < count; i++) {
    const probe = new Probe(b, 'ABCDEF'[i] as string, chips[i]);
    await probe.configure();
    probes.push(probe);
  }
  return { b, probes, outcomes };
}

async function pair(options: Partial<AirOptions> = {}, chips: readonly Partial<SimSx1276Options>[] = []) {
  const { b, probes, outcomes } = await lab(2, options, chips);
  const [a, c] = probes as [Probe, Probe];
  return { b, a, c, outcomes };
}

const BYTES = Uint8Array.from({ length: 20 }, (_, i) => 0xa0 + i);

describe('the registers of a packet', () => {
  test('strong: RSSI rises by 15 in 16 dB above -157 (DS87), SNR levels off', async () => {
    const { b, a, c } = await pair({ lossDb: 94 });
    c.listen();
    await b.simulation.run(1);
    a.send(BYTES);
    await b.simulation.run(100);
    // 14 dBm - 94 dB = -80 dBm
    expect(-157 + (c.read(0x1a) * 16) / 15).toBeCloseTo(-80, 0);
    expect(c.read(0x19)).toBe(4 * 12);
    expect(c.read(0x13)).toBe(20);
    expect(c.read(0x10)).toBe(0);
    expect(c.read(0x25)).toBe(19);
    expect(c.read(0x18) >> 5).toBe(1); // 4/5
    expect(c.read(0x1c) & 0x40).toBe(0x40); // CRC announced by the header
    expect(c.spi('14 00 00 00 00')).toBe('0000010001'); // one header, one packet
  });

  test('below the noise: RSSI says the noise, RSSI + SNR / 4 the signal (DS87, DS111)', async () => {
    const { b, a, c } = await pair({ lossDb: 135 });
    c.listen();
    await b.simulation.run(1);
    a.send(BYTES);
    await b.simulation.run(100);
    const snr = (c.read(0x19) - 256) / 4;
    // noise: -174 + 51 + 6 = -117 dBm; signal: -121 dBm
    expect(snr).toBeCloseTo(-4, 0);
    expect(-157 + c.read(0x1a)).toBeCloseTo(-117, 0);
    expect(-157 + c.read(0x1a) + snr).toBeCloseTo(-121, 0);
  });

  test('frequency error: FEI · 2^24 / 32e6 · BW / 500 kHz (RegFei)', async () => {
    const { b, a, c } = await pair({}, [{ crystalPpm: 8 }, { crystalPpm: -4 }]);
    c.listen();
    await b.simulation.run(1);
    a.send(BYTES);
    await b.simulation.run(100);
    const raw = (c.read(0x28) << 16) | (c.read(0x29) << 8) | c.read(0x2a);
    const signed = raw & 0x80000 ? raw - 0x100000 : raw;
    const hz = ((signed * 2 ** 24) / 32e6) * (125 / 500);
    expect(hz).toBeCloseTo(12e-6 * 869.525e6, -1);
  });

  test('momentary RSSI: the noise floor in silence, the signal while it lasts (DS112)', async () => {
    const { b, a, c } = await pair({ lossDb: 94 });
    c.listen();
    await b.simulation.run(1);
    expect(Math.abs(-157 + c.read(0x1b) + 117)).toBeLessThanOrEqual(5);
    a.send(BYTES);
    await b.simulation.run(10);
    const levels = Array.from({ length: 50 }, () => -157 + c.read(0x1b));
    expect(levels.reduce((a, b) => a + b) / levels.length).toBeCloseTo(-80, 0);
    expect(new Set(levels).size).toBeGreaterThan(1); // it is never quite still
    await b.simulation.run(100);
    expect(Math.abs(-157 + c.read(0x1b) + 117)).toBeLessThanOrEqual(5);
  });

  test('RegModemStat: clear, detected, synchronized, header valid (DS111)', async () => {
    const { b, a, c } = await pair();
    expect(c.read(0x18) & 0x1f).toBe(0x10);
    c.listen();
    await b.simulation.run(1);
    expect(c.read(0x18) & 0x1b).toBe(0x10);
    a.send(BYTES);
    await b.simulation.run(0.12 + 6 * 1.024);
    expect(c.read(0x18) & 0x1b).toBe(0x01);
    await b.simulation.run(7 * 1.024);
    expect(c.read(0x18) & 0x1b).toBe(0x03);
    await b.simulation.run(8 * 1.024);
    expect(c.read(0x18) & 0x1b).toBe(0x0b);
    await b.simulation.run(100);
    expect(c.read(0x18) & 0x1b).toBe(0x10);
  });
});

describe('the FIFO in continuous receive (RFM30, DS41)', () => {
  test('packets follow each other and wrap; the registers describe the last', async () => {
    const { b, a, c } = await pair();
    c.listen();
    await b.simulation.run(1);
    const long = Uint8Array.from({ length: 200 }, (_, i) => i);
    for (const [start, bytes] of [
      [0, long],
      [200, BYTES],
      [220, long],
      [164, BYTES],
    ] as const) {
      a.send(bytes);
      await b.simulation.run(600);
      expect(c.read(0x10)).toBe(start);
      expect(c.packet()).toEqual(bytes);
    }
  });

  test('a packet not read in time is overwritten byte by byte by the next', async () => {
    const { b, a, c } = await pair();
    c.listen();
    await b.simulation.run(1);
    a.send(new Uint8Array(250).fill(0x11));
    await b.simulation.run(600);
    a.send(new Uint8Array(250).fill(0x22));
    // half of the second one
    await b.simulation.run(215);
    const torn = c.packet();
    expect(torn).toHaveLength(250);
    expect(torn[0]).toBe(0x22);
    expect(torn[249]).toBe(0x11);
    const written = torn.filter((v) => v === 0x22).length;
    expect(written).toBeGreaterThan(80);
    expect(written).toBeLessThan(160);
  });

  test('entering receive mode starts at FifoRxBaseAddr again', async () => {
    const { b, a, c } = await pair();
    for (let i = 0; i < 2; i++) {
      c.write(0x01, 0x81);
      c.write(0x0f, 0x40);
      c.listen();
      await b.simulation.run(1);
      a.send(BYTES);
      await b.simulation.run(100);
      expect(c.read(0x10)).toBe(0x40);
    }
  });
});

describe('settings that differ', () => {
  const cases: readonly [string, Readonly<Record<number, number>>, string][] = [
    ['spreading factor', { 30: 0x84 }, 'mismatched'],
    ['bandwidth', { 29: 0x82 }, 'mismatched'],
    ['sync word', { 57: 0x34 }, 'mismatched'],
    ['IQ inverted at the receiver (DS115)', { 51: 0x67 }, 'mismatched'],
    ['implicit header against explicit', { 29: 0x73, 34: 20 }, 'corrupted'],
    ['detector left in its SF6 setting (DS27)', { 49: 0xc5 }, 'mismatched'],
    ['low data rate optimization (DS114)', { 38: 0x0c }, 'corrupted'],
    ['a length above RegMaxPayloadLength (DS113)', { 35: 0x13 }, 'header-damaged'],
    ['carrier 31.3 kHz away: more than a quarter of the bandwidth', { 8: 0x9a - 0x80 }, 'received'],
  ];
  test.each(cases)('%s', async (_name, registers, outcome) => {
    const { b, a, c, outcomes } = await pair();
    for (const [address, value] of Object.entries(registers)) c.write(Number(address), value);
    c.listen();
    await b.simulation.run(1);
    a.send(BYTES);
    await b.simulation.run(100);
    expect(outcomes).toEqual([`${outcome} at B`]);
  });

  test('a carrier more than a quarter of the bandwidth away is not followed', async () => {
    for (const [steps, outcome] of [
      [0x1ff, 'received'],
      [0x201, 'mismatched'],
    ] as const) {
      const { b, a, c, outcomes } = await pair();
      const frf = 0xd9619a + steps; // 61 Hz each: 31.2 and 31.3 kHz
      c.spi(`86 ${frf.toString(16)}`);
      c.listen();
      await b.simulation.run(1);
      a.send(BYTES);
      await b.simulation.run(100);
      expect(outcomes).toEqual([`${outcome} at B`]);
    }
  });

  test('the coding rate and the CRC are taken from the explicit header (DS29)', async () => {
    const { b, a, c } = await pair();
    a.write(0x1d, 0x78); // 4/8
    a.write(0x1e, 0x70); // no CRC
    c.listen();
    await b.simulation.run(1);
    a.send(BYTES);
    await b.simulation.run(150);
    expect(c.packet()).toEqual(BYTES);
    expect(c.read(0x18) >> 5).toBe(4);
    expect(c.read(0x1c) & 0x40).toBe(0);
  });

  test('implicit header: both sides must know the length (DS29)', async () => {
    const { b, a, c, outcomes } = await pair();
    for (const p of [a, c]) p.write(0x1d, 0x73);
    c.write(0x22, 20);
    c.listen();
    await b.simulation.run(1);
    a.send(BYTES);
    await b.simulation.run(100);
    expect(c.packet()).toEqual(BYTES);
    expect(outcomes).toEqual(['received at B']);
  });

  test('SF6 works with implicit header and its detector setting only (DS27)', async () => {
    const { b, a, c, outcomes } = await pair();
    for (const p of [a, c]) {
      p.write(0x1d, 0x73);
      p.write(0x1e, 0x64);
      p.write(0x31, 0xc5);
      p.write(0x37, 0x0c);
    }
    c.write(0x22, 20);
    c.listen();
    await b.simulation.run(1);
    a.send(BYTES);
    await b.simulation.run(100);
    expect(outcomes).toEqual(['received at B']);
  });

  test('erratum 2.1: at 500 kHz the sensitivity is only there with its register settings', async () => {
    for (const [registers, received] of [
      [{}, false],
      [{ 54: 0x02, 58: 0x64 }, true],
    ] as const) {
      // noise -111 dBm, required -118.5 dBm, signal -117.5 dBm
      const { b, a, c, outcomes } = await pair({ lossDb: 131.5 });
      for (const p of [a, c]) p.write(0x1d, 0x92);
      for (const [address, value] of Object.entries(registers)) c.write(Number(address), value);
      c.listen();
      await b.simulation.run(1);
      a.send(BYTES);
      await b.simulation.run(100);
      expect(outcomes[0] === 'received at B').toBe(received);
    }
  });
});

describe('receivers that cannot', () => {
  test('half duplex: two radios that send at once hear nothing of each other', async () => {
    const { b, a, c, outcomes } = await pair();
    a.send(BYTES);
    c.send(BYTES);
    await b.simulation.run(100);
    expect(outcomes.sort()).toEqual(['not-listening at A', 'not-listening at B']);
  });

  test('the last five symbols of the preamble are needed', async () => {
    for (const [late, outcome] of [
      [2.5, 'received at B'],
      [3.5, 'not-listening at B'],
    ] as const) {
      const { b, a, c, outcomes } = await pair();
      a.send(BYTES);
      await b.simulation.run(late * 1.024);
      c.listen();
      await b.simulation.run(100);
      expect(outcomes).toEqual([outcome]);
    }
  });

  test('a sender that breaks off leaves a packet that fails its CRC', async () => {
    const { b, a, c } = await pair();
    c.listen();
    await b.simulation.run(1);
    a.send(BYTES);
    await b.simulation.run(35);
    a.write(0x01, 0x81);
    await b.simulation.run(100);
    expect(c.read(0x12)).toBe(0x70);
    const got = c.packet();
    expect(got).toHaveLength(20);
    expect(got.subarray(0, 5)).toEqual(BYTES.subarray(0, 5));
    expect(got.subarray(15)).not.toEqual(BYTES.subarray(15));
    expect(c.spi('16 00 00')).toBe('000000'); // no valid packet
  });
});

describe('collisions', () => {
  /** A sends to C, then B interferes, `lateSymbols` after A, received `excessDb` above A. */
  async function collide(excessDb: number, lateSymbols: number, interferer: Record<number, number> = {}) {
    const { b, probes, outcomes } = await lab(3);
    const [a, i, c] = probes as [Probe, Probe, Probe];
    b.air.setLoss('A', 'C', 110);
    b.air.setLoss('B', 'C', 110 - excessDb);
    for (const [address, value] of Object.entries(interferer)) i.write(Number(address), value);
    c.listen();
    await b.simulation.run(1);
    a.send(BYTES);
    await b.simulation.run(lateSymbols * 1.024);
    i.send(Uint8Array.of(9, 9, 9, 9, 9));
    await b.simulation.run(1000);
    return { c, outcomes: outcomes.filter((o) => o.endsWith('at C')) };
  }

  test('6 dB stronger is captured, whoever began', async () => {
    expect((await collide(-6, 1)).outcomes).toEqual(['busy at C', 'received at C']);
    expect((await collide(6, 1)).outcomes).toEqual(['collided at C', 'received at C']);
  });

  test('less than 6 dB apart both are lost', async () => {
    expect((await collide(-5.9, 1)).outcomes[0]).toBe('collided at C');
    expect((await collide(5.9, 1)).outcomes).toEqual(['collided at C', 'collided at C']);
  });

  test('no re-lock: a strong frame over the payload of another loses both', async () => {
    const { c, outcomes } = await collide(30, 25);
    expect(outcomes).toEqual(['busy at C', 'corrupted at C']);
    expect(c.read(0x12)).toBe(0x70);
    const got = c.packet();
    expect(got).not.toEqual(BYTES);
    expect(got.subarray(0, 2)).toEqual(BYTES.subarray(0, 2));
  });

  test('only the last five symbols of the preamble need to be clean', async () => {
    // B's frame of 5 bytes lasts 30.25 symbols; A starts while it is ending
    const run = async (overlapSymbols: number) => {
      const { b, probes, outcomes } = await lab(3);
      const [a, i, c] = probes as [Probe, Probe, Probe];
      i.write(0x39, 0x34); // not followed
      c.listen();
      await b.simulation.run(1);
      i.send(Uint8Array.of(9, 9, 9, 9, 9));
      await b.simulation.run((30.25 - overlapSymbols) * 1.024);
      a.send(BYTES);
      await b.simulation.run(200);
      return outcomes.filter((o) => o.endsWith('at C'));
    };
    expect(await run(2.9)).toEqual(['mismatched at C', 'received at C']);
    expect(await run(3.1)).toEqual(['mismatched at C', 'collided at C']);
  });

  test('another spreading factor is rejected: SF7 survives SF8 up to 8 dB stronger', async () => {
    const sf8 = { 30: 0x84 };
    expect((await collide(7.9, 1, sf8)).outcomes).toEqual(['mismatched at C', 'received at C']);
    expect((await collide(8.1, 1, sf8)).outcomes).toContain('collided at C');
  });

  test('another channel does not disturb', async () => {
    // 200 kHz higher: 3277 steps
    expect((await collide(40, 1, { 6: 0xd9, 7: 0x6e, 8: 0x67 })).outcomes).toContain('received at C');
  });
});

test('sensitivity has an edge of about two decibels around the required SNR of table 13 (DS27)', async () => {
  const rate = async (snrAboveRequired: number) => {
    // SF7 needs -7.5 dB over a floor of -117 dBm
    const { b, a, c } = await pair({ lossDb: 14 + 117 + 7.5 - snrAboveRequired });
    c.listen();
    await b.simulation.run(1);
    let received = 0;
    for (let i = 0; i < 100; i++) {
      a.send(BYTES);
      await b.simulation.run(100);
      if (c.read(0x12) === 0x50) received++;
      c.write(0x12, 0xff);
    }
    return received;
  };
  expect(await rate(1)).toBeGreaterThan(97);
  expect(await rate(0)).toBeGreaterThan(90);
  const middle = await rate(-1);
  expect(middle).toBeGreaterThan(20);
  expect(middle).toBeLessThan(95);
  expect(await rate(-2.5)).toBeLessThan(5);
});
