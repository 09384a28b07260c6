/** The chip's one buffer of 256 bytes, shared by transmitter, receiver and host (RFM30, RFM36). */
import type { Random } from '../../src/core/random.ts';

const SIZE = 256;

export class Fifo {
  readonly #bytes = new Uint8Array(SIZE);

  /** Addresses wrap. */
  read(address: number): number {
    return this.#bytes[address % SIZE] as number;
  }

  write(address: number, value: number): void {
    this.#bytes[address % SIZE] = value;
  }

  /** `length` bytes from `address` on. */
  take(address: number, length: number): Uint8Array {
    return Uint8Array.from({ length }, (_, i) => this.read(address + i));
  }

  /** At most as many bytes as the FIFO holds. */
  put(address: number, bytes: Uint8Array): void {
    const room = SIZE - address;
    this.#bytes.set(bytes.subarray(0, room), address);
    this.#bytes.set(bytes.subarray(room), 0);
  }

  /** Sleep loses the content. */
  scramble(random: Random): void {
    this.#bytes.set(random.bytes(SIZE));
  }
}
