/** What can be wrong with the chip, as it is counted (`radio.<kind>`) and told (`RadioEvent`). */
export type FaultKind =
  /** The flags told what no edge of DIO0 had told. */
  | 'missed-interrupt'
  /** The chip is not in the mode it was put into. */
  | 'stuck-mode'
  /** What comes back over SPI is not what was written, or no register file at all. */
  | 'spi-garbage'
  /** The SPI bus or a GPIO line reported an error of its own. */
  | 'bus-error'
  /** The configuration is gone: a brown-out or an outside reset. */
  | 'registers-lost'
  /** The receiver runs but measures nothing any more. */
  | 'deaf'
  /** TxDone did not come. */
  | 'transmit-timeout';

/** Failing hardware, on its way to the recovery that `kind` names; never seen outside the driver. */
export class ChipFault extends Error {
  override name = 'ChipFault';
  readonly kind: FaultKind;

  constructor(kind: FaultKind, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.kind = kind;
  }
}
