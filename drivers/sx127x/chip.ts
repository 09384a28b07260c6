/** The chip's procedures: reset, identification, calibration, configuration, modes. No state but the wiring. */
import type { Clock } from '../../src/core/clock.ts';
import { messageOf } from '../../src/core/errors.ts';
import type { RadioHardware } from '../hal/hal.ts';
import { bursts, frf, type RegisterValue } from './configuration.ts';
import { ChipFault } from './faults.ts';
import { hex, RegisterFile } from './register-file.ts';
import { BAND_SPLIT_HZ, ImageCal, Mode, OpMode, Register, SNAPSHOT, VERSIONS } from './registers.ts';
import { differences, sameMode } from './snapshot.ts';

/** Reset pulse, and the wait after it (DS 118, §7.2.2: 100 µs and 5 ms at least). */
const RESET_LOW_MS = 1;
const RESET_WAIT_MS = 6;

const VERSION_ATTEMPTS = 10;
const VERSION_RETRY_MS = 10;

/** Longest of all transitions: sleep to standby takes the crystal's start, 250 µs typically (DS 17, TS_OSC). */
const MODE_TIMEOUT_MS = 50;
/** The calibration takes under 10 ms (DS 43). */
const CALIBRATION_TIMEOUT_MS = 50;
const POLL_MS = 1;

/** Methods throw `ChipFault` where the chip does not do as it is told. */
export class Chip {
  readonly registers: RegisterFile;
  readonly #hardware: RadioHardware;
  readonly #clock: Clock;

  constructor(hardware: RadioHardware, clock: Clock) {
    this.#hardware = hardware;
    this.#clock = clock;
    this.registers = new RegisterFile(hardware.spi);
  }

  /** Through the reset line; nothing happens on boards without one. */
  async reset(): Promise<void> {
    const line = this.#hardware.reset;
    if (!line) return;
    try {
      await line.write(0);
      await this.#clock.sleep(RESET_LOW_MS);
      await line.release();
    } catch (cause) {
      throw new ChipFault('bus-error', `the reset line cannot be driven: ${messageOf(cause)}`, { cause });
    }
    await this.#clock.sleep(RESET_WAIT_MS);
  }

  /** The version register's value, once it is one of the family's. */
  async identify(): Promise<number> {
    let version = 0;
    for (let i = 0; i < VERSION_ATTEMPTS; i++) {
      version = await this.registers.read(Register.Version);
      if (VERSIONS.includes(version)) return version;
      await this.#clock.sleep(VERSION_RETRY_MS);
    }
    throw new ChipFault('spi-garbage', `the version register reads ${hex(version)}, not 0x12`);
  }

  /**
   * Image and RSSI calibration at the carrier. The chip does it by itself after a reset, but for the
   * low-frequency port only (DS 43, §2.1.3.8). Leaves the chip in FSK sleep: the modem changes in sleep only.
   */
  async calibrate(frequencyHz: number): Promise<void> {
    const r = this.registers;
    await r.write(Register.OpMode, OpMode.LongRange | Mode.Sleep);
    await r.write(Register.OpMode, Mode.Sleep);
    await this.#awaitOpMode(Mode.Sleep);
    await r.write(Register.OpMode, Mode.Standby);
    await this.#awaitOpMode(Mode.Standby);
    await r.write(Register.PaConfig, 0);
    const word = frf(frequencyHz);
    await r.writeBurst(Register.FrfMsb, Uint8Array.of(word >> 16, (word >> 8) & 0xff, word & 0xff));
    const before = await r.read(Register.FskImageCal);
    await r.write(Register.FskImageCal, (before & ~ImageCal.Start) | ImageCal.Start);
    const deadline = this.#clock.monotonic() + CALIBRATION_TIMEOUT_MS;
    while ((await r.read(Register.FskImageCal)) & ImageCal.Running) {
      if (this.#clock.monotonic() > deadline)
        throw new ChipFault('stuck-mode', 'the calibration does not end');
      await this.#clock.sleep(POLL_MS);
    }
    await r.write(Register.OpMode, Mode.Sleep);
    await this.#awaitOpMode(Mode.Sleep);
  }

  /** Writes all of `values` and reads them back, in standby. */
  async configure(values: readonly RegisterValue[]): Promise<void> {
    for (const [first, bytes] of bursts(values)) await this.registers.writeBurst(first, bytes);
    const wrong = differences(await this.snapshot(), values);
    for (const address of wrong) {
      const value = values.find((v) => v.address === address)?.value ?? 0;
      await this.registers.writeVerified(address, value);
    }
  }

  /** The register file as one transfer gives it. */
  snapshot(): Promise<Uint8Array> {
    return this.registers.readBurst(SNAPSHOT.first, SNAPSHOT.length);
  }

  /** Switches and waits until the chip says that it is there. */
  async enter(mode: number, frequencyHz: number): Promise<void> {
    const opMode = opModeOf(mode, frequencyHz);
    await this.registers.write(Register.OpMode, opMode);
    await this.#awaitOpMode(opMode);
  }

  async #awaitOpMode(expected: number): Promise<void> {
    const deadline = this.#clock.monotonic() + MODE_TIMEOUT_MS;
    for (;;) {
      const got = await this.registers.read(Register.OpMode);
      if (sameMode(got, expected)) return;
      if (this.#clock.monotonic() > deadline)
        throw new ChipFault('stuck-mode', `OpMode reads ${hex(got)}, not ${hex(expected)}`);
      await this.#clock.sleep(POLL_MS);
    }
  }
}

/** The OpMode register for `mode` of the LoRa modem on the carrier's port. */
export function opModeOf(mode: number, frequencyHz: number): number {
  return OpMode.LongRange | (frequencyHz > BAND_SPLIT_HZ ? 0 : OpMode.LowFrequency) | mode;
}
