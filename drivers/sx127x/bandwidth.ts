/**
 * The ten bandwidths (DS 27, 112). They are divisions of 500 kHz; the names in use round the division, so that
 * airtimes computed from a name would be off by up to 0.17 %.
 */

interface Bandwidth {
  /** As settings name it, Hz. */
  readonly nominalHz: number;
  readonly exactHz: number;
  /** ModemConfig1, bits 7–4. */
  readonly code: number;
}

const BANDWIDTHS: readonly Bandwidth[] = [
  { nominalHz: 7_800, exactHz: 500_000 / 64, code: 0 },
  { nominalHz: 10_400, exactHz: 500_000 / 48, code: 1 },
  { nominalHz: 15_600, exactHz: 500_000 / 32, code: 2 },
  { nominalHz: 20_800, exactHz: 500_000 / 24, code: 3 },
  { nominalHz: 31_250, exactHz: 500_000 / 16, code: 4 },
  { nominalHz: 41_700, exactHz: 500_000 / 12, code: 5 },
  { nominalHz: 62_500, exactHz: 500_000 / 8, code: 6 },
  { nominalHz: 125_000, exactHz: 500_000 / 4, code: 7 },
  { nominalHz: 250_000, exactHz: 500_000 / 2, code: 8 },
  { nominalHz: 500_000, exactHz: 500_000, code: 9 },
];

/** Throws `RangeError` where the chip has no such bandwidth. */
export function bandwidthOf(nominalHz: number): Bandwidth {
  const found = BANDWIDTHS.find((b) => b.nominalHz === nominalHz);
  if (!found) throw new RangeError(`the chip has no bandwidth of ${nominalHz} Hz`);
  return found;
}
