/**
 * The SX1276/77/78's registers in LoRa mode, with their bit positions beside them.
 * "DS n" is page n of Semtech's SX1276/77/78/79 datasheet (rev. 7); the table of registers is on DS 108–114.
 */

/** Addresses. Bit 7 of the SPI address byte is set to write (DS 80). */
export const Register = {
  Fifo: 0x00,
  OpMode: 0x01,
  FrfMsb: 0x06,
  PaConfig: 0x09,
  PaRamp: 0x0a,
  Ocp: 0x0b,
  Lna: 0x0c,
  FifoAddrPtr: 0x0d,
  FifoTxBaseAddr: 0x0e,
  FifoRxBaseAddr: 0x0f,
  FifoRxCurrentAddr: 0x10,
  IrqFlagsMask: 0x11,
  IrqFlags: 0x12,
  RxNbBytes: 0x13,
  ModemStat: 0x18,
  PktSnrValue: 0x19,
  PktRssiValue: 0x1a,
  RssiValue: 0x1b,
  HopChannel: 0x1c,
  ModemConfig1: 0x1d,
  ModemConfig2: 0x1e,
  SymbTimeoutLsb: 0x1f,
  PreambleMsb: 0x20,
  PayloadLength: 0x22,
  MaxPayloadLength: 0x23,
  HopPeriod: 0x24,
  ModemConfig3: 0x26,
  FeiMsb: 0x28,
  IfFreq2: 0x2f,
  IfFreq1: 0x30,
  DetectOptimize: 0x31,
  InvertIq: 0x33,
  HighBwOptimize1: 0x36,
  DetectionThreshold: 0x37,
  SyncWord: 0x39,
  HighBwOptimize2: 0x3a,
  InvertIq2: 0x3b,
  /** Shares its address with InvertIq2: this one answers in FSK mode only (DS 89). */
  FskImageCal: 0x3b,
  DioMapping1: 0x40,
  DioMapping2: 0x41,
  Version: 0x42,
  PaDac: 0x4d,
} as const;

/** OpMode, bits 2–0 (DS 36, 108). */
export const Mode = {
  Sleep: 0,
  Standby: 1,
  FsTx: 2,
  Transmit: 3,
  FsRx: 4,
  ReceiveContinuous: 5,
  ReceiveSingle: 6,
  Cad: 7,
} as const;

export const OpMode = {
  /** Bit 7; changes only in sleep (DS 108). */
  LongRange: 0x80,
  /** Bit 3: the low-frequency band's test registers, below 525 MHz. */
  LowFrequency: 0x08,
  ModeMask: 0x07,
} as const;

/** IrqFlags and its mask; a 1 written to a flag clears it (DS 111). */
export const Irq = {
  RxTimeout: 0x80,
  RxDone: 0x40,
  PayloadCrcError: 0x20,
  ValidHeader: 0x10,
  TxDone: 0x08,
  CadDone: 0x04,
  FhssChangeChannel: 0x02,
  CadDetected: 0x01,
  All: 0xff,
} as const;

/** ModemStat (DS 111). Bit 2, "RX on-going", is also seen in a quiet receiver: it is not asked. */
export const ModemStat = {
  HeaderValid: 0x08,
  SignalSynchronized: 0x02,
  SignalDetected: 0x01,
} as const;

/** DioMapping1, bits 7–6: what DIO0 tells (DS 46). DIO1 … DIO5 are left at their reset meaning. */
export const Dio0 = {
  RxDone: 0x00,
  TxDone: 0x40,
  CadDone: 0x80,
} as const;

/** HopChannel, bit 6: the received header announced a payload CRC (DS 112). */
export const CRC_ON_PAYLOAD = 0x40;

/** FskImageCal (DS 89): bit 6 starts a calibration, bit 5 is set while it runs. */
export const ImageCal = { Start: 0x40, Running: 0x20 } as const;

/** Version register of the SX1276 family's production silicon (DS 114), and two that are met in the field. */
export const VERSIONS: readonly number[] = [0x12, 0x11, 0x13];

/** The register file's part that is read in one transfer to see whether all is as it should be. */
export const SNAPSHOT = { first: Register.OpMode, length: Register.PaDac - Register.OpMode + 1 } as const;

/** Band split between the chip's low- and high-frequency ports, Hz (DS 87). */
export const BAND_SPLIT_HZ = 525_000_000;
