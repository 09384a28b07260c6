/** The LoRa modem's mode machine: what a write to RegOpMode sets going, and what comes of it (DS38–46, DS56). */
import type { Cancel } from '../../src/core/clock.ts';
import { gaussian, type Random } from '../../src/core/random.ts';
import type { AirPort } from './air.ts';
import { IRQ, MODE, STAT, STAT_RX_ON } from './bits.ts';
import { type DemodulatedFrame, Demodulator, type Header } from './demodulator.ts';
import type { Faults } from './faults.ts';
import type { Fifo } from './fifo.ts';
import { symbolMs } from './modulation.ts';
import { recordHeader, recordPacket } from './packet.ts';
import { ReceiverState } from './receiver-state.ts';
import { REG, type RegisterFile } from './registers.ts';
import { frequencyOf, modulationOf, powerOf, rssiByte } from './settings.ts';
import type { Transmission } from './transmission.ts';

/** Crystal start, PLL lock, and the ramp of transmitter or receiver, ms (DS56; DS20, typical values). */
const TS_OSC_MS = 0.25;
const TS_FS_MS = 0.06;
const TS_TR_MS = 0.06;

/** After its receiving part a CAD computes for just under a symbol (DS44). */
const CAD_PROCESSING_SYMBOLS = 0.9;

/** Spread of RegRssiValue in steady noise. */
const RSSI_JITTER_DB = 1;

interface Parts {
  readonly port: AirPort;
  readonly random: Random;
  readonly registers: RegisterFile;
  readonly fifo: Fifo;
  readonly faults: Faults;
  readonly crystalPpm: number;
  /** Sets bits of RegIrqFlags that are not masked. */
  raise(irq: number): void;
}

export class Transceiver {
  readonly demodulator: Demodulator;
  readonly #parts: Parts;
  readonly #rssiNoise: Random;
  readonly #receiver: ReceiverState;
  #mode: number = MODE.STDBY;
  /** Steps of a transition still under way: the mode from its time on. */
  #steps: { readonly mode: number; readonly fromMs: number }[] = [];
  #appointment: Cancel | undefined;
  #sending: Transmission | undefined;
  #frf = 0;
  #rxPointer = 0;
  #singleTimeoutMs = Number.POSITIVE_INFINITY;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.#receiver = new ReceiverState(parts);
    this.#rssiNoise = parts.random.fork('rssi');
    this.demodulator = new Demodulator(parts.port, parts.random.fork('demodulator'), {
      settings: () => this.#receiver.at(this.#frf),
      header: (header) => this.#onHeader(header),
      frame: (frame) => this.#onFrame(frame),
      lost: (followed) => this.#onLost(followed),
    });
  }

  /** The mode the chip is in at this moment: on its way to another it passes through those between (DS56). */
  get mode(): number {
    const now = this.#parts.port.agenda.now();
    for (let step = this.#steps[0]; step && step.fromMs <= now; step = this.#steps[0]) {
      this.#mode = step.mode;
      this.#steps.shift();
    }
    return this.#mode;
  }

  /** Whether the last transition is complete. */
  get ready(): boolean {
    return this.#parts.port.agenda.now() >= (this.#steps.at(-1)?.fromMs ?? 0);
  }

  /**
   * Carries out a mode request. Asking for the mode that is already on changes nothing. Without `lora` the FSK modem
   * is selected, of which only the modes themselves are simulated.
   */
  request(mode: number, lora: boolean): void {
    const from = this.mode;
    if (mode === (this.#steps.at(-1)?.mode ?? from)) return;
    this.#leave();
    this.#mode = from;
    const readyMs = this.#transition(from, mode);
    const { agenda } = this.#parts.port;
    if (mode === MODE.SLEEP) this.#sleep();
    else if (!lora) return;
    else if (mode === MODE.TX) this.#appointment = agenda.at(readyMs, (atMs) => this.#transmit(atMs));
    else if (mode === MODE.RXCONTINUOUS || mode === MODE.RXSINGLE) this.#receive(readyMs, mode);
    else if (mode === MODE.CAD) this.#detect(readyMs);
  }

  /** Stops everything at once, as a reset does. */
  halt(): void {
    this.#leave();
    this.#mode = MODE.STDBY;
  }

  /** Writes what has been demodulated of the current frame to the FIFO, where the host could see it by now. */
  spill(): void {
    const bytes = this.demodulator.soFar(this.#parts.port.agenda.now());
    if (bytes) this.#parts.fifo.put(this.#rxPointer, bytes);
  }

  /** RegModemStat, bits 4–0. */
  get modemStat(): number {
    const on = this.mode === MODE.RXCONTINUOUS || this.mode === MODE.RXSINGLE;
    if (!on) return STAT.clear;
    return STAT[this.demodulator.state(this.#parts.port.agenda.now())] | STAT_RX_ON;
  }

  /** RegRssiValue: 0 where the receiver is off. */
  get rssi(): number {
    const { mode } = this;
    if (mode !== MODE.RXCONTINUOUS && mode !== MODE.RXSINGLE && mode !== MODE.CAD) return 0;
    const powerDbm = this.demodulator.powerDbm(this.#parts.port.agenda.now());
    // noise never reads the same for long; a receiver that has stopped working does
    const jitterDb = this.#parts.faults.deaf === 'off' ? gaussian(this.#rssiNoise, 0, RSSI_JITTER_DB) : 0;
    return rssiByte(powerDbm + jitterDb, frequencyOf(this.#frf));
  }

  /** Plans the steps from one mode to another and gives the time of the last. */
  #transition(from: number, to: number): number {
    let at = this.#parts.port.agenda.now();
    const step = (mode: number, ms: number) => {
      at += ms;
      this.#steps.push({ mode, fromMs: at });
    };
    if (to === MODE.SLEEP || (to === MODE.STDBY && from !== MODE.SLEEP)) {
      step(to, 0);
      return at;
    }
    if (from === MODE.SLEEP) step(MODE.STDBY, TS_OSC_MS);
    if (to === MODE.STDBY) return at;
    const synthesizer = to === MODE.TX || to === MODE.FSTX ? MODE.FSTX : MODE.FSRX;
    // the frequency registers are looked at here and nowhere else (DS94)
    this.#frf = this.#parts.registers.frf;
    if (from !== synthesizer) step(synthesizer, TS_FS_MS);
    if (to !== synthesizer) step(to, TS_TR_MS);
    return at;
  }

  #leave(): void {
    this.#appointment?.();
    this.#appointment = undefined;
    this.spill();
    this.demodulator.stop();
    this.#singleTimeoutMs = Number.POSITIVE_INFINITY;
    if (this.#sending) this.#parts.port.cut(this.#sending, this.#parts.port.agenda.now());
    this.#sending = undefined;
    this.#steps = [];
  }

  #standBy(): void {
    this.#leave();
    this.#mode = MODE.STDBY;
  }

  #sleep(): void {
    const { fifo, random, registers } = this.#parts;
    fifo.scramble(random);
    for (let r: number = REG.HEADER_COUNT_MSB; r <= REG.PACKET_COUNT_LSB; r++) registers.set(r, 0);
  }

  #transmit(startMs: number): void {
    const { port, registers, fifo, faults, crystalPpm } = this.#parts;
    const length = registers.get(REG.PAYLOAD_LENGTH);
    // a length of 0 is not permitted (DS114): the modem never comes to an end of it
    if (length === 0 || faults.endlessTransmit !== 'off') return;
    const sending = port.transmit({
      startMs,
      modulation: modulationOf(registers, 'transmit'),
      bytes: fifo.take(registers.get(REG.FIFO_TX_BASE), length),
      frequencyHz: frequencyOf(this.#frf),
      crystalPpm,
      powerDbm: powerOf(registers),
    });
    this.#sending = sending;
    this.#appointment = port.agenda.at(sending.endMs, () => {
      this.#sending = undefined;
      this.#standBy();
      this.#parts.raise(IRQ.TX_DONE);
    });
  }

  #receive(readyMs: number, mode: number): void {
    const { port, registers } = this.#parts;
    this.#rxPointer = registers.get(REG.FIFO_RX_BASE);
    this.demodulator.listen(readyMs);
    if (mode !== MODE.RXSINGLE) return;
    const msb = registers.get(REG.MODEM_CONFIG_2) & 0x03;
    const symbols = (msb << 8) | registers.get(REG.SYMB_TIMEOUT_LSB);
    this.#singleTimeoutMs = readyMs + symbols * symbolMs(modulationOf(registers, 'receive'));
    this.#appointment = port.agenda.at(this.#singleTimeoutMs, () => {
      // suppressed while a packet is coming in (DS41)
      if (this.demodulator.state(port.agenda.now()) === 'clear') this.#timeOut();
    });
  }

  #timeOut(): void {
    this.#standBy();
    this.#parts.raise(IRQ.RX_TIMEOUT);
  }

  /** DS44: receives for (2^SF + 32) / BW, then computes. */
  #detect(readyMs: number): void {
    const { port, registers, raise } = this.#parts;
    const m = modulationOf(registers, 'receive');
    const heardMs = readyMs + ((2 ** m.spreadingFactor + 32) / m.bandwidthHz) * 1000;
    const doneMs = heardMs + CAD_PROCESSING_SYMBOLS * symbolMs(m);
    this.#appointment = port.agenda.at(doneMs, () => {
      const detected = this.demodulator.activity(readyMs, heardMs);
      this.#standBy();
      raise(IRQ.CAD_DONE | (detected ? IRQ.CAD_DETECTED : 0));
    });
  }

  #onHeader(header: Header): void {
    recordHeader(this.#parts.registers, header);
    this.#parts.raise(IRQ.VALID_HEADER);
  }

  #onFrame(frame: DemodulatedFrame): void {
    const { registers, fifo, raise } = this.#parts;
    fifo.put(this.#rxPointer, frame.bytes);
    recordPacket(registers, frame, this.#rxPointer, frequencyOf(this.#frf));
    this.#rxPointer = (this.#rxPointer + frame.bytes.length) & 0xff;
    if (this.mode === MODE.RXSINGLE) this.#standBy();
    raise(IRQ.RX_DONE | (frame.crcFailed ? IRQ.PAYLOAD_CRC_ERROR : 0));
  }

  #onLost(followed: boolean): void {
    if (this.mode !== MODE.RXSINGLE) return;
    const { agenda } = this.#parts.port;
    const over = agenda.now() >= this.#singleTimeoutMs && this.demodulator.state(agenda.now()) === 'clear';
    if (followed || over) this.#timeOut();
  }
}
