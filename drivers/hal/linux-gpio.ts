/** GPIO lines of the Raspberry Pi's header, by BCM number, through what the running kernel offers. */
import { access } from 'node:fs/promises';
import type { GpioLine } from './hal.ts';
import { findGpiodTools, openGpiodLine } from './linux-gpio-gpiod.ts';
import { openSysfsLine } from './linux-gpio-sysfs.ts';

/** Opens lines; asks the machine once how. */
export type OpenLine = (bcm: number, use: { readonly edges: boolean }) => Promise<GpioLine>;

/** sysfs where it exists (kernels up to Raspberry Pi OS bookworm), otherwise the character device by its tools. */
export async function gpioOpener(): Promise<OpenLine> {
  const sysfs = await access('/sys/class/gpio/export').then(
    () => true,
    () => false,
  );
  if (sysfs) return (bcm, { edges }) => openSysfsLine(bcm, edges);
  const tools = await findGpiodTools();
  return async (bcm) => openGpiodLine(tools, bcm);
}
