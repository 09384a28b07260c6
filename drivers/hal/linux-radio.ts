/** A LoRa HAT's bus and lines, opened together. */
import type { RadioHardware } from './hal.ts';
import { gpioOpener } from './linux-gpio.ts';
import { openSpiBus } from './linux-spi.ts';

/** Where the chip is wired; GPIOs are BCM numbers. */
export interface RadioWiring {
  readonly spiBus: number;
  /** The number in the device's name, /dev/spidev<bus>.<chipSelect>. */
  readonly chipSelect: number;
  readonly speedHz?: number;
  readonly reset?: number;
  readonly dio0?: number;
}

/** Rejects with a `PersonError` that says what to do; nothing is left open then. */
export async function openRadioHardware(wiring: RadioWiring): Promise<RadioHardware> {
  const spi = await openSpiBus(wiring.spiBus, wiring.chipSelect, wiring.speedHz);
  try {
    if (wiring.reset === undefined && wiring.dio0 === undefined) return { spi };
    const open = await gpioOpener();
    const reset = wiring.reset === undefined ? {} : { reset: await open(wiring.reset, { edges: false }) };
    try {
      const dio0 = wiring.dio0 === undefined ? {} : { dio0: await open(wiring.dio0, { edges: true }) };
      return { spi, ...reset, ...dio0 };
    } catch (e) {
      await reset.reset?.close();
      throw e;
    }
  } catch (e) {
    await spi.close();
    throw e;
  }
}
