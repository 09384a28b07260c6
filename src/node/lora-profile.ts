/** From the configuration to what the radio is set to and what the law allows it (docs/protocol/link.md, "Frames"). */
import { mtu, subBandOf } from '../../board/regions.ts';
import type { LoraSettings } from '../../drivers/sx127x/radio.ts';
import { timeOnAirMs } from '../../drivers/sx127x/time-on-air.ts';
import type { Channel, RadioConfig } from '../config/config.ts';
import type { LoraProfile } from '../link/lora/lora-medium.ts';

const PREAMBLE_SYMBOLS = 8;
const SYNC_WORD = 0x4e;

/** ms on air of a frame of so many bytes on a channel. */
export function airtimeOn(channel: Channel, bytes: number): number {
  return timeOnAirMs({ ...channel, preambleSymbols: PREAMBLE_SYMBOLS }, bytes);
}

/** Of a configuration that has been found lawful. */
export function loraProfile(radio: RadioConfig): LoraProfile {
  const { region, frequencyHz, bandwidthHz, spreadingFactor, codingRate, powerDbm } = radio;
  const settings: LoraSettings = {
    ...{ frequencyHz, bandwidthHz, spreadingFactor, codingRate, powerDbm },
    preambleSymbols: PREAMBLE_SYMBOLS,
    syncWord: SYNC_WORD,
  };
  const subBand = subBandOf(region, frequencyHz, bandwidthHz);
  if (!subBand) throw new Error('an unlawful configuration was let through');
  const { fromHz, toHz, dutyCycle, dwellMs } = subBand;
  return {
    settings,
    // the allowance is kept on disk under this name
    limits: { band: `${region.name} ${fromHz}-${toHz}`, dutyCycle, dwellMs },
    mtu: mtu(region, settings, (bytes) => timeOnAirMs(settings, bytes)),
  };
}
