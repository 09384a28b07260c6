/** Taking packets out of the chip's FIFO in continuous receive (DS 41, LoRa FIFO: DS 35). */
import type { Clock } from '../../src/core/clock.ts';
import type { Counters } from '../../src/core/counters.ts';
import { ChipFault } from './faults.ts';
import type { Hearing } from './hearing.ts';
import { type PacketStatus, packetStatus, receivedFrame, STATUS } from './packet.ts';
import type { LoraSettings, ReceivedFrame } from './radio.ts';
import type { RegisterFile } from './register-file.ts';
import { Irq, Register } from './registers.ts';

/** Packets taken in one go; flags that are still up after so many do not clear at all. */
const MOST_PACKETS = 8;

export class Receiver {
  readonly #registers: RegisterFile;
  readonly #clock: Clock;
  readonly #counters: Counters;
  readonly #hearing: Hearing;
  /** Where the next packet begins if none was overwritten unread: the write pointer never goes back by itself. */
  #next = 0;

  constructor(registers: RegisterFile, clock: Clock, counters: Counters, hearing: Hearing) {
    this.#registers = registers;
    this.#clock = clock;
    this.#counters = counters;
    this.#hearing = hearing;
  }

  /** The receiver was switched on: its write pointer is back at the base address. */
  restarted(): void {
    this.#next = 0;
  }

  /**
   * Hands every packet that waits to `deliver` and gives the receiver's last status. `edgeAt` is when the interrupt
   * came, where one did. Damaged packets are counted and dropped; of several packets only the last is described by
   * the registers, the ones before it are counted as `radio.overrun`.
   */
  async drain(
    settings: LoraSettings,
    deliver: (frame: ReceivedFrame) => void,
    edgeAt?: number,
  ): Promise<PacketStatus> {
    let previous: PacketStatus | undefined;
    for (let i = 0; i <= MOST_PACKETS; i++) {
      const status = packetStatus(await this.#registers.readBurst(STATUS.first, STATUS.length));
      // a packet that ended between reading and clearing the flags left no RxDone, but moved the pointer
      const arrived =
        (status.irqFlags & Irq.RxDone) !== 0 || (previous !== undefined && previous.start !== status.start);
      if (!arrived) return status;
      const at = previous === undefined && edgeAt !== undefined ? edgeAt : this.#clock.monotonic();
      this.#hearing.heard(at);
      await this.#registers.write(Register.IrqFlags, status.irqFlags);
      const bytes = await this.#take(status);
      if (bytes) deliver(receivedFrame(bytes, status, settings, at));
      previous = status;
    }
    throw new ChipFault('stuck-mode', 'RxDone does not clear');
  }

  async #take(status: PacketStatus): Promise<Uint8Array | undefined> {
    if (status.start !== this.#next) this.#counters.count('radio.overrun');
    this.#next = (status.start + status.length) & 0xff;
    if (status.irqFlags & Irq.PayloadCrcError) return this.#drop('radio.crc-error');
    // our packets all carry a CRC: a header that denies it is damaged, or foreign
    if (!status.crcOnPayload) return this.#drop('radio.no-crc');
    if (status.length === 0) return this.#drop('radio.empty');
    // the FIFO's own pointer wraps like the packet does
    return this.#registers.readFifo(status.start, status.length);
  }

  #drop(counter: string): undefined {
    this.#counters.count(counter);
    return undefined;
  }
}
