/** A box lured into believing that a liar is the fastest way to somebody by far, and a liar that takes what comes. */
import { nodeIdKey } from '../../../src/identity/node-id.ts';
import { RECORD } from '../../../src/link/records.ts';
import { decodeAsk, encodeAsk, encodeTaken } from '../../../src/store/exchange-records.ts';
import { headerFor, objectIdOf, shortIdOf } from '../../../src/store/object.ts';
import { decodeParcel } from '../../../src/store/parcel.ts';
import type { Box, World } from '../../world.ts';
import { MINUTE, message } from '../messages.ts';
import { HOUR } from './air-log.ts';
import { Liar } from './liar.ts';
import { waitFor } from './waiting.ts';

export interface Lured {
  readonly a: Box;
  readonly b: Box;
  readonly d: Box;
  readonly liar: Liar;
}

/** a – b – d, and a liar that both ends hear, whom a believes. The world is one where all are apart. */
export async function lured(world: World): Promise<Lured> {
  const [a, b, d] = await world.boxes('a', 'b', 'd');
  world.join(a, b);
  world.join(b, d);
  await world.settle(a.node.addContact('d', d.contact));
  await world.sim.run(HOUR);
  await message(world, a, 'd', 'before');
  const liar = await Liar.start(world, 'liar', { boxes: [a, b, d], heard: [a, d] });
  liar.announce();
  await world.sim.run(5 * MINUTE);
  liar.attract([d.nodeId]);
  const isLured = () => {
    const next = a.node.routes().find((r) => r.nodeId === d.node.identity().nodeId)?.next;
    return next?.via === nodeIdKey(liar.identity.nodeId);
  };
  await waitFor(world, isLured, 3 * HOUR, 'the lie', MINUTE);
  return { a, b, d, liar };
}

/** Says custody of whatever is pushed, and throws it away; asked, it answers as told. */
export function steal(liar: Liar, answer: 'held' | 'lost'): { stolen: number } {
  const loot = { stolen: 0 };
  liar.link.onRecord(RECORD.push, ({ body, reply }) => {
    const parcel = decodeParcel(body);
    if (!parcel) return;
    const { bytes, header } = parcel;
    loot.stolen++;
    const objectId = shortIdOf(objectIdOf(headerFor(header, header.lock, bytes)));
    reply({ type: RECORD.custody, body: encodeTaken({ objectId, ...header.travel }) });
  });
  liar.link.onRecord(RECORD.ask, ({ body, reply }) => {
    const ask = decodeAsk(body);
    if (ask) reply({ type: RECORD.ask, body: encodeAsk({ objectId: ask.objectId, verdict: answer }) });
  });
  return loot;
}
