import type { Hat } from './board.ts';

/** LoRasPi (RadioHead's RasPiBoards.h). */
export const lorasPi: Hat = {
  kind: 'hat',
  name: 'loraspi',
  title: 'LoRasPi',
  radio: { spiBus: 0, chipSelect: 0, reset: 22, dio0: 25 },
  buttons: [],
  leds: [23],
  vendor: 'loraspi',
};

/** Electronic Tricks' LoRa plate (RadioHead's RasPiBoards.h). */
export const electronicTricks: Hat = {
  kind: 'hat',
  name: 'electronic-tricks',
  title: 'Electronic Tricks LoRa plate',
  radio: { spiBus: 0, chipSelect: 0, reset: 5, dio0: 25 },
  buttons: [],
  leds: [],
  vendor: 'electronic tricks',
};
