/**
 * A crowd of fresh identities upon a relay: what they get is one share, however many they are. docs/protocol/store.md,
 * "Bounds"; link.md, "The law"; mesh.md, "Budget".
 */
import { afterEach, expect, test } from 'vitest';
import { World } from '../../world.ts';
import { MINUTE } from '../messages.ts';
import { HOUR } from './air-log.ts';
import { arrived, besiege } from './crowd.ts';

const STORE_BYTES = 20_000;
const DUTY_CYCLE = 0.005;

let world: World;
afterEach(() => world.end());

test('they fill neither its memory, nor its disk, nor its air, and all honest mail goes through', async () => {
  world = new World({ seed: 10, apart: true, dutyCycle: DUTY_CYCLE, maxStoreBytes: STORE_BYTES });
  const siege = await besiege(world, 20 * MINUTE);
  const { counters, node } = siege.relay;
  expect(arrived(siege)).toHaveLength(siege.letters.length);
  // a tenth of the store is the strangers'; a letter or two of a contact may be there too
  expect(siege.mostBytes).toBeLessThan(STORE_BYTES / 10 + 400);
  expect(siege.busiestHourMs).toBeLessThan(DUTY_CYCLE * HOUR);
  // handshakes and answers that it did not give
  expect(counters.get('link.refused.too-many-strangers')).toBeGreaterThan(100);
  expect(counters.get('link.refused.unanswered-stranger')).toBeGreaterThan(10);
  expect(node.neighbours().filter((n) => n.linked).length).toBeLessThanOrEqual(24);
});
