/** Drivers on simulated chips in one air: what every test of the driver starts from. */

import type { RadioHardware } from '../../../drivers/hal/hal.ts';
import { Air } from '../../../drivers/sim/air.ts';
import { SimSx1276, type SimSx1276Options } from '../../../drivers/sim/sx1276.ts';
import type { Transmission } from '../../../drivers/sim/transmission.ts';
import type { LoraSettings, RadioEvent, ReceivedFrame } from '../../../drivers/sx127x/radio.ts';
import { Sx127x } from '../../../drivers/sx127x/sx127x.ts';
import { Counters } from '../../../src/core/counters.ts';
import { silent } from '../../../src/core/log.ts';
import { Simulation } from '../../simulation.ts';

export const EU868: LoraSettings = {
  frequencyHz: 869_525_000,
  bandwidthHz: 125_000,
  spreadingFactor: 7,
  codingRate: 5,
  preambleSymbols: 8,
  syncWord: 0x4e,
  powerDbm: 14,
};

export class Roof {
  readonly simulation: Simulation;
  readonly air: Air;
  /** Every frame on the air once it is over. */
  readonly sent: Transmission[] = [];

  constructor(seed: number | string = 1, lossDb = 100) {
    this.simulation = new Simulation(seed);
    this.air = new Air({ clock: this.simulation, random: this.simulation.random, lossDb });
    this.air.onTransmission.on((t) => this.sent.push(t));
  }

  box(name: string, options: Partial<SimSx1276Options> = {}): Box {
    return new Box(this, name, options);
  }

  /** Boxes in continuous receive. */
  async boxes<const N extends readonly string[]>(
    names: N,
    settings: LoraSettings = EU868,
    options: Partial<SimSx1276Options> = {},
  ): Promise<{ [I in keyof N]: Box }> {
    const all = names.map((name) => this.box(name, options));
    for (const box of all) await box.start(settings);
    return all as { [I in keyof N]: Box };
  }
}

/** One chip, its driver, and everything they said. */
export class Box {
  readonly chip: SimSx1276;
  readonly radio: Sx127x;
  readonly counters = new Counters();
  readonly frames: ReceivedFrame[] = [];
  readonly events: RadioEvent[] = [];
  /** Transfers asked for by the driver. */
  transfers = 0;
  /** So many of the next transfers give zeros back. */
  garbled = 0;
  readonly #roof: Roof;

  constructor(roof: Roof, name: string, options: Partial<SimSx1276Options>) {
    this.#roof = roof;
    const { simulation, air } = roof;
    this.chip = new SimSx1276({ clock: simulation, random: simulation.random, air, name, ...options });
    this.radio = new Sx127x(this.#counted(this.chip.hardware), simulation, this.counters, silent);
    this.radio.onFrame.on((f) => this.frames.push(f));
    this.radio.onEvent.on((e) => this.events.push(e));
  }

  start(settings: LoraSettings = EU868): Promise<void> {
    return this.#roof.simulation.resolve(this.radio.start(settings), 5000, 'start');
  }

  /** Resolves when the frame is out, or rejects. */
  transmit(bytes: Uint8Array) {
    return this.#roof.simulation.resolve(this.radio.transmit(bytes), 60_000, 'transmit');
  }

  /** A register as it stands in the chip. */
  register(address: number): number {
    return this.chip.exchange(Uint8Array.of(address, 0))[1] as number;
  }

  poke(address: number, value: number): void {
    this.chip.exchange(Uint8Array.of(address | 0x80, value));
  }

  recoveries(): string[] {
    return this.events.filter((e) => e.kind === 'recovered').map((e) => e.what);
  }

  #counted(hardware: RadioHardware): RadioHardware {
    const { spi } = hardware;
    const transfer = async (tx: Uint8Array) => {
      this.transfers++;
      const rx = await spi.transfer(tx);
      if (this.garbled === 0) return rx;
      this.garbled--;
      return new Uint8Array(rx.length);
    };
    return { ...hardware, spi: { transfer, close: () => spi.close() } };
  }
}

/** `n` bytes that differ. */
export function payload(n: number, first = 1): Uint8Array {
  return Uint8Array.from({ length: n }, (_, i) => (first + i) & 0xff);
}
