/**
 * A relay in a process of its own, whose memory and writes are measured by who started it: the real node on the
 * loopback LAN and the machine's disk. Its only stand-in is one next hop that never answers, so that it takes whatever
 * it is given and keeps it. Arguments: state directory, port or 0, contact codes of the givers.
 */
import process from 'node:process';
import { createInterface } from 'node:readline';
import { SystemClock } from '../../src/core/clock.ts';
import { Counters } from '../../src/core/counters.ts';
import { silent } from '../../src/core/log.ts';
import { SystemRandom } from '../../src/core/random.ts';
import { openDatabase } from '../../src/db/open.ts';
import { nodeIdFrom } from '../../src/identity/node-id.ts';
import { LanMedium } from '../../src/link/lan/lan-medium.ts';
import { nodeNet } from '../../src/link/lan/sockets.ts';
import type { Router } from '../../src/mesh/router.ts';
import type { Routing } from '../../src/mesh/routing.ts';
import { startNode } from '../../src/node/node.ts';
import { brotli } from '../../src/platform/brotli.ts';

const NOBODY = nodeIdFrom(new Uint8Array(16).fill(0xee));

function overNobody(router: Router): Routing {
  return {
    candidates: () => [{ neighbour: NOBODY, metric: 1, direct: false }],
    awaited: () => [],
    sequenceOf: (target) => router.sequenceOf(target),
    want: () => {},
    unwant: () => {},
    keyOf: (id) => router.keyOf(id),
    onHeard: router.onHeard,
    onRoute: router.onRoute,
  };
}

const say = (value: unknown) => process.stdout.write(`${JSON.stringify(value)}\n`);

const [state = '', port = '0', ...givers] = process.argv.slice(2);
const common = {
  clock: new SystemClock(),
  random: new SystemRandom(),
  counters: new Counters(),
  log: silent,
};
const db = await openDatabase(state, { durability: { kind: 'disk' } });
const medium = await LanMedium.open(
  { listen: { host: '127.0.0.1', port: Number(port) }, peers: [], multicast: false },
  { ...common, net: nodeNet(0) },
);
const node = await startNode({
  ...common,
  ...{ db, media: [medium], lan: medium, codec: brotli, routing: overNobody },
  ...{ version: 'bench', name: 'relay', ttlDays: 7, mailboxes: [], maxStoreBytes: 1024 * 2 ** 20 },
  seed: new Uint8Array(32).fill(7),
});
const known = new Set(node.contacts().map((c) => c.contact));
for (const [i, code] of givers.entries()) if (!known.has(code)) await node.addContact(`giver ${i}`, code);
say({ port: medium.status.port, publicKey: node.identity().publicKey });
for await (const line of createInterface({ input: process.stdin })) {
  if (line === 'status') say(node.status().store);
  if (line === 'stop') break;
}
await node.stop();
await medium.stop();
await db.close();
process.exit(0);
