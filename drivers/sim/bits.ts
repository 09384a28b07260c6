/** What the bits of RegOpMode, RegIrqFlags and RegModemStat stand for in LoRa mode. */

/** RegOpMode bits 2–0 in LoRa mode (DS108). */
export const MODE = {
  SLEEP: 0,
  STDBY: 1,
  FSTX: 2,
  TX: 3,
  FSRX: 4,
  RXCONTINUOUS: 5,
  RXSINGLE: 6,
  CAD: 7,
} as const;

/** RegIrqFlags (DS111). */
export const IRQ = {
  RX_TIMEOUT: 0x80,
  RX_DONE: 0x40,
  PAYLOAD_CRC_ERROR: 0x20,
  VALID_HEADER: 0x10,
  TX_DONE: 0x08,
  CAD_DONE: 0x04,
  FHSS_CHANGE_CHANNEL: 0x02,
  CAD_DETECTED: 0x01,
} as const;

/** RegModemStat bits 4–0 (DS111). Bit 2 follows the receiver, not a frame. */
export const STAT = { clear: 0x10, detected: 0x01, synchronized: 0x03, header: 0x0b } as const;
export const STAT_RX_ON = 0x04;
