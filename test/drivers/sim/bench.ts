/** A simulated chip on a bench: raw SPI bytes in, raw bytes out, nothing of the product's driver. */
import { Air, type AirOptions } from '../../../drivers/sim/air.ts';
import { SimSx1276, type SimSx1276Options } from '../../../drivers/sim/sx1276.ts';
import { fromHex, toHex } from '../../../src/core/bytes.ts';
import { Simulation } from '../../simulation.ts';

export interface Bench {
  readonly simulation: Simulation;
  readonly air: Air;
}

export function bench(options: Partial<AirOptions> = {}, seed: number | string = 1): Bench {
  const simulation = new Simulation(seed);
  return { simulation, air: new Air({ clock: simulation, random: simulation.random, ...options }) };
}

/** What a logic analyser and a pair of wires can do with one chip. */
export class Probe {
  readonly chip: SimSx1276;
  readonly #simulation: Simulation;

  constructor({ simulation, air }: Bench, name: string, options: Partial<SimSx1276Options> = {}) {
    this.#simulation = simulation;
    this.chip = new SimSx1276({ clock: simulation, random: simulation.random, air, name, ...options });
  }

  /** Hex out, hex in: one SPI frame. */
  spi(hex: string): string {
    return toHex(this.chip.exchange(fromHex(hex.replaceAll(' ', '')) as Uint8Array));
  }

  read(address: number): number {
    return this.chip.exchange(Uint8Array.of(address, 0))[1] as number;
  }

  write(address: number, value: number): void {
    this.chip.exchange(Uint8Array.of(address | 0x80, value));
  }

  /** LoRa standby at 869.525 MHz, SF7, 125 kHz, 4/5, explicit header with CRC, +14 dBm on PA_BOOST. */
  async configure(): Promise<void> {
    this.write(0x01, 0x00); // FSK sleep
    this.write(0x01, 0x80); // LoRa sleep
    this.write(0x01, 0x81); // LoRa standby
    await this.#simulation.run(1);
    this.spi('86 d9 61 9a'); // 869.525 MHz in steps of 61.035 Hz: 14246298
    this.write(0x09, 0x8c); // PA_BOOST, 17 - (15 - 12) dBm
    this.write(0x0e, 0x00);
    this.write(0x1d, 0x72);
    this.write(0x1e, 0x74);
  }

  /** Loads the FIFO and starts to send; TxDone comes later. */
  send(payload: Uint8Array): void {
    this.write(0x0d, this.read(0x0e));
    this.chip.exchange(Uint8Array.of(0x80, ...payload));
    this.write(0x22, payload.length);
    this.write(0x01, 0x83);
  }

  /** Continuous receive. */
  listen(): void {
    this.write(0x01, 0x85);
  }

  /** The last packet received, read as the datasheet says: pointer to RegFifoRxCurrentAddr, then a burst. */
  packet(): Uint8Array {
    this.write(0x0d, this.read(0x10));
    const length = this.read(0x13);
    return this.chip.exchange(new Uint8Array(1 + length)).subarray(1);
  }
}
