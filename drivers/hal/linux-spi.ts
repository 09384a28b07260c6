/** SPI through the kernel's spidev. */
import { access, constants } from 'node:fs/promises';
import { loadNative, openingFailed } from './failures.ts';
import type { SpiBus } from './hal.ts';

/** The SX127x takes 10 MHz; longer wires on a Pi were seen to give errors at 8 MHz. */
export const DEFAULT_SPI_HZ = 2_000_000;

/** spidev's buffer, unless the kernel was told otherwise: longer transfers fail with EMSGSIZE. */
const LONGEST_TRANSFER = 4096;

/** `/dev/spidev<bus>.<chipSelect>` in mode 0, 8 bits. Rejects with a `PersonError` that says what to do. */
export async function openSpiBus(bus: number, chipSelect: number, speedHz = DEFAULT_SPI_HZ): Promise<SpiBus> {
  const path = `/dev/spidev${bus}.${chipSelect}`;
  try {
    await access(path, constants.R_OK | constants.W_OK);
  } catch (e) {
    throw openingFailed('spi-device', path, e);
  }
  const { default: spi } = await loadNative('spi-device', () => import('spi-device'));
  const device = await new Promise<ReturnType<typeof spi.open>>((resolve, reject) => {
    const opened = spi.open(bus, chipSelect, { mode: spi.MODE0, maxSpeedHz: speedHz }, (e) =>
      e ? reject(openingFailed('spi-device', path, e)) : resolve(opened),
    );
  });

  const one = (tx: Uint8Array) =>
    new Promise<Uint8Array>((resolve, reject) => {
      if (tx.length > LONGEST_TRANSFER) throw new RangeError(`${tx.length} bytes in one SPI transfer`);
      const receiveBuffer = Buffer.alloc(tx.length);
      const message = { byteLength: tx.length, sendBuffer: Buffer.from(tx), receiveBuffer, speedHz };
      device.transfer([message], (e) => (e ? reject(e) : resolve(new Uint8Array(receiveBuffer))));
    });
  // each transfer is a thread-pool task of its own: only waiting keeps their order
  let last: Promise<unknown> = Promise.resolve();
  return {
    transfer(tx) {
      const bytes = tx.slice();
      const result = last.then(() => one(bytes));
      last = result.catch(() => {});
      return result;
    },
    async close() {
      await last;
      await new Promise<void>((resolve, reject) => device.close((e) => (e ? reject(e) : resolve())));
    },
  };
}
