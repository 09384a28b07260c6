import type { Hat } from './board.ts';

const NOTES = 'It has no reset line: the driver writes every register instead.';

/** Uputronics Raspberry Pi+ LoRa expansion board, the module at CE0. */
export const uputronicsCe0: Hat = {
  kind: 'hat',
  name: 'uputronics-ce0',
  title: 'Uputronics LoRa expansion board, module CE0',
  notes: NOTES,
  radio: { spiBus: 0, chipSelect: 0, dio0: 25 },
  buttons: [],
  leds: [],
  vendor: 'uputronics',
};

/** The same board's module at CE1. */
export const uputronicsCe1: Hat = {
  ...uputronicsCe0,
  name: 'uputronics-ce1',
  title: 'Uputronics LoRa expansion board, module CE1',
  radio: { spiBus: 0, chipSelect: 1, dio0: 16 },
};
