import type { SimulatedBoard } from './board.ts';

/** No hardware: a simulated SX1276 in the air of the simulation's hub. */
export const sim: SimulatedBoard = {
  kind: 'sim',
  name: 'sim',
  title: 'Simulated SX1276',
};
