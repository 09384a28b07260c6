/** The hour's airtime is spent in the middle of a burst: docs/protocol/link.md, "The law", "Transfers". */
import { afterEach, expect, test } from 'vitest';
import { World } from '../../world.ts';
import { MINUTE, textsOf } from '../messages.ts';
import { AirLog, HOUR } from './air-log.ts';
import { isDelivered, waitFor, write } from './waiting.ts';

let world: World;
afterEach(() => world.end());

/** 0.1 % of an hour: nine full frames at SF7. */
const DUTY = 0.001;

test('the burst goes on when the law allows it, with what is missing, and no byte is sent twice', async () => {
  world = new World({ seed: 6, dutyCycle: DUTY });
  const air = new AirLog(world.air);
  const [a, b] = await world.boxes('a', 'b');
  await world.settle(a.node.addContact('b', b.contact));
  await world.sim.run(3 * HOUR);
  const random = world.sim.random.fork('text');
  const text = Array.from(random.bytes(3000), (x) => String.fromCharCode(33 + (x % 90))).join('');
  const at = world.sim.monotonic();
  const letter = await write(world, a, b, text);
  const took = await waitFor(world, () => isDelivered(letter), 12 * HOUR, 'delivery', MINUTE);
  const own = air.frames.filter((f) => f.from === 'a' && f.at > at && f.kind === 3);
  console.log({ took: took / HOUR, n: own.length, bytes: own.reduce((s, f) => s + f.bytes.length, 0), busiest: [air.busiestHourMs('a'), air.busiestHourMs('b')] }, a.counters.all(), a.node.outbox()[0]?.history);
  console.log(own.map((f) => [(f.at / HOUR).toFixed(3), f.bytes.length].join(':')).join(' '));
  expect(textsOf(b)).toEqual([text]);
  for (const name of ['a', 'b']) expect(air.busiestHourMs(name)).toBeLessThanOrEqual(DUTY * HOUR);
});
