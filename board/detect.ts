/** Which Raspberry Pi this is, and what a HAT's EEPROM says of itself. */
import { readFile } from 'node:fs/promises';
import type { Hat } from './board.ts';
import { BOARDS } from './boards.ts';

export interface Machine {
  /** As "Raspberry Pi 5 Model B Rev 1.0". */
  readonly model: string;
  /** Absent where the HAT has no EEPROM, as most LoRa boards. */
  readonly hat?: { readonly vendor: string; readonly product: string };
}

/** Reads the device tree; undefined where there is none. `root` is the kernel's. */
export async function detectMachine(root = '/proc/device-tree'): Promise<Machine | undefined> {
  // strings of the device tree end in a zero byte
  const text = (path: string) =>
    readFile(`${root}/${path}`, 'utf8').then(
      (s) => s.replaceAll('\0', '').trim(),
      () => undefined,
    );
  const [model, vendor, product] = await Promise.all([
    text('model'),
    text('hat/vendor'),
    text('hat/product'),
  ]);
  if (model === undefined) return undefined;
  return product === undefined ? { model } : { model, hat: { vendor: vendor ?? '', product } };
}

/** The boards of the maker that the EEPROM names: suggestions, not certainties. */
export function suggestBoards(machine: Machine): Hat[] {
  const words = `${machine.hat?.vendor ?? ''} ${machine.hat?.product ?? ''}`.toLowerCase();
  return BOARDS.filter((b) => b.kind === 'hat').filter((b) => words.includes(b.vendor));
}
