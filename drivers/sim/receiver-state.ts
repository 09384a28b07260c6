/** How the receiver is set at this moment, as registers, synthesizer and faults have it. */
import type { Fault, Faults } from './faults.ts';
import { REG, type RegisterFile } from './registers.ts';
import { desensitizedDb, detectorFits, frequencyOf, modulationOf } from './settings.ts';
import type { ReceiverSettings } from './surroundings.ts';

export interface ReceiverParts {
  readonly registers: RegisterFile;
  readonly faults: Faults;
  readonly crystalPpm: number;
}

export class ReceiverState {
  readonly #parts: ReceiverParts;
  /** What the settings known followed from. */
  #writes = -1;
  #frf = 0;
  #deaf: Fault = 'off';
  #known: ReceiverSettings | undefined;

  constructor(parts: ReceiverParts) {
    this.#parts = parts;
  }

  /** The settings on a carrier. The same ones until something changes: every reading of the channel asks for them. */
  at(frf: number): ReceiverSettings {
    const { registers, faults } = this.#parts;
    if (this.#known && this.#writes === registers.writes && this.#frf === frf && this.#deaf === faults.deaf)
      return this.#known;
    this.#writes = registers.writes;
    this.#frf = frf;
    this.#deaf = faults.deaf;
    this.#known = this.#now();
    return this.#known;
  }

  #now(): ReceiverSettings {
    const { registers, crystalPpm, faults } = this.#parts;
    const modulation = modulationOf(registers, 'receive');
    const frequencyHz = frequencyOf(this.#frf);
    return {
      modulation,
      carrierHz: frequencyHz * (1 + crystalPpm * 1e-6),
      implicitLength: registers.get(REG.PAYLOAD_LENGTH),
      maxLength: registers.get(REG.MAX_PAYLOAD_LENGTH),
      desensitizedDb: desensitizedDb(registers, modulation, frequencyHz),
      detectorFits: detectorFits(registers, modulation),
      deaf: faults.deaf !== 'off',
    };
  }
}
