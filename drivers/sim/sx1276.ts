/** A simulated SX1276: what a host sees of one through SPI, the DIO lines and the reset line. */
import type { Clock } from '../../src/core/clock.ts';
import { Event } from '../../src/core/events.ts';
import type { Random } from '../../src/core/random.ts';
import type { RadioHardware } from '../hal/hal.ts';
import type { AirPort, Ether } from './air.ts';
import { IRQ, MODE } from './bits.ts';
import { Faults } from './faults.ts';
import { Fifo } from './fifo.ts';
import { type HostModel, type Line, wireToHost } from './host.ts';
import { isPaged, type Page, REG, RegisterFile } from './registers.ts';
import { Transceiver } from './transceiver.ts';

export interface SimSx1276Options {
  readonly clock: Clock;
  readonly random: Random;
  readonly air: Ether;
  /** Unique in the air. */
  readonly name: string;
  /** The machine at the other end of the wires; an ideal one unless said. */
  readonly host?: 'ideal' | HostModel;
  /** Lines that the board routes; all unless said. */
  readonly lines?: readonly Line[];
  /** Error of the crystal, parts per million: moves the carrier and the symbol clock. 0 unless said. */
  readonly crystalPpm?: number;
}

/** Which flag each DIO shows for the mapping values 00, 01, 10 (DS46, table 18). */
const DIO_FLAGS = [
  [IRQ.RX_DONE, IRQ.TX_DONE, IRQ.CAD_DONE],
  [IRQ.RX_TIMEOUT, IRQ.FHSS_CHANGE_CHANNEL, IRQ.CAD_DETECTED],
  [IRQ.FHSS_CHANGE_CHANNEL, IRQ.FHSS_CHANGE_CHANNEL, IRQ.FHSS_CHANGE_CHANNEL],
  [IRQ.CAD_DONE, IRQ.VALID_HEADER, IRQ.PAYLOAD_CRC_ERROR],
  [IRQ.CAD_DETECTED],
] as const;

/** The reset line must be low for 100 µs, and the chip then answers after 5 ms (datasheet section 7.2.2). */
const RESET_PULSE_MS = 0.1;
const RESET_TIME_MS = 5;

/** Duration of the image calibration (DS53). */
const IMAGE_CALIBRATION_MS = 10;

export class SimSx1276 {
  readonly name: string;
  readonly hardware: RadioHardware;
  readonly faults = new Faults();
  /** The number of a DIO line that has just gone from low to high. */
  readonly onRise = new Event<number>();
  readonly #port: AirPort;
  readonly #random: Random;
  readonly #registers = new RegisterFile();
  readonly #fifo = new Fifo();
  readonly #transceiver: Transceiver;
  #lora = false;
  /** RegOpMode bits 6 and 3. */
  #opModeFlags = 0x08;
  #levels = 0;
  #resetLowSinceMs: number | undefined;
  #answersFromMs = 0;
  #calibratingUntilMs = 0;

  constructor(options: SimSx1276Options) {
    this.name = options.name;
    this.#random = options.random.fork(`chip ${options.name}`);
    const port = options.air.attach({
      name: options.name,
      arrive: (arrival) => this.#transceiver.demodulator.arrive(arrival),
    });
    this.#port = port;
    this.#transceiver = new Transceiver({
      port,
      random: this.#random,
      registers: this.#registers,
      fifo: this.#fifo,
      faults: this.faults,
      crystalPpm: options.crystalPpm ?? 0,
      raise: (irq) => this.#raise(irq),
    });
    this.#fifo.scramble(this.#random);
    const host = options.host ?? 'ideal';
    this.hardware = wireToHost(this, options.clock, this.#random.fork('host'), host, options.lines);
  }

  /** One SPI frame (datasheet section 4.3): address and direction first; the address advances except in the FIFO. */
  exchange(tx: Uint8Array): Uint8Array {
    this.#port.agenda.catchUp();
    const rx = new Uint8Array(tx.length);
    if (this.faults.bus === 'floating') return rx.fill(0xff);
    if (this.faults.bus === 'noise') return this.#random.bytes(tx.length);
    if (this.faults.bus !== 'off' || !this.#awake()) return rx;
    const writing = ((tx[0] ?? 0) & 0x80) !== 0;
    let address = (tx[0] ?? 0) & 0x7f;
    if (address === REG.FIFO) this.#transceiver.spill();
    for (let i = 1; i < tx.length; i++) {
      rx[i] = this.#read(address, writing);
      if (writing) this.#write(address, tx[i] as number);
      if (address !== REG.FIFO) address = (address + 1) & 0x7f;
    }
    this.#updateLines();
    return rx;
  }

  /** Level of a DIO line, 0–5. */
  level(dio: number): 0 | 1 {
    this.#port.agenda.catchUp();
    if (dio === 5) return this.#lora && this.#mapping(5) === 0 && this.#transceiver.ready ? 1 : 0;
    return (this.#levels >> dio) & 1 ? 1 : 0;
  }

  /** The reset line is pulled low. */
  holdReset(): void {
    this.#port.agenda.catchUp();
    this.#resetLowSinceMs ??= this.#port.agenda.now();
  }

  /** The reset line is let go of (or driven high). A pulse that was too short did nothing. */
  releaseReset(): void {
    const now = this.#port.agenda.now();
    const since = this.#resetLowSinceMs;
    this.#resetLowSinceMs = undefined;
    if (since === undefined || now - since < RESET_PULSE_MS) return;
    this.#reset();
    this.#answersFromMs = now + RESET_TIME_MS;
  }

  /** The supply dips: everything is back at its reset value, and nobody is told. */
  brownOut(): void {
    this.#port.agenda.catchUp();
    this.#reset();
  }

  /** Takes the chip out of the air, in the middle of a frame if need be. */
  remove(): void {
    this.#transceiver.halt();
    this.#port.detach();
  }

  #reset(): void {
    this.#transceiver.halt();
    this.#registers.reset();
    this.#fifo.scramble(this.#random);
    this.faults.reset();
    this.#lora = false;
    this.#opModeFlags = 0x08;
    this.#calibratingUntilMs = 0;
    this.#updateLines();
  }

  #awake(): boolean {
    return this.#resetLowSinceMs === undefined && this.#port.agenda.now() >= this.#answersFromMs;
  }

  /** Which of the two register pages the host sees (DS108, LongRangeMode and AccessSharedReg). */
  get #page(): Page {
    return this.#lora && (this.#opModeFlags & 0x40) === 0 ? 'lora' : 'fsk';
  }

  /** What a register says, also while it is being written: the FIFO then moves its pointer once, in the write. */
  #read(address: number, writing: boolean): number {
    if (address === REG.OP_MODE) return (this.#lora ? 0x80 : 0) | this.#opModeFlags | this.#transceiver.mode;
    if (this.#page === 'fsk' && (isPaged(address) || address === REG.FIFO)) {
      const value = this.#registers.on('fsk', address);
      if (address !== REG.IMAGE_CAL) return value;
      return (value & ~0x60) | (this.#port.agenda.now() < this.#calibratingUntilMs ? 0x20 : 0);
    }
    if (address === REG.FIFO) return writing ? 0 : this.#readFifo();
    if (address === REG.MODEM_STAT)
      return (this.#registers.get(address) & 0xe0) | this.#transceiver.modemStat;
    if (address === REG.RSSI) return this.#transceiver.rssi;
    return this.#registers.get(address);
  }

  #write(address: number, value: number): void {
    if (address === REG.OP_MODE) this.#writeOpMode(value);
    else if (this.#page === 'fsk') this.#writeFsk(address, value);
    else if (address === REG.FIFO) this.#writeFifo(value);
    else if (address === REG.IRQ_FLAGS)
      this.#registers.set(address, this.#registers.get(address) & ~value); // writing 1 clears (DS111)
    else this.#registers.write('lora', address, value);
  }

  #writeOpMode(value: number): void {
    if (this.faults.stuckMode !== 'off') return;
    const mode = value & 0x07;
    // LongRangeMode can be changed in sleep only (DS108)
    if (this.#transceiver.mode === MODE.SLEEP) this.#lora = (value & 0x80) !== 0;
    this.#opModeFlags = value & 0x48;
    this.#transceiver.request(mode, this.#lora);
  }

  #writeFsk(address: number, value: number): void {
    if (address === REG.FIFO) return;
    this.#registers.write('fsk', address, value);
    if (address === REG.IMAGE_CAL && (value & 0x40) !== 0 && this.#transceiver.mode === MODE.STDBY)
      this.#calibratingUntilMs = this.#port.agenda.now() + IMAGE_CALIBRATION_MS;
  }

  #readFifo(): number {
    if (this.#transceiver.mode === MODE.SLEEP) return 0;
    return this.#fifo.read(this.#advance());
  }

  #writeFifo(value: number): void {
    if (this.#transceiver.mode === MODE.SLEEP) return;
    this.#fifo.write(this.#advance(), value);
  }

  /** FifoAddrPtr before this access. */
  #advance(): number {
    const pointer = this.#registers.get(REG.FIFO_ADDR_PTR);
    this.#registers.set(REG.FIFO_ADDR_PTR, (pointer + 1) & 0xff);
    return pointer;
  }

  /** A masked interrupt is not seen in RegIrqFlags either (DS111). */
  #raise(irq: number): void {
    const unmasked = irq & ~this.#registers.get(REG.IRQ_MASK);
    this.#registers.set(REG.IRQ_FLAGS, this.#registers.get(REG.IRQ_FLAGS) | unmasked);
    this.#updateLines();
  }

  /** RegDioMapping: two bits each, DIO0 highest; DIO4 and 5 in the second register. */
  #mapping(dio: number): number {
    const register = this.#registers.get(dio < 4 ? REG.DIO_MAPPING_1 : REG.DIO_MAPPING_2);
    return (register >> (6 - 2 * (dio % 4))) & 3;
  }

  #updateLines(): void {
    const flags = this.#lora ? this.#registers.get(REG.IRQ_FLAGS) : 0;
    let levels = 0;
    if (flags !== 0)
      for (let dio = 0; dio < DIO_FLAGS.length; dio++)
        if (flags & (DIO_FLAGS[dio]?.[this.#mapping(dio)] ?? 0)) levels |= 1 << dio;
    const risen = levels & ~this.#levels;
    this.#levels = levels;
    if (risen === 0) return;
    for (let dio = 0; dio < DIO_FLAGS.length; dio++) if ((risen >> dio) & 1) this.onRise.emit(dio);
  }
}
