/** The register file: two pages, values after reset, and what the host may change (DS92–93, DS94–115). */

/** Addresses that the simulated chip gives a meaning to; all others only keep what is written. */
export const REG = {
  FIFO: 0x00,
  OP_MODE: 0x01,
  FRF_MSB: 0x06,
  FRF_MID: 0x07,
  FRF_LSB: 0x08,
  PA_CONFIG: 0x09,
  OCP: 0x0b,
  FIFO_ADDR_PTR: 0x0d,
  FIFO_TX_BASE: 0x0e,
  FIFO_RX_BASE: 0x0f,
  FIFO_RX_CURRENT: 0x10,
  IRQ_MASK: 0x11,
  IRQ_FLAGS: 0x12,
  RX_NB_BYTES: 0x13,
  HEADER_COUNT_MSB: 0x14,
  HEADER_COUNT_LSB: 0x15,
  PACKET_COUNT_MSB: 0x16,
  PACKET_COUNT_LSB: 0x17,
  MODEM_STAT: 0x18,
  PKT_SNR: 0x19,
  PKT_RSSI: 0x1a,
  RSSI: 0x1b,
  HOP_CHANNEL: 0x1c,
  MODEM_CONFIG_1: 0x1d,
  MODEM_CONFIG_2: 0x1e,
  SYMB_TIMEOUT_LSB: 0x1f,
  PREAMBLE_MSB: 0x20,
  PREAMBLE_LSB: 0x21,
  PAYLOAD_LENGTH: 0x22,
  MAX_PAYLOAD_LENGTH: 0x23,
  FIFO_RX_BYTE: 0x25,
  MODEM_CONFIG_3: 0x26,
  FEI_MSB: 0x28,
  FEI_MID: 0x29,
  FEI_LSB: 0x2a,
  DETECT_OPTIMIZE: 0x31,
  INVERT_IQ: 0x33,
  HIGH_BW_OPTIMIZE_1: 0x36,
  DETECTION_THRESHOLD: 0x37,
  SYNC_WORD: 0x39,
  HIGH_BW_OPTIMIZE_2: 0x3a,
  INVERT_IQ_2: 0x3b,
  /** On the FSK page. */
  IMAGE_CAL: 0x3b,
  DIO_MAPPING_1: 0x40,
  DIO_MAPPING_2: 0x41,
  VERSION: 0x42,
  PA_DAC: 0x4d,
} as const;

const SIZE = 0x80;

/** Outside the pages, both modems. */
const COMMON_RESET: Readonly<Record<number, number>> = {
  2: 0x1a,
  3: 0x0b,
  5: 0x52,
  6: 0x6c,
  7: 0x80,
  9: 0x4f,
  10: 0x09,
  11: 0x2b,
  12: 0x20,
  66: 0x12,
  68: 0x2d,
  75: 0x09,
  77: 0x84,
  97: 0x13,
  98: 0x0e,
  99: 0x5b,
  100: 0xdb,
  112: 0xd0,
};

const LORA_RESET: Readonly<Record<number, number>> = {
  14: 0x80,
  24: 0x10,
  29: 0x72,
  30: 0x70,
  31: 0x64,
  33: 0x08,
  34: 0x01,
  35: 0xff,
  38: 0x04,
  47: 0x20,
  49: 0xc3,
  51: 0x27,
  54: 0x03,
  55: 0x0a,
  57: 0x12,
  58: 0x52,
  59: 0x1d,
};

const FSK_RESET: Readonly<Record<number, number>> = {
  13: 0x08,
  14: 0x02,
  15: 0x0a,
  16: 0xff,
  18: 0x15,
  19: 0x0b,
  20: 0x28,
  21: 0x0c,
  22: 0x12,
  23: 0x47,
  24: 0x32,
  25: 0x3e,
  31: 0x40,
  36: 0x05,
  38: 0x03,
  39: 0x93,
  40: 0x55,
  41: 0x55,
  42: 0x55,
  43: 0x55,
  44: 0x55,
  45: 0x55,
  46: 0x55,
  47: 0x55,
  48: 0x90,
  49: 0x40,
  50: 0x40,
  53: 0x0f,
  56: 0xf5,
  57: 0x20,
  58: 0x82,
  59: 0x82,
  61: 0x02,
  62: 0x80,
  63: 0x40,
};

/** Mode "r" in the LoRa tables: a write changes nothing. */
const LORA_READ_ONLY = new Set<number>([
  0x10, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18, 0x19, 0x1a, 0x1b, 0x1c, 0x25, 0x28, 0x29, 0x2a, 0x2c,
]);

export type Page = 'lora' | 'fsk';

/** Whether an address lies on the page that RegOpMode's bits 7 and 6 select (DS94, AccessSharedReg). */
export function isPaged(address: number): boolean {
  return address >= 0x0d && address <= 0x3f;
}

/** Plain storage with reset values. What a write causes is the chip's business. */
export class RegisterFile {
  readonly #common = new Uint8Array(SIZE);
  readonly #pages = { lora: new Uint8Array(SIZE), fsk: new Uint8Array(SIZE) };
  #frf = 0;
  #writes = 0;

  constructor() {
    this.reset();
  }

  reset(): void {
    this.#writes++;
    fill(this.#common, COMMON_RESET);
    fill(this.#pages.lora, LORA_RESET);
    fill(this.#pages.fsk, FSK_RESET);
    this.#commitFrf();
  }

  /** The 24 bits of RegFrf as of the last write to its lowest byte, which commits all three (DS94). */
  get frf(): number {
    return this.#frf;
  }

  /** Another number after every change by the host, which the settings are a matter of. */
  get writes(): number {
    return this.#writes;
  }

  /** The value as the LoRa modem sees it. */
  get(address: number): number {
    return this.on('lora', address);
  }

  /** A change by the LoRa modem itself. */
  set(address: number, value: number): void {
    this.#store('lora', address)[address] = value;
  }

  on(page: Page, address: number): number {
    return this.#store(page, address)[address] as number;
  }

  /** A change by the host. */
  write(page: Page, address: number, value: number): void {
    if (address === REG.VERSION) return;
    if (page === 'lora' && LORA_READ_ONLY.has(address)) return;
    this.#writes++;
    this.#store(page, address)[address] = value;
    if (address === REG.FRF_LSB) this.#commitFrf();
  }

  #commitFrf(): void {
    this.#frf = (this.get(REG.FRF_MSB) << 16) | (this.get(REG.FRF_MID) << 8) | this.get(REG.FRF_LSB);
  }

  #store(page: Page, address: number): Uint8Array {
    return isPaged(address) ? this.#pages[page] : this.#common;
  }
}

function fill(store: Uint8Array, values: Readonly<Record<number, number>>): void {
  store.fill(0);
  for (const [address, value] of Object.entries(values)) store[Number(address)] = value;
}
