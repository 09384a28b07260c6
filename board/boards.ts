/** All boards, by name. */
import { adafruitBonnet } from './adafruit.ts';
import type { Board } from './board.ts';
import { draginoLoraGps } from './dragino.ts';
import { hallardM1, hallardM2 } from './hallard.ts';
import { loraham433, loraham868 } from './loraham.ts';
import { electronicTricks, lorasPi } from './raspi-plates.ts';
import { sim } from './sim.ts';
import { uputronicsCe0, uputronicsCe1 } from './uputronics.ts';

export const BOARDS: readonly Board[] = [
  adafruitBonnet,
  draginoLoraGps,
  uputronicsCe0,
  uputronicsCe1,
  loraham433,
  loraham868,
  hallardM1,
  hallardM2,
  lorasPi,
  electronicTricks,
  sim,
];

export function boardNamed(name: string): Board | undefined {
  return BOARDS.find((b) => b.name === name);
}
