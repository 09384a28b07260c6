/** Register file, SPI framing, FIFO and reset of the simulated chip, against the SX1276 datasheet. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Bench, bench, Probe } from './bench.ts';

function fresh(): { b: Bench; p: Probe } {
  const b = bench();
  return { b, p: new Probe(b, 'A') };
}

async function configured(): Promise<{ b: Bench; p: Probe }> {
  const made = fresh();
  await made.p.configure();
  return made;
}

describe('values after reset', () => {
  test('FSK standby, version 0x12, 434 MHz, PaDac 0x84 (DS92–94)', () => {
    const { p } = fresh();
    expect(p.spi('01 00')).toBe('0009');
    expect(p.spi('42 00')).toBe('0012');
    expect(p.spi('06 00 00 00')).toBe('006c8000');
    expect(p.spi('09 00')).toBe('004f');
    expect(p.spi('4d 00')).toBe('0084');
  });

  test('LoRa page: FIFO bases, modem settings, preamble, lengths, sync word (DS111–115)', async () => {
    const { b, p } = fresh();
    p.write(0x01, 0x00);
    p.write(0x01, 0x80);
    await b.simulation.run(1);
    expect(p.spi('0d 00 00 00')).toBe('00008000');
    expect(p.spi('1d 00 00 00')).toBe('00727064');
    expect(p.spi('20 00 00 00 00 00')).toBe('00000801ff00');
    expect(p.read(0x31) & 0x07).toBe(0x03);
    expect(p.read(0x33)).toBe(0x27);
    expect(p.read(0x37)).toBe(0x0a);
    expect(p.read(0x39)).toBe(0x12);
    expect(p.read(0x3b)).toBe(0x1d);
    expect(p.read(0x11)).toBe(0);
    expect(p.read(0x12)).toBe(0);
  });
});

describe('SPI (section 4.3)', () => {
  test('a burst advances the address, and a write gives back what was there', async () => {
    const { p } = await configured();
    p.spi('a0 12 34');
    expect(p.spi('20 00 00')).toBe('001234');
    expect(p.spi('a0 56 78')).toBe('001234');
  });

  test('the FIFO address does not advance; the FIFO pointer does (RFM30)', async () => {
    const { p } = await configured();
    p.write(0x0d, 0xfe);
    p.spi('80 aa bb cc');
    expect(p.read(0x0d)).toBe(0x01);
    p.write(0x0d, 0xfe);
    expect(p.spi('00 00 00 00')).toBe('00aabbcc');
  });

  test('read-only registers keep their values (DS111–112)', async () => {
    const { p } = await configured();
    for (const address of [0x10, 0x13, 0x14, 0x18, 0x19, 0x1a, 0x1c, 0x25, 0x28, 0x42]) {
      const before = p.read(address);
      p.write(address, ~before & 0xff);
      expect(p.read(address), `register ${address.toString(16)}`).toBe(before);
    }
  });
});

describe('RegOpMode (DS108)', () => {
  test('LongRangeMode changes in sleep only', async () => {
    const { b, p } = fresh();
    p.write(0x01, 0x81);
    expect(p.read(0x01) & 0x80).toBe(0);
    p.write(0x01, 0x00);
    p.write(0x01, 0x80);
    expect(p.read(0x01) & 0x80).toBe(0x80);
    p.write(0x01, 0x81);
    await b.simulation.run(1);
    p.write(0x01, 0x01);
    expect(p.read(0x01)).toBe(0x81);
  });

  test('AccessSharedReg shows the FSK page at 0x0D–0x3F', async () => {
    const { p } = await configured();
    expect(p.read(0x39)).toBe(0x12);
    p.write(0x01, 0xc1);
    expect(p.read(0x39)).toBe(0x20);
    p.write(0x01, 0x81);
    expect(p.read(0x39)).toBe(0x12);
  });

  test('sleep loses the FIFO and the counters, and keeps the settings (RFM30, DS111)', async () => {
    const { b, p } = await configured();
    p.write(0x39, 0x4e);
    p.write(0x0d, 0);
    p.spi('80 00 01 02 03 04 05 06 07');
    p.write(0x01, 0x80);
    p.write(0x01, 0x81);
    await b.simulation.run(1);
    p.write(0x0d, 0);
    expect(p.spi('00 00 00 00 00 00 00 00 00')).not.toBe('000001020304050607');
    expect(p.read(0x39)).toBe(0x4e);
  });

  test('the FIFO cannot be reached in sleep', async () => {
    const { p } = await configured();
    p.write(0x01, 0x80);
    p.write(0x0d, 0);
    p.spi('80 aa');
    expect(p.read(0x0d)).toBe(0);
    expect(p.spi('00 00')).toBe('0000');
  });
});

describe('the reset line (section 7.2.2)', () => {
  test('100 µs low bring every register back; the chip answers 5 ms later', async () => {
    const { b, p } = await configured();
    p.write(0x39, 0x4e);
    const reset = p.chip.hardware.reset;
    await reset?.write(0);
    await b.simulation.run(1);
    expect(p.read(0x42)).toBe(0);
    await reset?.release();
    await b.simulation.run(4.9);
    expect(p.read(0x42)).toBe(0);
    await b.simulation.run(0.2);
    expect(p.read(0x42)).toBe(0x12);
    expect(p.read(0x01)).toBe(0x09);
    p.write(0x01, 0x00);
    p.write(0x01, 0x80);
    expect(p.read(0x39)).toBe(0x12);
  });

  test('a shorter pulse does nothing', async () => {
    const { b, p } = await configured();
    await p.chip.hardware.reset?.write(0);
    await b.simulation.run(0.05);
    await p.chip.hardware.reset?.release();
    expect(p.read(0x01)).toBe(0x81);
  });
});

test('image calibration runs in FSK standby and says when it is done (DS53, RegImageCal)', async () => {
  const { b, p } = fresh();
  p.write(0x3b, p.read(0x3b) | 0x40);
  expect(p.read(0x3b) & 0x60).toBe(0x20);
  await b.simulation.run(11);
  expect(p.read(0x3b) & 0x60).toBe(0);
});

test('whatever bytes a host sends, at whatever times, the chip goes on answering', async () => {
  const bursts = fc.array(fc.tuple(fc.uint8Array({ minLength: 1, maxLength: 12 }), fc.nat(50)), {
    maxLength: 40,
  });
  await fc.assert(
    fc.asyncProperty(bursts, async (all) => {
      const { b, p } = fresh();
      const other = new Probe(b, 'B');
      await other.configure();
      other.listen();
      for (const [bytes, waitMs] of all) {
        p.chip.exchange(bytes);
        await b.simulation.run(waitMs);
      }
      expect(p.read(0x42)).toBe(0x12);
    }),
    { numRuns: 50 },
  );
});
