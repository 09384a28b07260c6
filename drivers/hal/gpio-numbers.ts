/**
 * From BCM numbers, as boards are described, to what the running kernel calls a line. The first number of sysfs
 * GPIOs was seen at 0, 399, 512, 522, 569 and 571, and the header's chip moved from gpiochip4 to gpiochip0 on a
 * Pi 5: only the label says which chip is the header's.
 */
import { readdir, readFile } from 'node:fs/promises';
import { PersonError } from '../../src/core/errors.ts';

/** Labels of the header's GPIO chip: Pi 5, Pi 4, and all before. */
const HEADER_CHIPS: readonly string[] = ['pinctrl-rp1', 'pinctrl-bcm2711', 'pinctrl-bcm2835'];

export function isHeaderChip(label: string): boolean {
  return HEADER_CHIPS.includes(label);
}

/** The sysfs number of BCM line `bcm`. `root` is the kernel's GPIO directory. */
export async function sysfsGpio(bcm: number, root = '/sys/class/gpio'): Promise<number> {
  const chips = (await readdir(root)).filter((name) => /^gpiochip\d+$/.test(name));
  for (const chip of chips.sort()) {
    const attribute = async (name: string) => (await readFile(`${root}/${chip}/${name}`, 'utf8')).trim();
    if (!isHeaderChip(await attribute('label'))) continue;
    const [base, lines] = [Number(await attribute('base')), Number(await attribute('ngpio'))];
    if (bcm < lines) return base + bcm;
  }
  throw new PersonError(
    'gpio-unknown',
    `GPIO ${bcm} was not found: this machine has no Raspberry Pi header (${HEADER_CHIPS.join(', ')}) under ${root}.`,
  );
}
