/** From the configuration to what the radio is set to (docs/protocol/link.md, "Frames"). */
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

export function loraProfile(radio: RadioConfig): LoraProfile {
  const { region, antennaGainDbi, frequencyHz, bandwidthHz, spreadingFactor, codingRate, powerDbm } = radio;
  const settings: LoraSettings = {
    ...{ frequencyHz, bandwidthHz, spreadingFactor, codingRate, powerDbm },
    preambleSymbols: PREAMBLE_SYMBOLS,
    syncWord: SYNC_WORD,
  };
  return { region, settings, antennaGainDbi };
}
