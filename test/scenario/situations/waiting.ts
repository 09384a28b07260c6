/** Waiting in virtual time for what takes minutes to days: looked at now and then, not after every event. */
import type { OutboxEntry } from '../../../src/node/nexus-node.ts';
import type { Box, World } from '../../world.ts';
import { statesOf } from '../messages.ts';

export interface Letter {
  readonly from: Box;
  readonly id: string;
}

/** Writes a text to a box, contact or not; resolves once it is stored. */
export async function write(
  world: World,
  from: Box,
  to: Pick<Box, 'contact'>,
  text: string,
): Promise<Letter> {
  const { id }: OutboxEntry = await world.settle(from.node.send(to.contact, text));
  return { from, id };
}

/** The writer knows that it has arrived. */
export function isDelivered({ from, id }: Letter): boolean {
  return from.on && statesOf(from, id).at(-1) === 'delivered';
}

/** Runs until `done()`, looked at every `everyMs`; gives the ms that took. Throws after `mostMs` of virtual time. */
export async function waitFor(
  world: World,
  done: () => boolean,
  mostMs: number,
  what: string,
  everyMs = 1000,
): Promise<number> {
  for (let ms = 0; ms <= mostMs; ms += everyMs) {
    if (done()) return ms;
    await world.sim.run(everyMs);
  }
  throw new Error(`${what} did not come within ${mostMs / 60_000} min (seed ${world.options.seed})`);
}
