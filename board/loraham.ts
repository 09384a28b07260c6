import type { Hat } from './board.ts';

/** LoRaHAM_Pi, the 433 MHz module (SX1278). */
export const loraham433: Hat = {
  kind: 'hat',
  name: 'loraham-433',
  title: 'LoRaHAM_Pi, 433 MHz module',
  radio: { spiBus: 0, chipSelect: 0, reset: 5, dio0: 25 },
  buttons: [],
  leds: [],
  vendor: 'loraham',
};

/** LoRaHAM_Pi, the 868 MHz module (RFM95). */
export const loraham868: Hat = {
  ...loraham433,
  name: 'loraham-868',
  title: 'LoRaHAM_Pi, 868 MHz module',
  radio: { spiBus: 0, chipSelect: 1, reset: 6, dio0: 16 },
};
