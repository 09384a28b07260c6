/** Messages over several hops: docs/protocol/store.md, "Forwarding". */
import { afterEach, describe, expect, test } from 'vitest';
import { World, type WorldOptions } from '../world.ts';
import { MINUTE, message, statesOf, textsOf } from './messages.ts';

let world: World;
afterEach(() => world.end());

describe('a line of four, where only neighbours hear each other', () => {
  test('delivers', async () => {
    world = new World({ routed: true });
    const log: string[] = [];
    world.air.onTransmission.on((t) => log.push(`${(t.startMs/1000).toFixed(2)} ${t.from} kind ${(t.bytes[0]! >> 3) & 7} ${t.bytes.length}`));
    const [a, b, c, d] = await world.line('a', 'b', 'c', 'd');
    await world.settle(a.node.addContact('d', d.contact));
    await world.sim.run(MINUTE);
    log.length = 0;
    try {
    await message(world, a, 'd', 'far');
    } finally { console.log(log.join('\n'), a.node.outbox()[0]?.history, b.node.status().counters, c.node.status().counters); }
    expect(textsOf(d)).toEqual(['far']);
  });
});
