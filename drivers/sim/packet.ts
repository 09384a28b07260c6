/** The registers that describe the last packet received (DS111–112). */
import type { DemodulatedFrame, Header } from './demodulator.ts';
import { REG, type RegisterFile } from './registers.ts';
import { feiBytes, modulationOf, packetRssiByte, snrByte } from './settings.ts';

/** RegRxHeaderCnt, the coding rate in RegModemStat and CrcOnPayload in RegHopChannel. */
export function recordHeader(r: RegisterFile, header: Header): void {
  count(r, REG.HEADER_COUNT_MSB);
  r.set(REG.MODEM_STAT, (header.codingRate - 4) << 5);
  r.set(REG.HOP_CHANNEL, header.crc ? 0x40 : 0);
}

/** All that is told of a packet whose first byte went to `address` of the FIFO. */
export function recordPacket(
  r: RegisterFile,
  frame: DemodulatedFrame,
  address: number,
  frequencyHz: number,
): void {
  const { bytes, snrDb, powerDbm } = frame;
  r.set(REG.FIFO_RX_CURRENT, address);
  r.set(REG.FIFO_RX_BYTE, (address + bytes.length - 1) & 0xff);
  r.set(REG.RX_NB_BYTES, bytes.length);
  r.set(REG.PKT_SNR, snrByte(snrDb));
  r.set(REG.PKT_RSSI, packetRssiByte(powerDbm, snrDb, frequencyHz));
  feiBytes(frame.frequencyErrorHz, modulationOf(r, 'receive').bandwidthHz).forEach((value, i) => {
    r.set(REG.FEI_MSB + i, value);
  });
  if (!frame.crcFailed) count(r, REG.PACKET_COUNT_MSB);
}

/** Counts up the 16 bits at `msb` and the address after it. */
function count(r: RegisterFile, msb: number): void {
  const n = (((r.get(msb) << 8) | r.get(msb + 1)) + 1) & 0xffff;
  r.set(msb, n >> 8);
  r.set(msb + 1, n & 0xff);
}
