/**
 * The whole port surface: what a chip's driver needs of a machine. Answered by Linux (`linux-*.ts`) and by the
 * simulated chips (`drivers/sim`); everything above is the same code in both cases.
 */
import type { Cancel } from '../../src/core/clock.ts';

export interface SpiBus {
  /**
   * One full-duplex transfer with chip select held low throughout: sends `tx`, gives as many bytes back.
   * Transfers are carried out in the order they were asked for. Rejects where the bus fails.
   */
  transfer(tx: Uint8Array): Promise<Uint8Array>;
  close(): Promise<void>;
}

export interface GpioLine {
  /** Rejects where the system gives a line to one holder only and a listener has it. */
  read(): Promise<0 | 1>;
  /** Drives the line. */
  write(value: 0 | 1): Promise<void>;
  /** Lets go of the line: high impedance. A later `write` drives it again. */
  release(): Promise<void>;
  /** Calls back after each rising edge (the level may have changed again by then). */
  onEdge(listener: () => void): Cancel;
  close(): Promise<void>;
}

export interface I2cBus {
  /** Both reject with the system's code (ENXIO, EREMOTEIO) where nothing answers at the 7-bit `address`. */
  write(address: number, bytes: Uint8Array): Promise<void>;
  read(address: number, length: number): Promise<Uint8Array>;
  close(): Promise<void>;
}

/** A LoRa module as it is soldered: lines that a board does not route are absent. */
export interface RadioHardware {
  readonly spi: SpiBus;
  readonly reset?: GpioLine;
  readonly dio0?: GpioLine;
  readonly dio1?: GpioLine;
  readonly dio2?: GpioLine;
  readonly dio3?: GpioLine;
}
