/** What a person can do about hardware that cannot be opened. */
import { messageOf, PersonError } from '../../src/core/errors.ts';

/** What each of the native packages is for, and how its device is made to appear. */
const DEVICES = {
  'spi-device': {
    group: 'spi',
    enable: 'enable SPI with "sudo raspi-config" (Interface Options) and reboot',
  },
  'i2c-bus': { group: 'i2c', enable: 'enable I2C with "sudo raspi-config" (Interface Options) and reboot' },
  onoff: { group: 'gpio', enable: 'check the pin number of the board profile' },
} as const;

export type NativePackage = keyof typeof DEVICES;

/** The module that `load` imports; a `PersonError` where the package was not installed or could not be built. */
export async function loadNative<T>(name: NativePackage, load: () => Promise<T>): Promise<T> {
  try {
    return await load();
  } catch (cause) {
    throw new PersonError(
      'native-package-missing',
      `The hardware package ${name} is not installed: install a compiler ` +
        '("sudo apt install build-essential python3") and run "npm ci" again.',
      { cause },
    );
  }
}

/** Turns what opening `device` through a native package threw into a sentence. */
export function openingFailed(name: NativePackage, device: string, cause: unknown): PersonError {
  const { group, enable } = DEVICES[name];
  const code = codeOf(cause);
  if (code === 'ENOENT' || code === 'ENODEV' || code === 'ENXIO' || code === 'EINVAL')
    return new PersonError('device-missing', `${device} does not exist here: ${enable}.`, { cause });
  if (code === 'EACCES' || code === 'EPERM')
    return new PersonError(
      'device-forbidden',
      `${device} may not be opened by this user: add it to the group ${group} ` +
        `("sudo usermod -aG ${group} USER") and log in again.`,
      { cause },
    );
  if (code === 'EBUSY')
    return new PersonError(
      'device-busy',
      `${device} is in use: stop the other program, or the overlay in /boot/firmware/config.txt, that holds it.`,
      { cause },
    );
  return new PersonError('device-failed', `${device} cannot be opened (${messageOf(cause)}).`, { cause });
}

/** The system's name of an error, as ENOENT; undefined where it has none. */
export function codeOf(e: unknown): string | undefined {
  const code = e instanceof Error && 'code' in e ? e.code : undefined;
  return typeof code === 'string' ? code : undefined;
}
