import type { Hat } from './board.ts';

/** C. Hallard's gateway board, module M1 (hallard/RPI-Lora-Gateway; RadioHead's RasPiBoards.h). */
export const hallardM1: Hat = {
  kind: 'hat',
  name: 'hallard-gateway-m1',
  title: "Hallard's LoRa gateway, module 1",
  radio: { spiBus: 0, chipSelect: 0, reset: 5, dio0: 25 },
  buttons: [],
  leds: [4],
  vendor: 'hallard',
};

/** The same board's module M2. */
export const hallardM2: Hat = {
  ...hallardM1,
  name: 'hallard-gateway-m2',
  title: "Hallard's LoRa gateway, module 2",
  radio: { spiBus: 0, chipSelect: 1, reset: 6, dio0: 16 },
  leds: [17],
};
