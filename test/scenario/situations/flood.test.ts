/** A linked neighbour that says all it can, and one that says it is somebody else. */
import { afterEach, expect, test } from 'vitest';
import { Identity } from '../../../src/identity/keys.ts';
import { LinkFailed } from '../../../src/link/link.ts';
import { RECORD } from '../../../src/link/records.ts';
import { UNSAID } from '../../../src/mesh/channel-shares.ts';
import { MOST_STRANGERS } from '../../../src/mesh/destinations.ts';
import { encodeDigest } from '../../../src/mesh/digest.ts';
import { metricOf } from '../../../src/mesh/metric.ts';
import { encodeSolicit } from '../../../src/mesh/solicit.ts';
import { encodeWant } from '../../../src/mesh/want.ts';
import { World } from '../../world.ts';
import { MINUTE, textsOf } from '../messages.ts';
import { AirLog, ALLOWED_MS, HOUR } from './air-log.ts';
import { announceOf, Liar } from './liar.ts';
import { isDelivered, type Letter, waitFor, write } from './waiting.ts';

let world: World;
afterEach(() => world.end());

test('a flood of records, solicits, wants, digests and announces of invented nodes: counted, bounded, and mail goes on', async () => {
  world = new World({ seed: 11, apart: true });
  const air = new AirLog(world.air);
  const [a, relay, d] = await world.boxes('a', 'relay', 'd');
  world.join(a, relay);
  world.join(relay, d);
  const liar = await Liar.start(world, 'liar', { boxes: [a, relay, d], heard: [relay] });
  // it drowns nobody by force
  world.air.setLoss('liar', 'relay', 112);
  liar.announce();
  await waitFor(world, () => liar.link.shared.isMutual(relay.nodeId), HOUR, 'the link');
  await world.sim.run(HOUR);
  const at = world.sim.monotonic();
  const random = world.sim.random.fork('flood');
  const prefixes = (n: number) => Array.from({ length: n }, () => random.bytes(4));
  const say = (type: number, body: Uint8Array) =>
    liar.link
      .neighbour(relay.nodeId)
      .send({ type, body }, { priority: 1 })
      .catch((e) => {
        if (!(e instanceof LinkFailed)) throw e;
      });
  const cost = { metric: metricOf(100), price: 0, bottleneck: 255, hops: 1 };
  const vices: readonly (() => unknown)[] = [
    () => say(RECORD.hello, new Uint8Array(0)),
    () => say(RECORD.want, encodeWant([a.nodeId.subarray(0, 4), d.nodeId.subarray(0, 4), ...prefixes(14)])),
    () => say(RECORD.offer, random.bytes(40)),
    () => liar.link.broadcast(announceOf(new Identity(random.bytes(32))), 0),
    () =>
      liar.link.broadcast(
        encodeSolicit({
          from: 0,
          entries: prefixes(20).map((prefix, nonce) => ({ prefix, leastStep: 0, nonce, ring: 64 })),
        }),
        0,
      ),
    () => {
      const entries = prefixes(10).map((prefix) => ({ prefix, freshness: random.bytes(8), cost }));
      return liar.link.shared.send(
        { type: RECORD.digest, body: encodeDigest({ t0: 79, crowd: UNSAID, wants: [], entries }) },
        0,
        'all',
      );
    },
  ];
  const letters: Letter[] = [];
  for (let i = 0; i < 1_200; i++) {
    vices[i % vices.length]?.();
    if (i % 200 === 0) letters.push(await write(world, a, d, `letter ${i}`));
    await world.sim.run(1_500);
  }
  const until = world.sim.monotonic();
  await waitFor(world, () => letters.every(isDelivered), 20 * MINUTE, 'the mail');
  expect(textsOf(d)).toHaveLength(letters.length);
  expect(air.routingShare(['relay'], at, until)).toBeLessThan(0.03);
  expect(air.busiestHourMs('relay')).toBeLessThan(ALLOWED_MS / 2);
  expect(relay.node.routes().length).toBeLessThanOrEqual(MOST_STRANGERS);
});

test('two with one identity: it is counted, other mail goes on, and that for it arrives, once, when it is one again at the latest', async () => {
  world = new World({ seed: 12 });
  const [a, b, c] = await world.boxes('a', 'b', 'c');
  await world.sim.run(HOUR);
  const identity = new Identity(world.sim.random.fork('identity of b').bytes(32));
  expect(identity.nodeId).toEqual(b.nodeId);
  const twin = await Liar.start(world, 'twin', { boxes: [a, c], heard: [a, b, c], identity });
  twin.announce(2n);
  // it begins sessions with everybody, and drops what it is given
  const speak = () => {
    for (const box of [a, c])
      twin.link
        .neighbour(box.nodeId)
        .send({ type: RECORD.hello, body: new Uint8Array(0) }, { priority: 1 })
        .catch((e) => {
          if (!(e instanceof LinkFailed)) throw e;
        });
  };
  const letters: Letter[] = [];
  for (let i = 0; i < 30; i++) {
    if (i % 10 === 0)
      letters.push(await write(world, a, c, `to c, ${i}`), await write(world, c, a, `to a, ${i}`));
    speak();
    await world.sim.run(MINUTE);
  }
  expect(letters.every(isDelivered)).toBe(true);
  const late = await write(world, a, b, 'to b');
  for (let i = 0; i < 30; i++) {
    speak();
    await world.sim.run(MINUTE);
  }
  expect(b.counters.get('mesh.refused.own-announce')).toBeGreaterThan(0);
  for (const box of [a, b, c]) world.air.setLoss('twin', box.name, Number.POSITIVE_INFINITY);
  await waitFor(world, () => isDelivered(late), 3 * HOUR, 'the letter to b', MINUTE);
  expect(textsOf(b)).toEqual(['to b']);
});
