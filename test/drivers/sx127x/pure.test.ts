/** The driver's arithmetic, against the datasheet and figures computed elsewhere. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { bursts, frf, registerValues } from '../../../drivers/sx127x/configuration.ts';
import { Hearing } from '../../../drivers/sx127x/hearing.ts';
import { frequencyErrorHz, packetRssiDbm, rssiDbm, snrDb } from '../../../drivers/sx127x/measurements.ts';
import { packetStatus } from '../../../drivers/sx127x/packet.ts';
import type { CodingRate, LoraSettings } from '../../../drivers/sx127x/radio.ts';
import { diagnose, registerOf } from '../../../drivers/sx127x/snapshot.ts';
import { lowDataRate, symbolMs, timeOnAirMs } from '../../../drivers/sx127x/time-on-air.ts';
import { fromHex, toHex } from '../../../src/core/bytes.ts';
import { EU868 } from './roof.ts';

const BANDWIDTHS = [
  7_800, 10_400, 15_600, 20_800, 31_250, 41_700, 62_500, 125_000, 250_000, 500_000,
] as const;

const anySettings: fc.Arbitrary<LoraSettings> = fc.record({
  frequencyHz: fc.integer({ min: 137_000_000, max: 1_020_000_000 }),
  bandwidthHz: fc.constantFrom(...BANDWIDTHS),
  spreadingFactor: fc.integer({ min: 7, max: 12 }),
  codingRate: fc.constantFrom<CodingRate>(5, 6, 7, 8),
  preambleSymbols: fc.integer({ min: 6, max: 65535 }),
  syncWord: fc.integer({ min: 0, max: 255 }),
  powerDbm: fc.integer({ min: 2, max: 20 }),
});

/** Register by address, as `registerValues` gives it. */
function valueAt(settings: LoraSettings, address: number): number | undefined {
  return registerValues(settings).find((r) => r.address === address)?.value;
}

describe('time on air (DS 31)', () => {
  // by hand: 12.25 + 8 + ceil((8 PL − 4 SF + 44) / (4 (SF − 2 DE))) CR symbols
  test.each([
    [7, 125_000, 5, 8, 10, 41.216],
    [7, 125_000, 5, 8, 100, 174.336],
    [7, 125_000, 5, 8, 255, 399.616],
    [9, 125_000, 5, 8, 51, 328.704],
    [10, 125_000, 5, 8, 51, 616.448],
    [10, 125_000, 8, 8, 51, 886.784],
    [11, 125_000, 5, 8, 51, 1314.816],
    [12, 125_000, 5, 8, 51, 2465.792],
    [12, 250_000, 5, 8, 51, 1232.896],
    [12, 500_000, 5, 8, 51, 534.528],
    [8, 500_000, 5, 8, 255, 176.768],
    [7, 125_000, 5, 16, 10, 49.408],
    [12, 125_000, 5, 8, 1, 827.392],
  ] as const)('SF%i %i Hz 4/%i, preamble %i, %i bytes: %f ms', (sf, bw, cr, pre, bytes, ms) => {
    const m = { spreadingFactor: sf, bandwidthHz: bw, codingRate: cr, preambleSymbols: pre };
    expect(timeOnAirMs(m, bytes)).toBeCloseTo(ms, 6);
  });

  test('the narrow bandwidths are divisions of 500 kHz, not their rounded names (DS 27)', () => {
    expect(symbolMs({ spreadingFactor: 7, bandwidthHz: 41_700 })).toBeCloseTo(3.072, 9);
    expect(symbolMs({ spreadingFactor: 7, bandwidthHz: 10_400 })).toBeCloseTo(12.288, 9);
    expect(symbolMs({ spreadingFactor: 7, bandwidthHz: 7_800 })).toBeCloseTo(16.384, 9);
  });

  test('never falls when a byte is added', () => {
    fc.assert(
      fc.property(anySettings, fc.integer({ min: 1, max: 254 }), (s, n) => {
        expect(timeOnAirMs(s, n + 1)).toBeGreaterThanOrEqual(timeOnAirMs(s, n));
      }),
    );
  });
});

describe('low data rate optimisation: symbols of 16 ms and more (DS 28)', () => {
  test.each([
    [10, 125_000, false],
    [11, 125_000, true],
    [12, 125_000, true],
    [11, 250_000, false],
    [12, 250_000, true],
    [12, 500_000, false],
    [10, 62_500, true],
    [9, 62_500, false],
    [9, 31_250, true],
    [7, 7_800, true],
    [7, 10_400, false],
  ])('SF%i at %i Hz: %s', (spreadingFactor, bandwidthHz, on) => {
    expect(lowDataRate({ spreadingFactor, bandwidthHz })).toBe(on);
    expect(valueAt({ ...EU868, spreadingFactor, bandwidthHz }, 0x26)).toBe(on ? 0x0c : 0x04);
  });
});

describe('registers', () => {
  test('for 869.525 MHz, SF7, 125 kHz, 4/5, 14 dBm, sync word 0x4E', () => {
    const all = bursts(registerValues(EU868)).map(([first, values]) => [first.toString(16), toHex(values)]);
    expect(all).toEqual([
      ['6', 'd9619afc092b23'], // Frf 14246298, PA_BOOST 2 + 12 dBm, ramp 40 µs, 100 mA, G1 and HF boost
      ['e', '0000'], // both FIFO bases
      ['11', '02'], // all interrupts but FHSS
      ['1d', '7274640008' + '01ff00'], // 125 kHz 4/5 explicit, SF7 CRC, preamble 8
      ['26', '04'], // AGC
      ['2f', '400043'], // errata 2.3
      ['33', '27'],
      ['36', '030a'],
      ['39', '4e'],
      ['3b', '1d'],
      ['40', '0000'],
      ['4d', '84'],
    ]);
  });

  test.each([
    [2, 0xf0, 0x84, 0x2b],
    [14, 0xfc, 0x84, 0x2b],
    [17, 0xff, 0x84, 0x2b],
    [18, 0xfd, 0x87, 0x31],
    [20, 0xff, 0x87, 0x31],
  ])(
    '%i dBm: PaConfig, PaDac, and over-current protection at 100 or 140 mA (DS 83–85)',
    (powerDbm, pa, dac, ocp) => {
      const s = { ...EU868, powerDbm };
      expect([valueAt(s, 0x09), valueAt(s, 0x4d), valueAt(s, 0x0b)]).toEqual([pa, dac, ocp]);
    },
  );

  test.each([
    [434_000_000, 0x6c8000],
    [868_100_000, 0xd90666],
    [869_525_000, 0xd9619a],
    [915_000_000, 0xe4c000],
  ])('carrier of %i Hz (DS 82)', (frequencyHz, word) => {
    expect(frf(frequencyHz)).toBe(word);
  });

  test('carrier is within half a step of what was asked for', () => {
    fc.assert(
      fc.property(anySettings, ({ frequencyHz }) => {
        expect(Math.abs((frf(frequencyHz) * 32e6) / 2 ** 19 - frequencyHz)).toBeLessThanOrEqual(30.6);
      }),
    );
  });

  test.each([
    [868_300_000, 0x02, 0x64],
    [433_500_000, 0x02, 0x7f],
    [600_000_000, 0x03, undefined],
  ])('errata 2.1 at 500 kHz and %i Hz', (frequencyHz, first, second) => {
    const s = { ...EU868, bandwidthHz: 500_000, frequencyHz };
    expect([valueAt(s, 0x36), valueAt(s, 0x3a)]).toEqual([first, second]);
  });

  test.each(BANDWIDTHS)(
    'errata 2.3 at %i Hz: fixed intermediate frequency from 62.5 to 250 kHz only',
    (bandwidthHz) => {
      const s = { ...EU868, bandwidthHz };
      const fixed = bandwidthHz >= 62_500 && bandwidthHz <= 250_000;
      expect(valueAt(s, 0x31)).toBe(fixed ? 0x43 : 0xc3);
      expect([valueAt(s, 0x2f), valueAt(s, 0x30)]).toEqual(fixed ? [0x40, 0x00] : [undefined, undefined]);
      if (bandwidthHz < 500_000) expect([valueAt(s, 0x36), valueAt(s, 0x3a)]).toEqual([0x03, undefined]);
    },
  );

  test('below 525 MHz the high-frequency boost is off', () => {
    expect(valueAt({ ...EU868, frequencyHz: 433_500_000 }, 0x0c)).toBe(0x20);
  });

  test('are bytes in ascending order, each once, for any settings', () => {
    fc.assert(
      fc.property(anySettings, (s) => {
        const values = registerValues(s);
        for (const [i, { value, address }] of values.entries()) {
          expect(Number.isInteger(value) && value >= 0 && value <= 255).toBe(true);
          if (i > 0) expect(address).toBeGreaterThan(values[i - 1]?.address ?? 0);
        }
      }),
    );
  });

  test.each([
    ['bandwidth', { bandwidthHz: 100_000 }],
    ['spreading factor', { spreadingFactor: 6 }],
    ['spreading factor', { spreadingFactor: 7.5 }],
    ['preamble', { preambleSymbols: 5 }],
    ['sync word', { syncWord: 256 }],
    ['power', { powerDbm: 21 }],
    ['power', { powerDbm: Number.NaN }],
    ['frequency', { frequencyHz: 2_400_000_000 }],
  ])('are refused for a %s the chip does not have', (_what, change) => {
    expect(() => registerValues({ ...EU868, ...change })).toThrow(RangeError);
  });
});

describe('measurements', () => {
  test('momentary RSSI, high and low port (DS 87)', () => {
    expect(rssiDbm(40, 868_300_000)).toBe(-117);
    expect(rssiDbm(40, 433_500_000)).toBe(-124);
  });

  test('packet RSSI: with SNR below the noise, scaled above it (DS 87)', () => {
    expect(packetRssiDbm(40, -7.5, 868_300_000)).toBe(-124.5);
    expect(packetRssiDbm(60, 9, 868_300_000)).toBe(-93);
    expect(packetRssiDbm(60, 0, 433_500_000)).toBe(-100);
  });

  test('SNR is a signed byte of quarters (DS 111)', () => {
    expect([0x00, 0x2a, 0x7f, 0x80, 0xff, 0xb0].map(snrDb)).toEqual([0, 10.5, 31.75, -32, -0.25, -20]);
  });

  test('frequency error is 20 bits, signed (DS 37)', () => {
    expect(frequencyErrorHz(0x00000, 125_000)).toBe(0);
    expect(frequencyErrorHz(0x00fff, 500_000)).toBeCloseTo(2146.959, 3);
    expect(frequencyErrorHz(0xff001, 125_000)).toBeCloseTo(-536.74, 3);
  });

  test('a status burst is taken apart (DS 111–112)', () => {
    // from RxCurrentAddr: pointer 80, mask 02, flags 50, length 2a, counters, stat 17, SNR f0, RSSI 32, 1c, CRC announced
    const burst = fromHex(`${'8002502a0000000017f0321c40'.padEnd(2 * 24, '0')}0ff001`) as Uint8Array;
    expect(packetStatus(burst)).toEqual({
      irqFlags: 0x50,
      modemStat: 0x17,
      start: 0x80,
      length: 42,
      crcOnPayload: true,
      rawSnr: 0xf0,
      rawRssi: 0x32,
      rawFrequencyError: 0xff001,
    });
  });
});

describe('a snapshot of the register file', () => {
  const configured = registerValues(EU868);
  const healthy = () => {
    const s = new Uint8Array(0x4d);
    for (const r of configured) s[r.address - 1] = r.value;
    s[0x00] = 0x85;
    s[0x41] = 0x12;
    return s;
  };

  test('as written, in the right mode, is healthy, whatever the AGC did to the gain', () => {
    const s = healthy();
    s[0x0c - 1] = 0xc3;
    expect(diagnose(s, 0x85, configured)).toBeUndefined();
    expect(registerOf(s, 0x42)).toBe(0x12);
  });

  test('of zeros or ones is no chip', () => {
    expect(diagnose(new Uint8Array(0x4d), 0x85, configured)).toBe('spi-garbage');
    expect(diagnose(new Uint8Array(0x4d).fill(0xff), 0x85, configured)).toBe('spi-garbage');
  });

  test('in another mode or modem is stuck', () => {
    for (const opMode of [0x81, 0x80, 0x05, 0x83]) {
      const s = healthy();
      s[0] = opMode;
      expect(diagnose(s, 0x85, configured)).toBe('stuck-mode');
    }
  });

  test('with any verifiable bit flipped has lost its registers', () => {
    for (const r of configured)
      for (let bit = 1; bit < 256; bit <<= 1) {
        const s = healthy();
        s[r.address - 1] = r.value ^ bit;
        expect(diagnose(s, 0x85, configured)).toBe(r.verify & bit ? 'registers-lost' : undefined);
      }
  });
});

describe('hearing', () => {
  const minute = 60_000;

  test('ten minutes of nothing but the same noise is deafness', () => {
    const h = new Hearing(0);
    for (let t = 0; t < 10 * minute; t += 1000) expect(h.deaf(40, t)).toBe(false);
    expect(h.deaf(40, 10 * minute)).toBe(true);
    expect(h.deaf(40, 10 * minute + 1000)).toBe(false);
  });

  test('moving noise buys an hour', () => {
    const h = new Hearing(0);
    for (let t = 0; t < 60 * minute; t += 1000) expect(h.deaf(40 + ((t / 1000) % 3), t)).toBe(false);
    expect(h.deaf(40, 60 * minute)).toBe(true);
  });

  test('a header heard starts both anew', () => {
    const h = new Hearing(0);
    for (let t = 0; t < 300 * minute; t += 1000) {
      if (t % (9 * minute) === 0) h.heard(t);
      expect(h.deaf(40, t)).toBe(false);
    }
  });

  test('a silence that a reset does not end is found ever more rarely, until something is heard', () => {
    const h = new Hearing(0);
    const found: number[] = [];
    for (let t = 0; t < 24 * 60 * minute; t += 1000) if (h.deaf(40, t)) found.push(t / minute);
    expect(found.slice(0, 4)).toEqual([10, 30, 70, 150]);
    expect(found.length).toBeLessThan(10);
    h.heard(24 * 60 * minute);
    expect(h.deaf(40, 24 * 60 * minute + 10 * minute)).toBe(true);
  });
});
