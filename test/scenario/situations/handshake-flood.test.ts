/**
 * Machines on the LAN that ask for handshakes as fast as they can, under ever new identities, by connections that they
 * open anew whenever one is ended. docs/protocol/link.md, "The LAN".
 */
import { afterEach, expect, test } from 'vitest';
import { fromHex } from '../../../src/core/bytes.ts';
import { Identity } from '../../../src/identity/keys.ts';
import { readFrame } from '../../../src/link/frame.ts';
import { Initiation } from '../../../src/link/handshake.ts';
import { Deframer, framed, preamble } from '../../../src/link/lan/framing.ts';
import type { SimStream } from '../../sim-net.ts';
import { type Box, World } from '../../world.ts';
import { MINUTE, textsOf } from '../messages.ts';
import { isDelivered, waitFor, write } from './waiting.ts';

const MACHINES = 4;
const CONNECTIONS = 8 * MACHINES;
/** Each connection says one so often. */
const PACE_MS = 100;
/** What a handshake costs is real here, so they are made once, and said again once nobody can remember them. */
const PREPARED = 300;

let world: World;
afterEach(() => world.end());

/** Floods `box` until `stop`; counts the handshakes it has answered. */
function flood(box: Box) {
  const { random } = world.sim;
  const responderKey = fromHex(box.node.identity().publicKey) as Uint8Array;
  const prepared = Array.from({ length: PREPARED }, () => {
    const identity = new Identity(random.bytes(32));
    const begun = Initiation.begin({ identity, responderKey, sessionIndex: 7, counter: 1n, random });
    return framed((begun as Initiation).message1);
  });
  const seen = { answered: 0, asked: 0, connections: 0 };
  let isOver = false;
  const connection = async (n: number) => {
    let stream: SimStream | undefined;
    while (!isOver) {
      if (!stream || stream.closed) {
        const to = { host: box.name, port: 27182 };
        const opened = await world.lan.stranger(`evil ${n % MACHINES}`, to).catch(() => undefined);
        if (!opened) return;
        const deframer = new Deframer();
        opened.onData.on((bytes) => {
          for (const piece of deframer.push(bytes)) {
            if (piece.is !== 'frame') continue;
            const frame = readFrame(piece.bytes);
            if (typeof frame !== 'string' && frame.form === 'message-2') seen.answered++;
          }
        });
        opened.write(preamble(random.bytes(8)));
        seen.connections++;
        stream = opened;
      }
      stream.write(prepared[seen.asked++ % PREPARED] as Uint8Array);
      await world.sim.sleep(PACE_MS);
    }
  };
  for (let n = 0; n < CONNECTIONS; n++) void connection(n);
  return {
    seen,
    stop: () => {
      isOver = true;
    },
  };
}

test('cost a box ten a second, and newcomers get in all the while', async () => {
  world = new World({ seed: 14, apart: true });
  const lan = (...peers: string[]) => ({ radio: false, lan: peers });
  const hub = world.box('hub', lan());
  const friend = world.box('friend', lan('hub'));
  const stranger = world.box('stranger', lan('hub'));
  await world.settle(hub.start());
  await world.settle(friend.start());
  await world.settle(hub.node.addContact('friend', friend.contact));
  await world.settle(friend.stop());

  const { seen, stop } = flood(hub);
  await world.sim.run(10_000);
  expect(seen.answered).toBeLessThanOrEqual(10 + 10 * 10);

  for (const box of [friend, stranger]) {
    await world.settle(box.start());
    const letter = await write(world, box, hub, `from ${box.name}`);
    const ms = await waitFor(world, () => isDelivered(letter), MINUTE, `the letter of the ${box.name}`);
    expect(ms).toBeLessThan(30_000);
  }
  expect(textsOf(hub)).toEqual(['from friend', 'from stranger']);
  stop();
  // it was a flood, and its connections were opened anew
  expect(seen.asked).toBeGreaterThan(10 * seen.answered);
  expect(seen.connections).toBeGreaterThan(2 * CONNECTIONS);
});
