/** The mode machine of the simulated chip, its times and interrupts, against the SX1276 datasheet. */
import { describe, expect, test } from 'vitest';
import type { Transmission } from '../../../drivers/sim/transmission.ts';
import { type Bench, bench, Probe } from './bench.ts';

async function pair(): Promise<{ b: Bench; a: Probe; c: Probe; sent: Transmission[] }> {
  const b = bench();
  const [a, c] = [new Probe(b, 'A'), new Probe(b, 'B')];
  await a.configure();
  await c.configure();
  const sent: Transmission[] = [];
  b.air.onTransmission.on((t) => sent.push(t));
  return { b, a, c, sent };
}

const BYTES = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8);

/** SF7, 125 kHz. */
const SYMBOL_MS = 1.024;

describe('transitions (DS56: TS_OSC, then TS_FS, then TS_TR or TS_RE)', () => {
  test('the crystal takes 250 µs out of sleep', async () => {
    const { b, a } = await pair();
    a.write(0x01, 0x80);
    a.write(0x01, 0x81);
    expect(a.read(0x01) & 7).toBe(0);
    await b.simulation.run(0.2);
    expect(a.read(0x01) & 7).toBe(0);
    await b.simulation.run(0.1);
    expect(a.read(0x01) & 7).toBe(1);
  });

  test('from sleep to receive through standby and FSRX; DIO5 says ModeReady (DS46)', async () => {
    const { b, a } = await pair();
    a.write(0x01, 0x80);
    a.listen();
    const seen: number[] = [];
    for (let i = 0; i < 50; i++) {
      const mode = a.read(0x01) & 7;
      if (seen.at(-1) !== mode) seen.push(mode);
      expect(a.chip.level(5)).toBe(mode === 5 ? 1 : 0);
      await b.simulation.run(0.01);
    }
    expect(seen).toEqual([0, 1, 4, 5]);
  });
});

describe('transmit', () => {
  test('back to standby with TxDone after the packet; writing 1 clears the flag and the line (DS38, DS111)', async () => {
    const { b, a, sent } = await pair();
    a.write(0x40, 0x40);
    a.send(BYTES);
    await b.simulation.run(1);
    expect(a.read(0x01)).toBe(0x83);
    await b.simulation.until(() => a.chip.level(0) === 1, 100);
    expect(a.read(0x01)).toBe(0x81);
    expect(a.read(0x12)).toBe(0x08);
    a.write(0x12, 0xf7);
    expect(a.read(0x12)).toBe(0x08);
    a.write(0x12, 0x08);
    expect(a.read(0x12)).toBe(0);
    expect(a.chip.level(0)).toBe(0);
    expect(sent.map((t) => [t.from, t.bytes, t.powerDbm])).toEqual([['A', BYTES, 14]]);
  });

  test('the packet starts at FifoTxBaseAddr and wraps in the FIFO (RFM36)', async () => {
    const { b, a, sent } = await pair();
    a.write(0x0e, 0xfd);
    a.send(BYTES);
    await b.simulation.run(100);
    expect(sent[0]?.bytes).toEqual(BYTES);
    a.write(0x0d, 0x00);
    expect(a.spi('00 00')).toBe('0004');
  });

  test('leaving TX mode breaks the packet off, without TxDone', async () => {
    const { b, a, sent } = await pair();
    a.send(BYTES);
    await b.simulation.run(10);
    a.write(0x01, 0x81);
    await b.simulation.run(100);
    expect(a.read(0x12)).toBe(0);
    expect(sent[0]?.cutMs).toBeCloseTo((sent[0]?.startMs ?? 0) + 10 - 0.12, 6);
  });

  test('a length of 0 is not permitted: nothing is sent, nothing comes of it (DS114)', async () => {
    const { b, a, sent } = await pair();
    a.send(new Uint8Array(0));
    await b.simulation.run(10_000);
    expect(a.read(0x01)).toBe(0x83);
    expect(a.read(0x12)).toBe(0);
    expect(sent).toEqual([]);
  });

  test('the frequency is committed by its lowest byte and taken on leaving standby (DS94)', async () => {
    const { b, a, sent } = await pair();
    a.spi('86 6c 80'); // 434 MHz but for the last byte
    a.send(BYTES);
    await b.simulation.run(100);
    expect(sent[0]?.frequencyHz).toBeCloseTo(869.525e6, -2);
    a.spi('86 6c 80 00');
    a.send(BYTES);
    await b.simulation.run(100);
    expect(sent[1]?.frequencyHz).toBe(434e6);
  });
});

describe('output power (DS83–85: RegPaConfig, RegPaDac, RegOcp)', () => {
  test.each([
    ['PA_BOOST, 17 - (15 - 15)', { 9: 0x8f }, 17],
    ['PA_BOOST, 17 - (15 - 0)', { 9: 0x80 }, 2],
    ['PA_BOOST at high power, 140 mA', { 9: 0x8f, 77: 0x87, 11: 0x31 }, 20],
    ['PA_BOOST at high power, limited to 100 mA', { 9: 0x8f, 77: 0x87 }, 17],
    ['RFO, 10.8 + 0.6 · 7 - (15 - 14)', { 9: 0x7e }, 14],
  ])('%s', async (_name, registers, dbm) => {
    const { b, a, sent } = await pair();
    for (const [address, value] of Object.entries(registers)) a.write(Number(address), value);
    a.send(BYTES);
    await b.simulation.run(100);
    expect(sent[0]?.powerDbm).toBeCloseTo(dbm, 9);
  });
});

describe('DIO mapping (DS46, table 18)', () => {
  test('a line follows its flag through every mapping', async () => {
    const { b, a, c } = await pair();
    c.listen();
    c.write(0x40, 0b00_00_00_01); // DIO3: ValidHeader
    await b.simulation.run(1);
    a.send(BYTES);
    // preamble 12.25, header 8 symbols
    await b.simulation.run(20.3 * SYMBOL_MS + 0.12);
    expect([0, 1, 2, 3].map((n) => c.chip.level(n))).toEqual([0, 0, 0, 1]);
    await b.simulation.run(100);
    expect([0, 1, 2, 3].map((n) => c.chip.level(n))).toEqual([1, 0, 0, 1]);
    c.write(0x40, 0b01_00_00_00); // DIO0: TxDone, DIO3: CadDone
    expect([0, 1, 2, 3].map((n) => c.chip.level(n))).toEqual([0, 0, 0, 0]);
    c.write(0x40, 0);
    expect(c.chip.level(0)).toBe(1);
  });

  test('a rising edge is told once for a flag that stays', async () => {
    const { b, a, c } = await pair();
    let edges = 0;
    c.chip.hardware.dio0?.onEdge(() => edges++);
    c.listen();
    await b.simulation.run(1);
    for (let i = 0; i < 2; i++) {
      a.send(BYTES);
      await b.simulation.run(100);
    }
    expect(edges).toBe(1);
    c.write(0x12, 0xff);
    a.send(BYTES);
    await b.simulation.run(100);
    expect(edges).toBe(2);
  });

  test('a masked interrupt is seen neither in the flags nor at the line (DS111, RegIrqFlagsMask)', async () => {
    const { b, a, c } = await pair();
    c.write(0x11, 0x40);
    c.listen();
    await b.simulation.run(1);
    a.send(BYTES);
    await b.simulation.run(100);
    expect(c.read(0x12)).toBe(0x10);
    expect(c.chip.level(0)).toBe(0);
  });
});

describe('single receive (DS40–41)', () => {
  async function single(symbols: number) {
    const made = await pair();
    made.c.write(0x1e, 0x74 | (symbols >> 8));
    made.c.write(0x1f, symbols & 0xff);
    made.c.write(0x01, 0x86);
    return made;
  }

  test('RxTimeout after SymbTimeout symbols of silence, then standby', async () => {
    const { b, c } = await single(300);
    await b.simulation.run(300 * SYMBOL_MS);
    expect(c.read(0x12)).toBe(0);
    await b.simulation.run(1);
    expect(c.read(0x12)).toBe(0x80);
    expect(c.read(0x01)).toBe(0x81);
  });

  test('the timeout is suppressed while a packet comes in; RxDone, then standby', async () => {
    const { b, a, c } = await single(16);
    await b.simulation.run(6);
    a.send(BYTES);
    await b.simulation.run(20);
    expect(c.read(0x01)).toBe(0x86);
    await b.simulation.run(100);
    expect(c.read(0x12)).toBe(0x50);
    expect(c.read(0x01)).toBe(0x81);
    expect(c.packet()).toEqual(BYTES);
  });

  test('a preamble that comes to nothing after the time is a timeout', async () => {
    const { b, a, c } = await single(16);
    a.write(0x39, 0x34);
    await b.simulation.run(6);
    a.send(BYTES);
    await b.simulation.run(100);
    expect(c.read(0x12)).toBe(0x80);
    expect(c.read(0x01)).toBe(0x81);
  });
});

describe('channel activity detection (DS43–45)', () => {
  async function cadAfter(ms: number, payload = BYTES) {
    const made = await pair();
    made.a.send(payload);
    await made.b.simulation.run(ms);
    made.c.write(0x01, 0x87);
    return made;
  }

  test('takes (2^SF + 32) / BW of receiving and just under a symbol more, then standby', async () => {
    const { b, c } = await pair();
    c.write(0x01, 0x87);
    await b.simulation.run(0.12 + 1.28 + 0.5);
    expect(c.read(0x12)).toBe(0);
    await b.simulation.run(0.524);
    expect(c.read(0x12)).toBe(0x04);
    expect(c.read(0x01)).toBe(0x81);
  });

  test('a preamble gives CadDetected, on DIO1 in mapping 10', async () => {
    const { b, c } = await cadAfter(5);
    c.write(0x40, 0b10_10_00_00);
    await b.simulation.run(3);
    expect(c.read(0x12)).toBe(0x05);
    expect([c.chip.level(0), c.chip.level(1)]).toEqual([1, 1]);
  });

  test('another spreading factor is not seen', async () => {
    const { b, c } = await cadAfter(5);
    c.write(0x01, 0x81);
    c.write(0x1e, 0x84);
    c.write(0x01, 0x87);
    await b.simulation.run(6);
    expect(c.read(0x12)).toBe(0x04);
  });

  test('payload is missed nine times out of ten', async () => {
    const { b, c } = await cadAfter(30, new Uint8Array(255));
    let seen = 0;
    for (let i = 0; i < 100; i++) {
      c.write(0x01, 0x87);
      await b.simulation.run(3);
      seen += c.read(0x12) & 1;
      c.write(0x12, 0xff);
    }
    expect(seen).toBeGreaterThan(2);
    expect(seen).toBeLessThan(25);
  });
});
