import type { Hat } from './board.ts';

/** Dragino LoRa/GPS HAT. Its chip select is not one of the header's CE pins. */
export const draginoLoraGps: Hat = {
  kind: 'hat',
  name: 'dragino-lora-gps',
  title: 'Dragino LoRa/GPS HAT',
  notes:
    'Its chip select is GPIO 25: add "dtoverlay=spi0-1cs,cs0_pin=25" to /boot/firmware/config.txt and reboot, so that the kernel drives it.',
  radio: { spiBus: 0, chipSelect: 0, reset: 17, dio0: 4, dio1: 23, dio2: 24 },
  buttons: [],
  leds: [],
  vendor: 'dragino',
};
