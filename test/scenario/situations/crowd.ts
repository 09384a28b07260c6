/** A relay between two contacts, besieged by two hundred fresh identities of one hostile radio. */
import { Identity } from '../../../src/identity/keys.ts';
import { LinkFailed } from '../../../src/link/link.ts';
import type { NodeLink } from '../../../src/link/node-link.ts';
import { RECORD } from '../../../src/link/records.ts';
import { encodeParcel } from '../../../src/store/parcel.ts';
import type { Box, World } from '../../world.ts';
import { MINUTE } from '../messages.ts';
import { AirLog, HOUR } from './air-log.ts';
import { announceOf, bareLink, lawlessMedium } from './liar.ts';
import { isDelivered, type Letter, write } from './waiting.ts';

const CROWD = 200;
/** One of the crowd has something to say so often. */
const PACE_MS = 2_000;
const LETTER_EVERY_MS = 5 * MINUTE;

export interface Siege {
  readonly relay: Box;
  /** Of those who live there, written during the siege. */
  readonly letters: readonly Letter[];
  /** The most bytes that the relay held. */
  readonly mostBytes: number;
  /** The relay's, within any hour of it. */
  readonly busiestHourMs: number;
}

/** For `ms`, in a world where all are apart; ends once the letters had ten minutes more. */
export async function besiege(world: World, ms: number): Promise<Siege> {
  const air = new AirLog(world.air);
  const [a, relay, d] = await world.boxes('a', 'relay', 'd');
  world.join(a, relay);
  world.join(relay, d);
  for (const end of [a, d]) {
    await world.settle(relay.node.addContact(end.name, end.contact));
    await world.settle(end.node.addContact('relay', relay.contact));
  }
  await world.sim.run(2 * HOUR);
  const links = await crowd(world, relay);
  const letters: Letter[] = [];
  let mostBytes = 0;
  for (let i = 0; i * PACE_MS < ms; i++) {
    const n = i % CROWD;
    // who has a session goes on at any time, since most of the others are not answered
    const speakers = links.filter(
      (link, k) => k === n || (i % 5 === 0 && link.neighbour(relay.nodeId).linked),
    );
    for (const link of speakers) push(world, link, relay, d);
    if (i % (LETTER_EVERY_MS / PACE_MS) === 0) letters.push(await write(world, a, d, `letter ${i}`));
    await world.sim.run(PACE_MS);
    mostBytes = Math.max(mostBytes, relay.node.status().store.bytes);
  }
  await world.sim.run(10 * MINUTE);
  return { relay, letters, mostBytes, busiestHourMs: air.busiestHourMs(relay.name) };
}

/** Those of the letters that have arrived. */
export function arrived({ letters }: Siege): readonly Letter[] {
  return letters.filter(isDelivered);
}

/** All announce themselves, one after the other. Who drowns the relay by force needs no identities: they are weaker. */
async function crowd(world: World, relay: Box): Promise<readonly NodeLink[]> {
  const medium = await lawlessMedium(world, 'crowd', [relay]);
  world.air.setLoss('crowd', relay.name, 112);
  const links: NodeLink[] = [];
  for (let i = 0; i < CROWD; i++) {
    const identity = new Identity(world.sim.random.fork(`crowd ${i}`).bytes(32));
    const link = bareLink(world, medium, identity, [relay]);
    links.push(link);
    void link.broadcast(announceOf(identity), 0);
    await world.sim.run(500);
  }
  return links;
}

/** A letter of nobody's. */
function push(world: World, link: NodeLink, relay: Box, recipient: Box): void {
  const { random } = world.sim;
  const header = {
    ...({ contentType: 0, priority: 1, minBandwidth: 0, ttl: 200 } as const),
    lock: random.bytes(16),
    recipients: [recipient.nodeId],
    travel: { attempt: 0, sequence: 0, age: 0, hopsLeft: 9 },
  };
  const body = encodeParcel({ header, bytes: random.bytes(100) });
  link
    .neighbour(relay.nodeId)
    .send({ type: RECORD.push, body }, { priority: 1 })
    .catch((e) => {
      if (!(e instanceof LinkFailed)) throw e;
    });
}
