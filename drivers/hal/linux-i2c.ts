/** I2C through the kernel's i2c-dev. */
import { access, constants } from 'node:fs/promises';
import { loadNative, openingFailed } from './failures.ts';
import type { I2cBus } from './hal.ts';

/** `/dev/i2c-<bus>`, 1 on every Raspberry Pi's header. Rejects with a `PersonError` that says what to do. */
export async function openI2cBus(bus = 1): Promise<I2cBus> {
  const path = `/dev/i2c-${bus}`;
  try {
    await access(path, constants.R_OK | constants.W_OK); // the package itself looks only at the first use
  } catch (e) {
    throw openingFailed('i2c-bus', path, e);
  }
  const { default: i2c } = await loadNative('i2c-bus', () => import('i2c-bus'));
  const device = await i2c.openPromisified(bus).catch((e) => {
    throw openingFailed('i2c-bus', path, e);
  });
  return {
    async write(address, bytes) {
      await device.i2cWrite(address, bytes.length, Buffer.from(bytes));
    },
    async read(address, length) {
      const { bytesRead, buffer } = await device.i2cRead(address, length, Buffer.alloc(length));
      return new Uint8Array(buffer.subarray(0, bytesRead));
    },
    close: () => device.close(),
  };
}
