/** The only place that speaks SPI to the chip: registers, bursts, and verified writes (DS 80). */
import { messageOf } from '../../src/core/errors.ts';
import type { SpiBus } from '../hal/hal.ts';
import { ChipFault } from './faults.ts';
import { Register } from './registers.ts';

const WRITE = 0x80;

/** How often a verified write is tried before the bus is called garbage. */
const ATTEMPTS = 3;

/** Every method throws `ChipFault` ('bus-error') where the bus fails. */
export class RegisterFile {
  readonly #spi: SpiBus;

  constructor(spi: SpiBus) {
    this.#spi = spi;
  }

  async read(address: number): Promise<number> {
    return (await this.readBurst(address, 1))[0] as number;
  }

  /** `length` registers from `address` on; at address 0, `length` bytes of the FIFO from its pointer on. */
  async readBurst(address: number, length: number): Promise<Uint8Array> {
    const tx = new Uint8Array(length + 1);
    tx[0] = address;
    return (await this.#transfer(tx)).subarray(1);
  }

  write(address: number, value: number): Promise<void> {
    return this.writeBurst(address, Uint8Array.of(value));
  }

  async writeBurst(address: number, values: Uint8Array): Promise<void> {
    const tx = new Uint8Array(values.length + 1);
    tx[0] = address | WRITE;
    tx.set(values, 1);
    await this.#transfer(tx);
  }

  /** Writes until it reads back; throws `ChipFault` ('spi-garbage') where it does not. */
  async writeVerified(address: number, value: number): Promise<void> {
    let got = 0;
    for (let i = 0; i < ATTEMPTS; i++) {
      await this.write(address, value);
      got = await this.read(address);
      if (got === value) return;
    }
    throw new ChipFault(
      'spi-garbage',
      `register ${hex(address)} reads ${hex(got)} after ${hex(value)} was written`,
    );
  }

  /** Sets the FIFO's pointer, then reads `length` bytes in one transfer. */
  async readFifo(from: number, length: number): Promise<Uint8Array> {
    await this.write(Register.FifoAddrPtr, from);
    return this.readBurst(Register.Fifo, length);
  }

  /** Sets the FIFO's pointer, then writes in one transfer. */
  async writeFifo(from: number, bytes: Uint8Array): Promise<void> {
    await this.write(Register.FifoAddrPtr, from);
    await this.writeBurst(Register.Fifo, bytes);
  }

  async #transfer(tx: Uint8Array): Promise<Uint8Array> {
    let rx: Uint8Array;
    try {
      rx = await this.#spi.transfer(tx);
    } catch (cause) {
      throw new ChipFault('bus-error', `SPI transfer failed: ${messageOf(cause)}`, { cause });
    }
    if (rx.length !== tx.length)
      throw new ChipFault('bus-error', `SPI gave ${rx.length} bytes for ${tx.length}`);
    return rx;
  }
}

export function hex(value: number): string {
  return `0x${value.toString(16).padStart(2, '0')}`;
}
