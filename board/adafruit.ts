import type { Hat } from './board.ts';

/** Adafruit RFM95W LoRa radio bonnet with OLED. DIO1 and DIO2 as Adafruit's schematic has them. */
export const adafruitBonnet: Hat = {
  kind: 'hat',
  name: 'adafruit-rfm95w-bonnet',
  title: 'Adafruit RFM95W LoRa Radio Bonnet',
  radio: { spiBus: 0, chipSelect: 1, reset: 25, dio0: 22, dio1: 23, dio2: 24 },
  buttons: [5, 6, 12],
  leds: [],
  display: { kind: 'ssd1306', width: 128, height: 32, i2cAddress: 0x3c },
  vendor: 'adafruit',
};
