import { checkConfig } from '../../api/config-check.ts';
import type { RadioConfig } from '../../config/config.ts';
import { type Command, EXIT } from '../command.ts';

/** `nexus config check`. */
export const configCheck: Command = {
  name: 'config check',
  parameters: ['FILE'],
  flags: {},
  summary: 'say whether a configuration file is right; asks no daemon',
  async run({ values: [file = ''], out }) {
    const { radio } = await checkConfig(file);
    out(`${file} is right: ${radio ? radioLine(radio) : 'no radio'}`);
    return EXIT.ok;
  },
};

function radioLine(radio: RadioConfig): string {
  const { board, region, frequencyHz, bandwidthHz, spreadingFactor, codingRate, powerDbm } = radio;
  const channel = `${frequencyHz / 1e6} MHz, ${bandwidthHz / 1e3} kHz, SF${spreadingFactor}, 4/${codingRate}`;
  return `board ${board}, ${region.name}, ${channel}, ${powerDbm} dBm`;
}
