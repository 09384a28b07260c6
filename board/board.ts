/** What a board is: which lines of the Raspberry Pi's header go where. GPIOs are BCM numbers. */

/** The wires of one SX127x. What a board does not route is absent. */
export interface RadioPins {
  readonly spiBus: number;
  /** As in /dev/spidev<bus>.<chipSelect>. */
  readonly chipSelect: number;
  readonly reset?: number;
  readonly dio0?: number;
  readonly dio1?: number;
  readonly dio2?: number;
}

/** A board that is soldered. */
export interface Hat {
  readonly kind: 'hat';
  readonly name: string;
  readonly title: string;
  /** What the installer has to know, in sentences; absent where there is nothing. */
  readonly notes?: string;
  readonly radio: RadioPins;
  /** Pressed is low. */
  readonly buttons: readonly number[];
  /** Lit is high. */
  readonly leds: readonly number[];
  readonly display?: {
    readonly kind: 'ssd1306';
    readonly width: number;
    readonly height: number;
    readonly i2cAddress: number;
  };
  /** Words by which the maker names itself in the board's EEPROM, in lower case. */
  readonly vendor: string;
}

/** A chip that exists only in the simulated air. */
export interface SimulatedBoard {
  readonly kind: 'sim';
  readonly name: 'sim';
  readonly title: string;
}

export type Board = Hat | SimulatedBoard;
