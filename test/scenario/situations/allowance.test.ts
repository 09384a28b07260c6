/** The hour's airtime is spent in the middle of a burst: docs/protocol/link.md, "The law", "Transfers". */
import { afterEach, expect, test } from 'vitest';
import { KIND } from '../../../src/link/frame.ts';
import { World } from '../../world.ts';
import { MINUTE, textsOf } from '../messages.ts';
import { AirLog, HOUR } from './air-log.ts';
import { isDelivered, waitFor, write } from './waiting.ts';

let world: World;
afterEach(() => world.end());

/** 0.1 % of an hour: nine full frames at SF7. */
const DUTY_CYCLE = 0.001;

test('the burst goes on when the law allows it, with what is missing: no byte goes twice, and all are counted', async () => {
  world = new World({ seed: 6, dutyCycle: DUTY_CYCLE });
  const air = new AirLog(world.air);
  const [a, b] = await world.boxes('a', 'b');
  await world.sim.run(3 * HOUR);
  const random = world.sim.random.fork('text');
  const text = Array.from(random.bytes(3000), (x) => String.fromCharCode(33 + (x % 90))).join('');
  const at = world.sim.monotonic();
  const letter = await write(world, a, b, text);
  const took = await waitFor(world, () => isDelivered(letter), 3 * HOUR, 'delivery', MINUTE);
  expect(a.counters.get('link.burst-cut')).toBeGreaterThan(0);
  expect(took).toBeGreaterThan(HOUR / 2);
  expect(textsOf(b)).toEqual([text]);
  // the offer, and twelve fragments; not the hint that it waits, nor what answers the pull
  const isOfLetter = (f: { bytes: Uint8Array }) => f.bytes.length > 33;
  const own = air.frames.filter(
    (f) => f.from === 'a' && f.at > at && f.kind === KIND.sealed && isOfLetter(f),
  );
  expect(own).toHaveLength(13);
  const [entry] = a.node.outbox();
  const counted = entry?.history.at(-1);
  expect(counted?.bytesOnAir).toBe(own.reduce((sum, f) => sum + f.bytes.length, 0));
  expect(counted?.airtimeMs).toBeCloseTo(
    own.reduce((sum, f) => sum + f.ms, 0),
    -1,
  );
  for (const name of ['a', 'b']) expect(air.busiestHourMs(name)).toBeLessThanOrEqual(DUTY_CYCLE * HOUR);
});
