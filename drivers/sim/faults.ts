/** What can go wrong with a module on a roof, for tests to switch on. */

/** `until-reset`: a pulse on the reset line (or a brown-out) ends it. */
export type Fault = 'off' | 'until-reset' | 'on';

/** `silent`: MISO stays low; `floating`: MISO stays high; `noise`: random bits; `failing`: transfers reject. */
export type BusFault = 'off' | 'silent' | 'floating' | 'noise' | 'failing';

export class Faults {
  /** The next so many rising edges of any line do not reach the host (Infinity: none does). */
  interruptsToLose = 0;
  /** TX mode is entered, nothing is radiated, and TxDone never comes. */
  endlessTransmit: Fault = 'off';
  /** Writes to RegOpMode change nothing. */
  stuckMode: Fault = 'off';
  /** Nothing is received, the registers look healthy. */
  deaf: Fault = 'off';
  /** What the host reads; while on, what it writes is lost. */
  bus: BusFault = 'off';

  /** What the reset line does to faults. */
  reset(): void {
    if (this.endlessTransmit === 'until-reset') this.endlessTransmit = 'off';
    if (this.stuckMode === 'until-reset') this.stuckMode = 'off';
    if (this.deaf === 'until-reset') this.deaf = 'off';
  }
}
