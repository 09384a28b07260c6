/**
 * The plug pulled at any moment, of either box, again and again: nothing that was reported *stored* is lost, nothing
 * arrives twice (docs/protocol/README.md, rule 2).
 */
import { afterEach, describe, expect, test } from 'vitest';
import { below, type Random, SeededRandom, uniform } from '../../src/core/random.ts';
import { type Box, World } from '../world.ts';
import { MINUTE, statesOf, textsOf } from './messages.ts';

let world: World;
afterEach(() => world.end());

describe.each(Array.from({ length: 12 }, (_, i) => i + 1))('seed %i', (seed) => {
  test('five messages survive six power cuts', async () => {
    const random = begin(seed);
    const [a, b] = await world.boxes('a', 'b');
    await world.settle(a.node.addContact('b', b.contact));
    const stored = new Map<string, string>();
    let written = 0;
    const write = () => {
      if (!a.on || written >= 5) return;
      const text = `message ${written++} ${'x'.repeat(below(random, 600))}`;
      a.node.send('b', text).then(
        (sent) => stored.set(sent.id, text),
        () => {},
      );
    };
    for (let cut = 0; cut < 6; cut++) {
      write();
      await world.sim.run(uniform(random) * 4_000);
      const victim: Box = uniform(random) < 0.5 ? a : b;
      victim.pullThePlug();
      await world.sim.run(uniform(random) * 5_000);
      await world.sim.resolve(victim.start(), MINUTE);
    }
    const delivered = () => [...stored.keys()].every((id) => statesOf(a, id).at(-1) === 'delivered');
    await world.sim.until(delivered, 90 * MINUTE, 'delivery of all that was stored');
    const texts = textsOf(b);
    for (const text of stored.values()) expect(texts.filter((t) => t === text)).toHaveLength(1);
    expect(new Set(texts).size).toBe(texts.length);
    expect(stored.size).toBeGreaterThan(0);
  });
});

/** A world whose disks take 1–200 ms for a commit. */
function begin(seed: number): Random {
  const random = new SeededRandom(`disk ${seed}`);
  world = new World({ seed, commitMs: () => 1 + 200 * uniform(random) ** 4 });
  return world.sim.random.fork('cuts');
}
