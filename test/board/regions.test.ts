import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { checkLawful, mtu, REGIONS, type Region, regionNamed, subBandOf } from '../../board/regions.ts';
import { registerValues } from '../../drivers/sx127x/configuration.ts';
import { timeOnAirMs } from '../../drivers/sx127x/time-on-air.ts';

function region(name: string): Region {
  const found = regionNamed(name);
  if (!found) throw new Error(name);
  return found;
}

/** Settings as the radio takes them, and its time on air. */
function radio(frequencyHz: number, bandwidthHz: number, spreadingFactor: number, powerDbm = 14) {
  const settings = {
    frequencyHz,
    bandwidthHz,
    spreadingFactor,
    codingRate: 5 as const,
    preambleSymbols: 8,
    syncWord: 0x4e,
    powerDbm,
  };
  return { settings, airtimeMs: (bytes: number) => timeOnAirMs(settings, bytes) };
}

describe('sub-bands', () => {
  test.each([
    [868_100_000, 125_000, 0.01],
    [868_800_000, 125_000, 0.001],
    [869_525_000, 125_000, 0.1],
    [869_525_000, 250_000, 0.1],
    [863_500_000, 125_000, 0.001],
    [869_850_000, 125_000, 0.01],
  ])('EU868 at %i Hz, %i Hz wide: duty cycle %f', (frequencyHz, bandwidthHz, dutyCycle) => {
    expect(subBandOf(region('EU868'), frequencyHz, bandwidthHz)?.dutyCycle).toBe(dutyCycle);
  });

  test.each([
    ['the gap 868.6–868.7', 868_650_000, 125_000],
    ['the gap 869.2–869.4', 869_300_000, 125_000],
    ['the gap 869.65–869.7', 869_675_000, 7_800],
    ['an edge that the bandwidth crosses', 869_425_000, 125_000],
    ['a bandwidth over two sub-bands', 868_000_000, 125_000],
    ['a bandwidth larger than the sub-band', 869_525_000, 500_000],
    ['another continent', 915_000_000, 125_000],
  ])('EU868 forbids %s', (_what, frequencyHz, bandwidthHz) => {
    expect(subBandOf(region('EU868'), frequencyHz, bandwidthHz)).toBeUndefined();
  });

  test('are in order and do not overlap', () => {
    for (const { subBands } of REGIONS)
      for (const [i, s] of subBands.entries()) {
        expect(s.fromHz).toBeLessThan(s.toHz);
        expect(s.fromHz).toBeGreaterThanOrEqual(subBands[i - 1]?.toHz ?? 0);
      }
  });
});

describe('the longest frame', () => {
  // docs/protocol/link.md, frames
  test.each([
    [125_000, 7, 255],
    [125_000, 8, 138],
    [125_000, 9, 66],
    [125_000, 10, 24],
    [500_000, 8, 255],
    [500_000, 9, 255],
    [500_000, 10, 174],
    [125_000, 12, 0],
  ])('within 400 ms at %i Hz and SF%i has %i bytes', (bandwidthHz, spreadingFactor, bytes) => {
    const { settings, airtimeMs } = radio(919_000_000, bandwidthHz, spreadingFactor);
    expect(mtu(region('US915'), settings, airtimeMs)).toBe(bytes);
  });

  test('is 255 where nothing limits a transmission, and 0 where none is allowed', () => {
    const slow = radio(869_525_000, 125_000, 12);
    expect(mtu(region('EU868'), slow.settings, slow.airtimeMs)).toBe(255);
    const gap = radio(868_650_000, 125_000, 7);
    expect(mtu(region('EU868'), gap.settings, gap.airtimeMs)).toBe(0);
  });

  test('never breaks the dwell limit, and one byte more would', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 7, max: 12 }),
        fc.constantFrom(125_000, 250_000, 500_000),
        (spreadingFactor, bandwidthHz) => {
          const { settings, airtimeMs } = radio(919_000_000, bandwidthHz, spreadingFactor);
          const bytes = mtu(region('US915'), settings, airtimeMs);
          if (bytes > 0) expect(airtimeMs(bytes)).toBeLessThanOrEqual(400);
          if (bytes < 255) expect(airtimeMs(bytes + 1)).toBeGreaterThan(400);
        },
      ),
    );
  });
});

describe('what is lawful', () => {
  const check = (name: string, r: ReturnType<typeof radio>, gain = 2.15) =>
    checkLawful(region(name), r.settings, gain, r.airtimeMs);

  test.each(REGIONS.map((r) => [r.name, r] as const))('the defaults of %s are, with a dipole', (_name, r) => {
    const { frequencyHz, bandwidthHz, spreadingFactor, powerDbm } = r.defaults;
    const defaults = radio(frequencyHz, bandwidthHz, spreadingFactor, powerDbm);
    expect(checkLawful(r, defaults.settings, 2.15, defaults.airtimeMs)).toBeUndefined();
    expect(() => registerValues(defaults.settings)).not.toThrow();
  });

  test('a gap is not, and the sentence says where to go', () => {
    expect(check('EU868', radio(868_650_000, 125_000, 7))).toBe(
      '868.65 MHz with a bandwidth of 125 kHz does not lie within one sub-band of EU868: ' +
        'choose a frequency inside 863–865, 865–868, 868–868.6, 868.7–869.2, 869.4–869.65, 869.7–870 MHz.',
    );
  });

  test('ERP is over a dipole, EIRP over an isotropic antenna', () => {
    expect(check('EU868', radio(868_100_000, 125_000, 7, 14), 2.15)).toBeUndefined();
    expect(check('EU868', radio(868_100_000, 125_000, 7, 15), 2.15)).toContain('lower the power to 14 dBm');
    expect(check('EU868', radio(868_100_000, 125_000, 7, 14), 5)).toContain('lower the power to 11 dBm');
    expect(check('EU868', radio(869_525_000, 125_000, 7, 20), 9)).toBeUndefined();
    expect(check('CN470', radio(490_100_000, 125_000, 7, 17), 2)).toBeUndefined();
    expect(check('CN470', radio(490_100_000, 125_000, 7, 17), 3)).toContain('20.0 dBm EIRP');
  });

  test.each([
    ['US915', 919_000_000, 125_000],
    ['US915', 919_000_000, 250_000],
    ['US915', 919_000_000, 62_500],
  ])('one frequency of %s at %i Hz is not, with %i Hz', (name, frequencyHz, bandwidthHz) => {
    expect(check(name, radio(frequencyHz, bandwidthHz, 7))).toBe(
      "US915 allows a channel that stays on one frequency, as this radio's does, only from 500 kHz on, " +
        `and this one is ${bandwidthHz / 1000} kHz wide: set the bandwidth to 500 kHz.`,
    );
  });

  test('a channel wider than the law has them is not', () => {
    const india = regionNamed('IN865') as Region;
    const wide = { frequencyHz: 866_000_000, bandwidthHz: 250_000, powerDbm: 10 };
    expect(checkLawful(india, wide, 2.15, () => 100)).toBe(
      'IN865 allows channels of 200 kHz, and this one is 250 kHz wide: set the bandwidth to 125 kHz.',
    );
    expect(checkLawful(india, { ...wide, bandwidthHz: 125_000 }, 2.15, () => 100)).toBeUndefined();
  });

  test('one frequency elsewhere is, where its frames are long enough', () => {
    for (const { defaults, name } of REGIONS.filter((r) => r.name !== 'US915'))
      expect(check(name, radio(defaults.frequencyHz, 125_000, 7, 7)), name).toBeUndefined();
  });

  test('power in each part of a channel is limited too, where the law says so', () => {
    // 10 mW ERP in 100 kHz, of channels wider than 200 kHz: 25 mW in 250, 50 in 500
    expect(check('CN470', radio(490_100_000, 250_000, 7, 13))).toBeUndefined();
    expect(check('CN470', radio(490_100_000, 250_000, 7, 14))).toContain('lower the power to 13 dBm');
    expect(check('CN470', radio(490_100_000, 500_000, 7, 16))).toBeUndefined();
    expect(check('CN470', radio(490_100_000, 125_000, 7, 16))).toBeUndefined();
    // 25 mW in 3 kHz
    expect(check('AU915', radio(920_000_000, 62_500, 7, 20), 8)).toContain('allows 27.2 dBm');
    expect(check('AU915', radio(920_000_000, 125_000, 7, 20), 10)).toBeUndefined();
  });

  test('a frame too short for a handshake is no profile', () => {
    expect(check('AS923', radio(922_000_000, 125_000, 9, 13))).toContain('66 bytes');
    // docs: 1 s a transmission
    expect(check('CN470', radio(490_100_000, 125_000, 9))).toContain('allows 1000 ms for one transmission');
    expect(check('CN470', radio(490_100_000, 125_000, 8))).toBeUndefined();
    expect(check('US915', radio(919_000_000, 500_000, 10))).toContain('174 bytes');
    expect(check('US915', radio(919_000_000, 500_000, 9))).toBeUndefined();
  });
});
